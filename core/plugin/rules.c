/* plugin/rules.c - the table of garnet/plugin.h; cannot fail */
#include "plugin/rules.h"

#include <stdio.h>

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

static const char *const answers[] = {"OK", "SKIP", "RETRY", "REJECT", "FATAL", "PENDING"};
enum { ANSWERS = sizeof answers / sizeof *answers };

const char *plugin_callback_name(enum plugin_callback c)
{
    return rules[c].name;
}

bool plugin_may_answer(enum plugin_callback c, int answer)
{
    return answer >= GARNET_OK && answer <= GARNET_PENDING && (rules[c].answers & 1 << answer) != 0;
}

const char *plugin_answer_name(int answer)
{
    static char text[32];

    if (answer >= 0 && answer < ANSWERS)
        (void)snprintf(text, sizeof text, "%s (%d)", answers[answer], answer);
    else
        (void)snprintf(text, sizeof text, "%d", answer);
    return text;
}

const char *plugin_answers(enum plugin_callback c)
{
    static char text[64];
    size_t n = 0;

    for (int i = 0; i < ANSWERS; i++)
        if ((rules[c].answers & 1 << i) != 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n > 0 ? ", " : "", answers[i]);
    return text;
}

bool plugin_may_call(enum plugin_callback c, enum plugin_call call)
{
    return (rules[c].calls & (int)call) != 0;
}
