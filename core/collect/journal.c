/* collect/journal.c - nothing here fails or allocates. A line that the log itself drops is counted
 * there.
 */
#include "collect/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/output.h"

static const int64_t SAME_AGAIN = 60 * NS_PER_S;

enum { WHEN = 40, TROUBLE = MISS_REASONS };

static const char *slot_text(char out[WHEN], int64_t slot)
{
    time_t seconds = (time_t)(slot / NS_PER_S);
    char when[WHEN / 2 + 4] = "";
    struct tm tm;

    if (gmtime_r(&seconds, &tm) != NULL)
        (void)strftime(when, sizeof when, "%FT%T", &tm);
    (void)snprintf(out, WHEN, "%s.%03dZ", when, (int)(slot % NS_PER_S / NS_PER_MS));
    return out;
}

/* What has come of the line since it was said. */
static void flush_line(struct journal *j, struct journal_line *l)
{
    char when[WHEN];

    if (l->more > 0 && l != &j->lines[TROUBLE])
        log_warn("collector %s: missed %" PRIu64 " more run%s, the last due at %s: %s", j->name,
                 l->more, l->more > 1 ? "s" : "", slot_text(when, l->slot), l->text);
    else if (l->more > 1)
        log_warn("collector %s: %s (%" PRIu64 " times more)", j->name, l->text, l->more);
    else if (l->more == 1)
        log_warn("collector %s: %s (once more)", j->name, l->text);
    l->more = 0;
}

/* A minute's count is due; with it another minute begins. */
static void flush_due(struct journal *j, struct journal_line *l, int64_t mono)
{
    if (mono - l->at < SAME_AGAIN || l->more == 0)
        return;
    l->at = mono;
    flush_line(j, l);
}

/* n times `text`, the last for `slot`. True when it was just counted: the same as the last, and not long
 * after that was said, or counted. Else the caller says it now. */
static bool counted(struct journal *j, struct journal_line *l, int64_t mono, const char *text,
                    uint64_t n, int64_t slot)
{
    bool same = strncmp(text, l->text, sizeof l->text - 1) == 0 &&
                (mono - l->at < SAME_AGAIN || l->more > 0);

    if (same) {
        l->more += n;
        l->slot = slot;
        flush_due(j, l, mono);
        return true;
    }
    flush_line(j, l);
    (void)snprintf(l->text, sizeof l->text, "%s", text);
    l->at = mono;
    l->slot = slot;
    return false;
}

void journal_init(struct journal *j, const char *name)
{
    *j = (struct journal){.name = name};
}

void journal_trouble(struct journal *j, int64_t mono, const char *text)
{
    if (!counted(j, &j->lines[TROUBLE], mono, text, 1, 0))
        log_warn("collector %s: %s", j->name, text);
}

void journal_missed(struct journal *j, int64_t mono, enum schedule_miss reason, uint64_t n,
                    int64_t slot, const char *why)
{
    char when[WHEN];

    if (n == 0 || counted(j, &j->lines[reason], mono, why, n, slot))
        return;
    if (n == 1)
        log_warn("collector %s: missed the run due at %s: %s", j->name, slot_text(when, slot), why);
    else
        log_warn("collector %s: missed %" PRIu64 " runs, the last due at %s: %s", j->name, n,
                 slot_text(when, slot), why);
}

void journal_catching_up(const struct journal *j, int64_t slot, int64_t wait, const char *why)
{
    char when[WHEN];

    log_info("collector %s: %s: the run due at %s starts in %.1fs", j->name, why,
             slot_text(when, slot), (double)wait / (double)NS_PER_S);
}

void journal_fruitless(const struct journal *j, int64_t output)
{
    if (output != OUTPUT_LOG) {
        log_info(
            "collector %s has ended with exit status 0 and has printed no metric yet (output: %s)",
            j->name, conf_output_name(output));
        return;
    }
    log_info("collector %s has ended with exit status 0 and has sent no metric yet: what it prints "
             "only goes to this log: send metrics to the socket that is its last argument and in "
             "GARNET_SOCKET, for example by `garnet emit`, or say by `output` what it prints",
             j->name);
}

void journal_look(struct journal *j, int64_t mono)
{
    for (int i = 0; i <= TROUBLE; i++)
        flush_due(j, &j->lines[i], mono);
}

void journal_flush(struct journal *j)
{
    for (int i = 0; i <= TROUBLE; i++)
        flush_line(j, &j->lines[i]);
}
