/* sink/feed.c - spool -> batch
 *
 * Nothing in the spool is trusted: a record that cannot be decoded costs the rest of its frame,
 * counted as damaged. What retention took before we came is counted as expired, what is too old for
 * a plugin whose lines carry no time as stale. Fails only through the plugin; a spool that cannot be
 * read for the moment counts as dry, is logged once and tried again.
 */
#include "sink/feed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/glob.h"
#include "base/log.h"
#include "model/record.h"
#include "spool/segment.h"

enum {
    MOST = 1 << 16, /* metrics in one batch, with or without bytes: the loop must have its turn */
    A_FEW = 4,
};
static const int64_t LONGEST = NS_PER_S; /* likewise */
static const struct rate LOSSES = {.lines = 1, .per_ns = 10 * NS_PER_S};
static const int64_t QUIET = 60 * NS_PER_S; /* nothing was stale for so long: it is over */

/* Where a live plugin begins, and with how old a metric. */
static void begin_warm(struct feed *f, uint64_t position)
{
    const struct feed_rules *rules = &f->rules;

    f->warm_ns = INT64_MAX;
    f->warm = UINT64_MAX;
    if (!rules->live || rules->warm == 0)
        return;
    f->warm_ns = clock_wall() - rules->warm;
    f->warm = segment_horizon(f->dirfd, position, rules->warm);
    f->warm = f->warm > rules->start ? f->warm : rules->start;
}

int feed_open(struct feed *f, struct batch *b, int dirfd, const struct point *from,
              const struct feed_rules *rules)
{
    *f = (struct feed){.rules = *rules,
                       .batch = b,
                       .read = *from,
                       .dirfd = dirfd,
                       .passing = rules->live,
                       .tail = tail_open(dirfd, from->seq)};
    if (f->tail == NULL)
        return -1;
    begin_warm(f, from->seq);
    batch_begin(b);
    return 0;
}

void feed_next_batch(struct feed *f)
{
    batch_begin(f->batch);
    f->nends = 0;
    f->again = false;
    f->since_ns = f->oldest_ns = 0;
    f->begin = f->read.seq;
}

/* garnetd is to know before anything is made of it. */
static void put_taken(struct feed *f, uint64_t end)
{
    uint64_t from = f->read.seq > f->floor ? f->read.seq : f->floor;

    f->taken = end > from ? end : from;
    if (f->batch->board != NULL)
        scoreboard_put_read(f->batch->board, f->taken, f->read.dropped[DROP_EXPIRED]);
}

uint64_t feed_begin(const struct feed *f, uint64_t seq)
{
    return f->passing && f->warm < seq ? f->warm : seq;
}

void feed_seek(struct feed *f, const struct point *from, uint64_t seq)
{
    uint64_t at = seq;

    if (f->rules.counters != NULL) { /* what is sent then is what it would have been */
        counters_forget(f->rules.counters);
        f->segment = UINT64_MAX;
        at = segment_horizon(f->dirfd, seq, f->rules.counters->window);
        at = at > f->rules.start ? at : f->rules.start;
    }
    f->read = *from;
    f->read.seq = seq;
    f->floor = from->seq;
    f->left = 0;
    f->pending = false;
    tail_seek(f->tail, at < seq ? at : seq);
    feed_next_batch(f);
    put_taken(f, 0);
}

void feed_drop(struct feed *f, enum drop_reason reason, uint64_t n)
{
    f->read.dropped[reason] += n;
}

void feed_log_stale(struct feed *f, uint64_t n, int64_t eldest_ns)
{
    if (f->stale == 0)
        log_warn("drops a batch of %" PRIu64
                 " metrics that was to come again as stale: the oldest is of %.1f s ago, "
                 "and max_age is %g s; further ones are counted",
                 n, (double)clock_between(eldest_ns, clock_wall()) / 1e9,
                 (double)f->rules.max_age / 1e9);
    f->stale += n;
    f->stale_ns = clock_mono();
}

bool feed_outlived(const struct feed *f, int64_t longer)
{
    return f->rules.max_age > 0 && f->batch->nmetrics > 0 &&
           f->batch->eldest_ns < clock_wall() - f->rules.max_age - longer;
}

void feed_close(struct feed *f)
{
    if (f->tail != NULL)
        tail_close(f->tail);
    f->tail = NULL;
    free(f->ends);
    f->ends = NULL;
}

/* Everything before `seq` is accounted for. */
static void account_to(struct feed *f, uint64_t seq, int64_t now)
{
    f->read.seq = seq;
    if (f->since_ns == 0)
        f->since_ns = now;
}

/* Everything from where we are up to `end` is lost. */
static void lose_up_to(struct feed *f, uint64_t end, enum drop_reason reason, int64_t now)
{
    uint64_t from = f->read.seq > f->floor ? f->read.seq : f->floor, ignored;

    if (end <= f->read.seq)
        return;
    account_to(f, end, now);
    if (end <= from)
        return;
    f->read.dropped[reason] += end - from;
    if (reason == DROP_EXPIRED) /* garnetd has logged it */
        return;
    f->lost += end - from;
    if (!ratelimit_take(&f->losses, &LOSSES, now, &ignored))
        return;
    log_warn("%" PRIu64 " metrics are lost to this sink: the spool is damaged there", f->lost);
    f->lost = 0;
}

/* --- the record at hand --- */

static bool read_record(struct feed *f)
{
    f->size =
        record_get((const char *)f->frame.payload + f->at, f->frame.length - f->at, &f->metric);
    return f->size > 0;
}

static int64_t accepted(const struct feed *f)
{
    return f->frame.accepted_ns != 0 ? f->frame.accepted_ns : f->metric.time_ns;
}

/* What a live plugin begins with has waited for nothing, if it was delivered before. */
static bool has_waited(const struct feed *f)
{
    return !f->passing || f->seq >= f->floor;
}

int64_t feed_oldest(struct feed *f)
{
    if (f->oldest_ns != 0 || f->left == 0 || f->seq < f->read.seq || !has_waited(f))
        return f->oldest_ns;
    if (f->frame.accepted_ns == 0 && !f->pending && !read_record(f))
        return 0;
    return accepted(f);
}

const char *feed_pattern(const struct strings *patterns, const struct metric *m)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (glob_match(patterns->v[i], m->name))
            return patterns->v[i];
    return NULL;
}

bool feed_wants(const struct conf_sink *sink, const struct metric *m)
{
    return (sink->only.n == 0 || feed_pattern(&sink->only, m) != NULL) &&
           feed_pattern(&sink->drop, m) == NULL;
}

static bool is_wanted(const struct feed *f)
{
    return f->rules.sink == NULL || feed_wants(f->rules.sink, &f->metric);
}

static bool by_its_sender(const struct metric *m)
{
    return (m->flags & METRIC_TIME_ASSIGNED) == 0;
}

/* Wall: of when the metric is, where it is judged by its age. */
static int64_t dates_from(const struct feed *f)
{
    return by_its_sender(&f->metric) ? f->metric.time_ns : accepted(f);
}

static bool is_stale(struct feed *f)
{
    const struct metric *m = &f->metric;
    int64_t since = dates_from(f), now;

    if (f->passing && accepted(f) < f->warm_ns)
        return true;
    if (f->rules.max_age == 0 || since >= (now = clock_wall()) - f->rules.max_age)
        return false;
    if (f->seq < f->floor) /* the log was told when it was counted, or it was sent in time */
        return true;
    f->stale_ns = clock_mono();
    if (f->stale++ == 0)
        log_warn("drops metrics as stale, \"%.*s\" being the first: %s %.1f s ago, "
                 "and max_age is "
                 "%g s; further ones are counted",
                 (int)m->name.n, m->name.s,
                 by_its_sender(m) ? "its sender says that it is of" : "it was accepted",
                 (double)clock_between(since, now) / 1e9, (double)f->rules.max_age / 1e9);
    return true;
}

/* Whatever becomes of it, the next one of its series is compared with it. */
static bool gives_point(struct feed *f)
{
    return f->rules.counters == NULL || counters_apply(f->rules.counters, &f->metric, f->seq);
}

/* Why it does not get to the plugin; -1: it does. */
static int reason_against(struct feed *f)
{
    struct quarantine *q = f->rules.quarantine;
    bool quarantined, stale, point;

    if (!is_wanted(f))
        return DROP_DESELECTED;
    quarantined = q != NULL && quarantine_takes(q, f->seq, &f->metric);
    stale = !quarantined && is_stale(f);
    point = gives_point(f);
    return quarantined ? DROP_QUARANTINED : stale ? DROP_STALE : point ? -1 : DROP_SKIPPED;
}

/* Without memory the metric is in doubt together with the next one. */
static void remember_end(struct feed *f)
{
    unsigned cap = f->ends_cap > 0 ? 2 * f->ends_cap : 64;
    struct mark *more = f->nends < f->ends_cap ? f->ends : reallocarray(f->ends, cap, sizeof *more);

    if (more == NULL)
        return;
    f->ends_cap = f->nends < f->ends_cap ? f->ends_cap : cap;
    f->ends = more;
    f->ends[f->nends++] = (struct mark){f->batch->bytes.n, f->read};
}

uint64_t feed_can_drop(const struct feed *f)
{
    const struct conf_sink *sink = f->rules.sink;
    uint64_t can =
        1 << DROP_EXPIRED | 1 << DROP_DAMAGED | 1 << DROP_SKIPPED | 1 << DROP_QUARANTINED;

    if (f->rules.max_age > 0 || f->rules.live)
        can |= 1 << DROP_STALE;
    if (sink != NULL && (sink->only.n > 0 || sink->drop.n > 0))
        can |= 1 << DROP_DESELECTED;
    return can;
}

/* From the plugin's bytes to the counts. */
static enum batch_result add_record(struct feed *f, int64_t now)
{
    struct batch *b = f->batch;
    uint64_t skipped = b->skipped, rejected = b->rejected;
    uint32_t before = b->nmetrics;
    enum batch_result result = BATCH_ADDED;
    int reason = f->pending ? -1 : reason_against(f);

    if (reason < 0)
        result = batch_add(b, &f->metric, f->seq, now);
    f->pending = result == BATCH_FULL;
    if (result != BATCH_ADDED)
        return result;
    if (f->seq >= f->floor) {
        if (reason >= 0)
            f->read.dropped[reason]++;
        f->read.dropped[DROP_SKIPPED] += b->skipped - skipped;
        f->read.dropped[DROP_REJECTED] += b->rejected - rejected;
    }
    account_to(f, f->seq + 1, now);
    f->again |= b->nmetrics > before && f->seq < f->floor;
    if (b->nmetrics > before && f->oldest_ns == 0 && has_waited(f))
        f->oldest_ns = accepted(f);
    if (b->nmetrics > before && f->rules.ends)
        remember_end(f);
    if (b->nmetrics > before && f->rules.max_age > 0 && dates_from(f) < b->eldest_ns)
        b->eldest_ns = dates_from(f);
    return BATCH_ADDED;
}

/* Before where sending begins, it is only looked at. */
static enum batch_result take_record(struct feed *f, int64_t now)
{
    enum batch_result result = BATCH_ADDED;

    if (!f->pending && !read_record(f)) {
        lose_up_to(f, f->seq + f->left, DROP_DAMAGED, now);
        f->left = 0;
        return BATCH_ADDED;
    }
    if (f->seq >= f->read.seq)
        result = add_record(f, now);
    else if (f->rules.counters != NULL && is_wanted(f))
        (void)gives_point(f);
    if (result != BATCH_ADDED)
        return result;
    f->at += f->size;
    f->seq++;
    f->left--;
    return BATCH_ADDED;
}

/* --- frames --- */

/* What was read, up to `end`. garnetd publishes what it gives up, then looks at what was taken, and then
 * unlinks; here it is the other way round, so one of the two sees the other. What it may have counted as
 * gone is gone. */
static void take_up_to(struct feed *f, uint64_t end, int64_t now)
{
    const struct scoreboard *b = f->batch->board;
    uint64_t oldest;

    put_taken(f, end);
    oldest = b != NULL ? atomic_load(&b->oldest) : 0;
    if (oldest <= f->read.seq)
        return;
    lose_up_to(f, oldest < end ? oldest : end, DROP_EXPIRED, now);
    put_taken(f, end);
}

static void take_lost(struct feed *f, int64_t now)
{
    uint64_t end = f->frame.seq + f->frame.lost;

    if (f->frame.reason == TAIL_EXPIRED) {
        lose_up_to(f, end, DROP_EXPIRED, now);
        put_taken(f, end);
    } else {
        take_up_to(f, end, now);
        lose_up_to(f, end, DROP_DAMAGED, now);
    }
}

/* True when there is more to look at. */
static bool next_frame(struct feed *f, int64_t now)
{
    switch (tail_next(f->tail, &f->frame)) {
    case TAIL_FRAME:
        f->failing = false;
        if (f->rules.counters != NULL && f->frame.segment != f->segment) {
            f->segment = f->frame.segment;
            counters_cut(f->rules.counters,
                         segment_horizon(f->dirfd, f->segment, f->rules.counters->window));
        }
        take_up_to(f, f->frame.seq + f->frame.count, now);
        lose_up_to(f, f->frame.seq, DROP_DAMAGED, now); /* a gap that was not announced */
        f->at = 0;
        f->seq = f->frame.seq;
        f->left = f->frame.count;
        return true;
    case TAIL_LOST:
        take_lost(f, now);
        return true;
    case TAIL_ERROR:
        if (!f->failing)
            log_error("cannot read the spool: %m; trying again");
        f->failing = true;
        return false;
    case TAIL_WAIT:
        break;
    }
    return false;
}

enum feed_result feed_fill(struct feed *f, uint64_t most, int64_t now)
{
    uint64_t from = f->read.seq;
    int64_t began = clock_ticks();

    if (f->stale > 0 && began - f->stale_ns >= QUIET) {
        log_info("has dropped no metric as stale for a minute, after %" PRIu64, f->stale);
        f->stale = 0;
    }
    for (int n = 0; n < MOST; n++) {
        enum batch_result result = BATCH_ADDED;

        if (f->left > 0 && f->seq >= f->read.seq && f->read.seq - from >= most)
            return FEED_ENOUGH;
        if (f->left > 0 && f->again && f->rules.apart && f->seq >= f->floor)
            return FEED_FULL;
        if (f->left > 0)
            result = take_record(f, now);
        else if (!next_frame(f, now)) {
            f->passing = f->passing && f->failing; /* the end has not been seen */
            return FEED_DRY;
        }
        if (result != BATCH_ADDED)
            return result == BATCH_FATAL ? FEED_FATAL : FEED_FULL;
        if (n % A_FEW == A_FEW - 1 && clock_ticks() - began >= LONGEST)
            break; /* a plugin that takes its time */
    }
    return FEED_FULL;
}
