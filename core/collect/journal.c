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

static const int64_t SAME_AGAIN = 60 * NS_PER_S;

enum { WHEN = 40 };

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

static void set_line(struct journal_line *l, int64_t mono, const char *text)
{
    (void)snprintf(l->text, sizeof l->text, "%s", text);
    l->at = mono;
    l->more = 0;
}

/* True when it was just counted: the same as the last, and not long after that was said, or counted.
 */
static bool again(struct journal_line *l, int64_t mono, const char *text, uint64_t n)
{
    if (strncmp(text, l->text, sizeof l->text - 1) != 0 ||
        (mono - l->at >= SAME_AGAIN && l->more == 0))
        return false;
    l->more += n;
    return true;
}

/* A minute's count is due; with it another minute begins. */
static bool due(struct journal_line *l, int64_t mono)
{
    if (mono - l->at < SAME_AGAIN || l->more == 0)
        return false;
    l->at = mono;
    return true;
}

static void flush_trouble(struct journal *j)
{
    struct journal_line *l = &j->trouble;

    if (l->more == 1)
        log_warn("collector %s: %s (once more)", j->name, l->text);
    else if (l->more > 1)
        log_warn("collector %s: %s (%" PRIu64 " times more)", j->name, l->text, l->more);
    l->more = 0;
}

static void flush_missed(struct journal *j, struct journal_line *l)
{
    char when[WHEN];

    if (l->more > 0)
        log_warn("collector %s: missed %" PRIu64 " more run%s, the last due at %s: %s", j->name,
                 l->more, l->more > 1 ? "s" : "", slot_text(when, l->slot), l->text);
    l->more = 0;
}

void journal_init(struct journal *j, const char *name)
{
    *j = (struct journal){.name = name};
}

void journal_trouble(struct journal *j, int64_t mono, const char *text)
{
    if (again(&j->trouble, mono, text, 1)) {
        if (due(&j->trouble, mono))
            flush_trouble(j);
        return;
    }
    flush_trouble(j);
    log_warn("collector %s: %s", j->name, text);
    set_line(&j->trouble, mono, text);
}

void journal_missed(struct journal *j, int64_t mono, enum schedule_miss reason, uint64_t n,
                    int64_t slot, const char *why)
{
    struct journal_line *l = &j->missed[reason];
    char when[WHEN];

    if (n == 0)
        return;
    if (again(l, mono, why, n)) {
        l->slot = slot;
        if (due(l, mono))
            flush_missed(j, l);
    } else {
        flush_missed(j, l);
        if (n == 1)
            log_warn("collector %s: missed the run due at %s: %s", j->name, slot_text(when, slot),
                     why);
        else
            log_warn("collector %s: missed %" PRIu64 " runs, the last due at %s: %s", j->name, n,
                     slot_text(when, slot), why);
        set_line(l, mono, why);
    }
    l->slot = slot;
}

void journal_look(struct journal *j, int64_t mono)
{
    if (due(&j->trouble, mono))
        flush_trouble(j);
    for (int i = 0; i < MISS_REASONS; i++)
        if (due(&j->missed[i], mono))
            flush_missed(j, &j->missed[i]);
}

void journal_flush(struct journal *j)
{
    flush_trouble(j);
    for (int i = 0; i < MISS_REASONS; i++)
        flush_missed(j, &j->missed[i]);
}
