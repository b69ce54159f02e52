/* plugin/call.h - one call of a plugin's function: what the plugin may do meanwhile, and what its answer counts
 *
 * Holds a plugin to the table in garnet/plugin.h. Who calls one of its functions does so between
 * call_enter() and call_leave(); one function runs at a time. The reason of the last failure stays
 * in `why` until the next call. Knows nothing of what the functions are for.
 */
#ifndef PLUGIN_CALL_H
#define PLUGIN_CALL_H
#include "base/why.h"

enum plugin_callback {
    PLUGIN_IDLE, /* none runs: host code does */
    PLUGIN_CHECK,
    PLUGIN_OPEN,
    PLUGIN_BEGIN,
    PLUGIN_FORMAT,
    PLUGIN_END,
    PLUGIN_DELIVER,
    PLUGIN_EVENT,
    PLUGIN_CLOSE,
};
enum plugin_call { /* groups of host calls */
                   PLUGIN_APPENDS = 1,
                   PLUGIN_BAD = 2,
                   PLUGIN_REJECTS = 4,
                   PLUGIN_CONFIRMS = 8,
                   PLUGIN_WAITS = 16,
};

struct call {           /* all zero: none runs */
    const char *plugin; /* its name, for the log */
    enum plugin_callback at;
    unsigned forks; /* when it was entered */
    bool broke;     /* a rule, so that its answer does not count */
    struct why why;
};

/* From now on a child that the plugin forks is found out, if it comes back from a call. */
void call_watch_forks(struct call *c, const char *plugin);
void call_enter(struct call *c, enum plugin_callback at);
/* The answer that counts: the plugin's, if it may give that one and broke no rule; else FATAL, or
 * for format(), which is about one metric, REJECT. After anything but OK `why` has the reason. */
int call_leave(struct call *c, int answer);
/* Whether the function that runs may make this host call, called `name`; if not, that broke a rule. */
bool call_may(struct call *c, enum plugin_call what, const char *name);
/* Any other rule that it broke. The first one counts: the others follow from it. */
void call_broke(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A reason that is no broken rule; the reason of one stays. */
void call_why(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void call_whyv(struct call *c, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
const char *call_name(enum plugin_callback at); /* "format()" */

#endif
