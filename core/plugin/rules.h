/* plugin/rules.h - which answers a callback may give, and which calls it may make
 *
 * The table in garnet/plugin.h, for the host to enforce: the answer of a callback that breaks it
 * does not count, and the reason says what it did where.
 */
#ifndef PLUGIN_RULES_H
#define PLUGIN_RULES_H
#include <stdbool.h>

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
const char *plugin_callback_name(enum plugin_callback c); /* "format()" */
bool plugin_may_answer(enum plugin_callback c, int answer);
/* "RETRY (2)"; and all that it may answer: "OK, SKIP, FATAL". Static, until the next call. */
const char *plugin_answer_name(int answer);
const char *plugin_answers(enum plugin_callback c);
bool plugin_may_call(enum plugin_callback c, enum plugin_call call);

#endif
