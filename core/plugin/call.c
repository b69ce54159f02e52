/* plugin/call.c - the table of garnet/plugin.h, and where a call stands in it
 *
 * A plugin that breaks a rule is not stopped in the middle of its function: what it did is noted,
 * and its answer replaced when it returns. A thread of its own that calls the host is noted in the
 * same way, since no function runs then. A child that it forked, and that comes back from the
 * call, would send everything a second time: it ends here. Nothing can fail but the registration
 * of the fork handler, for want of memory; then such a child is not found out.
 */
#include "plugin/call.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "garnet/plugin.h"

enum {
    OK = 1 << GARNET_OK,
    SKIP = 1 << GARNET_SKIP,
    RETRY = 1 << GARNET_RETRY,
    REJECT = 1 << GARNET_REJECT,
    FATAL = 1 << GARNET_FATAL,
    PENDING = 1 << GARNET_PENDING,
};

static const struct {
    const char *name;
    int answers, calls;
} RULES[] = {
    [PLUGIN_IDLE] = {"no callback", 0, 0},
    [PLUGIN_CHECK] = {"check()", OK | FATAL, PLUGIN_BAD},
    [PLUGIN_OPEN] = {"open()", OK | RETRY | FATAL, PLUGIN_WAITS},
    [PLUGIN_BEGIN] = {"begin()", OK | FATAL, PLUGIN_APPENDS},
    [PLUGIN_FORMAT] = {"format()", OK | SKIP | FATAL, PLUGIN_APPENDS},
    [PLUGIN_END] = {"end()", OK | FATAL, PLUGIN_APPENDS},
    [PLUGIN_DELIVER] = {"deliver()", OK | RETRY | REJECT | PENDING | FATAL,
                        PLUGIN_REJECTS | PLUGIN_CONFIRMS | PLUGIN_WAITS},
    [PLUGIN_EVENT] = {"event()", OK | FATAL, PLUGIN_REJECTS | PLUGIN_CONFIRMS | PLUGIN_WAITS},
    [PLUGIN_CLOSE] = {"close()", OK, 0},
};

static const char *const ANSWERS[] = {"OK", "SKIP", "RETRY", "REJECT", "FATAL", "PENDING"};
enum { NANSWERS = sizeof ANSWERS / sizeof *ANSWERS };

/* How many forks this process is away from the one that first loaded a plugin. */
static unsigned forks;

/* --- reasons --- */

void call_whyv(struct call *c, const char *fmt, va_list ap)
{
    if (!c->broke)
        (void)why_setv(&c->why, fmt, ap);
}

void call_why(struct call *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    call_whyv(c, fmt, ap);
    va_end(ap);
}

void call_broke(struct call *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    call_whyv(c, fmt, ap);
    va_end(ap);
    c->broke = true;
}

/* --- calls --- */

const char *call_name(enum plugin_callback at)
{
    return RULES[at].name;
}

static void note_fork(void)
{
    forks++;
}

void call_watch_forks(struct call *c, const char *plugin)
{
    static bool watched;

    c->plugin = plugin;
    if (!watched)
        watched = pthread_atfork(NULL, NULL, note_fork) == 0;
}

void call_enter(struct call *c, enum plugin_callback at)
{
    c->at = at;
    c->forks = forks;
    if (!c->broke) /* by a call from where none runs, a thread say */
        c->why.text[0] = 0;
}

/* "format() answered RETRY (2); it may answer OK, SKIP, FATAL" */
static void broke_by_answer(struct call *c, int answer)
{
    bool known = answer >= 0 && answer < NANSWERS;
    char list[64];
    size_t n = 0;

    for (int i = 0; i < NANSWERS; i++)
        if ((RULES[c->at].answers & 1 << i) != 0)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n > 0 ? ", " : "", ANSWERS[i]);
    call_broke(
        c, known ? "%s answered %s (%d); it may answer %s" : "%s answered %s%d; it may answer %s",
        call_name(c->at), known ? ANSWERS[answer] : "", answer, list);
}

int call_leave(struct call *c, int answer)
{
    enum plugin_callback at = c->at;

    if (c->forks != forks) {
        log_error("plugin %s has forked in %s, and the child returned: the child ends", c->plugin,
                  call_name(at));
        _exit(EXIT_WORLD);
    }
    if (answer < 0 || answer >= NANSWERS || (RULES[at].answers & 1 << answer) == 0)
        broke_by_answer(c, answer);
    c->at = PLUGIN_IDLE;
    if (c->broke) {
        c->broke = false;
        return at == PLUGIN_FORMAT ? GARNET_REJECT : GARNET_FATAL;
    }
    if (answer != GARNET_OK && c->why.text[0] == 0)
        call_why(c, "%s gave no reason", call_name(at));
    return answer;
}

bool call_may(struct call *c, enum plugin_call what, const char *name)
{
    if ((RULES[c->at].calls & (int)what) != 0)
        return true;
    call_broke(c, "it calls %s in %s, where it may not", name, call_name(c->at));
    return false;
}
