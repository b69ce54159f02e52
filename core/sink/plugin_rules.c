/* sink/plugin_rules.c - the table of garnet/plugin.h; cannot fail */
#include "sink/plugin_rules.h"

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
} rules[] = {
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

const char *plugin_callback_name(enum plugin_callback c)
{
    return rules[c].name;
}

bool plugin_may_answer(enum plugin_callback c, int answer)
{
    return answer >= GARNET_OK && answer <= GARNET_PENDING && (rules[c].answers & 1 << answer) != 0;
}

bool plugin_may_call(enum plugin_callback c, enum plugin_call call)
{
    return (rules[c].calls & (int)call) != 0;
}
