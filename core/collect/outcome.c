/* collect/outcome.c - nothing here fails. A daemon's metrics are noticed by looking at a count now
 * and then, so silence is found up to one look late and never early.
 */
#include "collect/outcome.h"

#include <errno.h>
#include <sys/wait.h>

static const int64_t LOOK_OFTEN = 10 * NS_PER_MS;
static const int64_t LOOK_SELDOM = NS_PER_S;
enum { LOOKS_A_HUSH = 8 }; /* within `silence` */

const char *outcome_name(enum outcome o)
{
    static const char *const names[OUTCOMES] = {"ok",      "stopped",  "exit",    "signal",
                                                "timeout", "spawn",    "overlap", "silence",
                                                "lost",    "converter"};

    return names[o];
}

bool outcome_failed(enum outcome o)
{
    return o != OUTCOME_OK && o != OUTCOME_STOPPED;
}

/* A run that we asked to end and that did so by itself at that very moment is judged by that. */
enum outcome outcome_of(const struct keeper_report *r, enum ending asked)
{
    if (r == NULL)
        return OUTCOME_LOST;
    if (r->end == KEEPER_FAILED || r->end == KEEPER_NONE)
        return OUTCOME_SPAWN;
    if (r->end == KEEPER_TIMEOUT)
        return OUTCOME_TIMEOUT;
    if (r->end == KEEPER_STOPPED && asked == ENDING_OVERLAP)
        return OUTCOME_OVERLAP;
    if (r->end == KEEPER_STOPPED && asked == ENDING_SILENCE)
        return OUTCOME_SILENCE;
    if (r->end == KEEPER_STOPPED && asked == ENDING_CONVERTER)
        return OUTCOME_CONVERTER;
    if (r->end == KEEPER_STOPPED)
        return OUTCOME_STOPPED;
    if (WIFSIGNALED(r->status))
        return OUTCOME_SIGNAL;
    return WEXITSTATUS(r->status) == 0 ? OUTCOME_OK : OUTCOME_EXIT;
}

enum outcome outcome_converted(enum outcome o, int status, int64_t output, bool converted)
{
    if (o == OUTCOME_EXIT && output == OUTPUT_NAGIOS && WEXITSTATUS(status) <= 3)
        o = OUTCOME_OK;
    return o == OUTCOME_OK && !converted ? OUTCOME_CONVERTER : o;
}

void revival_init(struct revival *r, int64_t interval, int64_t silence)
{
    *r = (struct revival){.interval = interval,
                          .silence = silence,
                          .throttle = {.base = REVIVAL_FIRST, .cap = REVIVAL_LAST}};
}

void revival_started(struct revival *r, int64_t mono, uint64_t accepted)
{
    r->started = r->first = r->last = r->excused = mono;
    r->useful = false;
    r->accepted = accepted;
}

static void notice(struct revival *r, int64_t mono, uint64_t accepted)
{
    if (accepted == r->accepted)
        return;
    if (!r->useful)
        r->first = mono;
    r->useful = true;
    r->last = mono;
    r->accepted = accepted;
}

int64_t revival_next_look(const struct revival *r, int64_t mono)
{
    int64_t pause = LOOK_SELDOM;

    if (r->silence > 0 && r->silence / LOOKS_A_HUSH < pause)
        pause = r->silence / LOOKS_A_HUSH;
    if (pause < LOOK_OFTEN)
        pause = LOOK_OFTEN;
    return pause < LOOK_SELDOM ? mono + pause : clock_second(mono + pause);
}

void revival_excuse(struct revival *r, int64_t mono)
{
    if (mono > r->excused)
        r->excused = mono;
}

bool revival_look(struct revival *r, int64_t mono, uint64_t accepted)
{
    int64_t since;

    notice(r, mono, accepted);
    since = r->last > r->excused ? r->last : r->excused;
    return r->silence > 0 && mono - since >= r->silence;
}

int64_t revival_ended(struct revival *r, int64_t mono, uint64_t accepted, uint64_t random)
{
    notice(r, mono, accepted);
    if (r->useful && (r->last - r->first >= r->interval || mono - r->started >= REVIVAL_LIFE))
        throttle_ok(&r->throttle);
    r->useful = false; /* that was for this life */
    return throttle_next(&r->throttle, random);
}
