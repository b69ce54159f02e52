/* collect/collector.c - one run at a time. What goes wrong with a run is said in the log, the same
 * thing once a minute. Nothing is decided in here: schedule.c says when, outcome.c what an end
 * means. The next slot is tried as if nothing had been.
 */
#include "collect/collector.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

/* What was missed before the start is spread over so much, or a tenth of the
 * interval; or over a larger `splay`. */
static const int64_t CATCH_UP = 60 * NS_PER_S;
static const char OVERLAPPED[] = "the previous run is still going";
static const char BY_LATENESS[] = "garnetd was late";

/* --- the end of a run --- */

/* What a slot's timer has found missing. A slot that waited for the run before to end, and still
 * does, has given way to this one. */
static void say_misses(struct collector *c, const struct schedule *before, int64_t slot,
                       int64_t now)
{
    const struct schedule *s = &c->sched;
    uint64_t late = s->missed[MISS_LATE] - before->missed[MISS_LATE];
    uint64_t overlapped = s->missed[MISS_OVERLAP] - before->missed[MISS_OVERLAP];

    journal_missed(&c->journal, now, MISS_LATE, late, slot - s->rule.interval, BY_LATENESS);
    journal_missed(&c->journal, now, MISS_OVERLAP, overlapped,
                   before->waiting ? before->waiting_for : slot, OVERLAPPED);
    journal_look(&c->journal, now);
}

static void count_end(struct collector *c)
{
    enum outcome o = c->run.receipt.outcome;

    c->stats.outcomes[o]++;
    if (o != OUTCOME_SPAWN)
        c->stats.runs++;
    else if (!c->daemon)
        schedule_unstarted(&c->sched);
    if (o == OUTCOME_OK && !c->daemon)
        c->stats.last_success_ns = clock_wall();
}

static void say_end(struct collector *c)
{
    const struct run_receipt *r = &c->run.receipt;
    struct why why;

    if (c->daemon)
        return; /* its restart will say so */
    run_describe(r, c->conf, &why);
    if (r->outcome == OUTCOME_SPAWN)
        journal_missed(&c->journal, clock_mono(), MISS_SPAWN, 1, r->slot_ns, why.text);
    else if (outcome_failed(r->outcome))
        journal_trouble(&c->journal, clock_mono(), why.text);
    else if (r->outcome == OUTCOME_OK && r->report.left_behind > 0)
        journal_trouble(&c->journal, clock_mono(),
                        "left processes behind when it ended: they were killed");
}

static void start_run(struct collector *c, int64_t slot, int64_t due);
static void revive_later(struct collector *c);

/* What its converter has made of it counts as well. */
static void judge_output(struct collector *c)
{
    struct run_receipt *r = &c->run.receipt;
    bool converted = !converter_failed(&c->converter, &r->converter);

    r->outcome = outcome_converted(r->outcome, r->report.status, c->conf->output, converted);
    if (r->outcome == OUTCOME_CONVERTER && c->converter.run.receipt.outcome == OUTCOME_OVERLAP)
        r->outcome = OUTCOME_OVERLAP;
}

/* Counts, says and hands on how it ended, and sees to what follows. The event may call
 * collector_stop(). */
static void settle_run(struct collector *c)
{
    int64_t slot;

    if (c->conf->output != OUTPUT_LOG)
        judge_output(c);
    count_end(c);
    say_end(c);
    c->ev.ended(c->ev.arg, &c->run.receipt);
    if (c->stopping)
        return;
    if (c->daemon)
        revive_later(c);
    else if (schedule_freed(&c->sched, &slot))
        start_run(c, slot, c->sched.run_due);
}

/* Of the run, and of its converter. */
static void all_over(struct collector *c)
{
    bool stopping = c->stopping; /* else gone() comes from a timer, if ended() stops it */

    settle_run(c);
    if (stopping)
        c->ev.gone(c->ev.arg); /* c may be gone, or started again, by now */
}

static void on_run_over(void *arg)
{
    struct collector *c = arg;
    const struct run_ends ends = converter_ends(&c->converter);
    const struct keeper_report *r = &c->run.receipt.report;

    if (!c->stopping && run_again(&c->run, c->conf, &ends))
        return;
    if (converter_alive(
            &c->converter)) /* of one that did not end by itself there is no status to tell */
        converter_finish(&c->converter, r->end == KEEPER_EXITED ? r->status : -1);
    else
        all_over(c);
}

static void on_converter_over(void *arg)
{
    struct collector *c = arg;

    if (!run_alive(&c->run))
        all_over(c);
    else if (c->run.asked == ENDING_NONE)
        run_end(&c->run, ENDING_CONVERTER);
}

bool collector_runs(const struct collector *c)
{
    return run_alive(&c->run) || converter_alive(&c->converter);
}

/* --- a slot --- */

static void start_run(struct collector *c, int64_t slot, int64_t due)
{
    struct run_ends ends;

    c->ev.started(c->ev.arg, slot);
    if (c->conf->output != OUTPUT_LOG && !converter_start(&c->converter, c->conf, slot)) {
        c->run.receipt = c->converter.run.receipt;
        settle_run(c);
        return;
    }
    ends = converter_ends(&c->converter);
    if (run_start(&c->run, c->conf, &ends, slot, due))
        return;
    if (converter_alive(&c->converter))
        converter_finish(&c->converter, -1);
    else
        settle_run(c);
}

/* The timer is armed again before the run, whose events may stop the collector. */
static void on_slot(void *arg)
{
    struct collector *c = arg;
    const struct schedule before = c->sched;
    int64_t now = clock_mono(), slot;
    enum schedule_action action =
        schedule_due(&c->sched, clock_wall(), now, collector_runs(c), &slot);

    loop_timer_set(c->loop, &c->timer, c->sched.due, on_slot, c);
    if (action == SCHEDULE_WAIT)
        return;
    say_misses(c, &before, slot, now);
    if (action == SCHEDULE_RUN)
        start_run(c, slot, c->sched.run_due);
    else if (action == SCHEDULE_REPLACE && run_alive(&c->run))
        run_end(&c->run, ENDING_OVERLAP);
    else if (action == SCHEDULE_REPLACE)
        converter_hurry(&c->converter, ENDING_OVERLAP);
}

/* --- a daemon's life --- */

/* Notes when something has come of it. True when nothing has for too long. */
static bool notice_metrics(struct collector *c)
{
    uint64_t known = c->revival.accepted;
    bool silent;

    if (c->ev.withheld != NULL)
        revival_excuse(&c->revival, c->ev.withheld(c->ev.arg));
    silent = revival_look(&c->revival, clock_mono(), c->ev.accepted(c->ev.arg));
    if (c->revival.accepted != known)
        c->stats.last_success_ns = clock_wall();
    return silent;
}

static void on_silence_look(void *arg)
{
    struct collector *c = arg;

    if (notice_metrics(c) && run_alive(&c->run)) {
        run_end(&c->run, ENDING_SILENCE); /* and then revive_later() */
        return;
    }
    loop_timer_set(c->loop, &c->timer, revival_next_look(&c->revival, clock_mono()),
                   on_silence_look, c);
}

/* The timer is armed before the run, which may fail at once and then wants it for another try. */
static void start_life(void *arg)
{
    struct collector *c = arg;
    int64_t now = clock_mono();

    revival_started(&c->revival, now, c->ev.accepted(c->ev.arg));
    loop_timer_set(c->loop, &c->timer, revival_next_look(&c->revival, now), on_silence_look, c);
    start_run(c, 0, c->revive_at);
}

static void on_revival(void *arg)
{
    struct collector *c = arg;

    c->stats.restarts++;
    start_life(c);
}

static void revive_later(struct collector *c)
{
    int64_t now = clock_mono(), pause;
    struct why why;

    (void)notice_metrics(c);
    pause = revival_ended(&c->revival, now, c->ev.accepted(c->ev.arg), random_u64());
    run_describe(&c->run.receipt, c->conf, &why);
    log_warn("collector %s: %s; starting it again in %.1fs", c->name, why.text,
             (double)pause / (double)NS_PER_S);
    c->revive_at = now + pause;
    loop_timer_set(c->loop, &c->timer, c->revive_at, on_revival, c);
}

/* --- a collector --- */

static void begin_clock(struct collector *c, const char *host)
{
    const struct conf_collector *conf = c->conf;
    const struct schedule_rule rule = {conf->interval,
                                       schedule_offset(host, conf->name, conf->splay),
                                       conf->overlap == OVERLAP_KILL};
    int64_t now = clock_mono();

    if (c->daemon) {
        revival_init(&c->revival, conf->interval, conf->silence);
        c->revive_at = now;
        loop_timer_set(c->loop, &c->timer, now, start_life, c);
        return;
    }
    schedule_start(&c->sched, &rule, clock_wall(), now);
    loop_timer_set(c->loop, &c->timer, c->sched.due, on_slot, c);
}

void collector_start(struct collector *c, const struct collector_means *means,
                     const struct conf_collector *conf, const struct collector_events *ev)
{
    struct keepers *keepers = means->keepers;

    *c = (struct collector){
        .loop = keepers->loop, .conf = conf, .ev = *ev, .daemon = conf->mode == MODE_DAEMON};
    (void)snprintf(c->name, sizeof c->name, "%s", conf->name);
    run_init(&c->run, keepers, c->name, on_run_over, c);
    converter_init(&c->converter, keepers, c->name, means->converter, on_converter_over, c);
    journal_init(&c->journal, c->name);
    begin_clock(c, means->host);
}

void collector_catch_up(struct collector *c, int64_t recorded, const char *host)
{
    const struct schedule_rule *rule = &c->sched.rule;
    int64_t some = rule->interval / 10 < CATCH_UP ? rule->interval / 10 : CATCH_UP;
    int64_t most = c->conf->splay > some ? c->conf->splay : some; /* at most the interval */
    int64_t wait = schedule_offset(host, c->name, most), wall = clock_wall();
    const char *why = "the last one was missed before this start";

    if (!schedule_catch_up(&c->sched, recorded, wait, wall, clock_mono()))
        return;
    if (recorded == INT64_MIN)
        why = "no run of it is recorded";
    else if (recorded > wall)
        why = "the last run is recorded for a time that has not come yet";
    journal_catching_up(&c->journal, c->sched.slot, wait, why);
    loop_timer_set(c->loop, &c->timer, c->sched.due, on_slot, c);
}

void collector_once(struct collector *c, int64_t slot)
{
    if (c->daemon)
        return;
    loop_timer_clear(c->loop, &c->timer);
    c->sched = (struct schedule){.rule = c->sched.rule, .slots = 1, .runs = 1};
    start_run(c, slot, clock_mono());
}

void collector_adopt(struct collector *c, const struct conf_collector *conf)
{
    c->conf = conf;
    if (converter_alive(&c->converter))
        converter_adopt(&c->converter, conf);
}

void collector_stop(struct collector *c)
{
    if (c->stopping)
        return;
    c->stopping = true;
    loop_timer_clear(c->loop, &c->timer);
    if (run_alive(&c->run))
        run_end(&c->run, ENDING_STOP);
    else if (!converter_alive(&c->converter)) /* which has its grace already */
        loop_timer_set(c->loop, &c->timer, loop_now(c->loop), c->ev.gone, c->ev.arg);
}

void collector_abandon(struct collector *c)
{
    bool converted = converter_alive(&c->converter); /* then c stays until that is over, too */

    if (run_alive(&c->run))
        run_abandon(&c->run);
    if (converted)
        converter_abandon(&c->converter);
}

void collector_end(struct collector *c)
{
    if (collector_runs(c))
        panic("collector %s: ended while it runs", c->name);
    loop_timer_clear(c->loop, &c->timer);
    journal_flush(&c->journal);
}
