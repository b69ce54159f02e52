/* sink/feed.c: every metric of the spool is in a batch or counted as lost, and counted once however
 * often it is read again. */
#include <sys/resource.h>

#include "base/log.h"
#include "base/why.h"
#include "model/record.h"
#include "rig/sink_kit.h"
#include "sink/feed.h"
#include "spool/append.h"

static struct kit k;
static struct plugin p;
static struct batch b;
static struct append *spool;
static struct feed f;
static struct point begin;

static void setup(void)
{
    struct append_config c = {.segment_size = 1 << 20, .max_size = 64 << 20};
    struct why why;

    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    kit_plugin(&k, &p, GRAPHITE, "{name: main, plugin: graphite, to: stdout, path: '{name}'}");
    cr_assert(batch_init(&b, &p, 65536));
    c.dir = kit_path(&k, "spool");
    spool = append_open(&c, &why);
    cr_assert_not_null(spool, "%s", why.text);
    begin.seq = append_next_seq(spool);
    cr_assert_eq(feed_open(&f, &b, append_dirfd(spool), &begin, &(struct feed_rules){0}), 0);
}

static void teardown(void)
{
    feed_close(&f);
    append_close(spool);
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

TestSuite(feed, .init = setup, .fini = teardown, .timeout = 60);

/* A frame of n metrics; without a time the plugin skips them. */
static void frame(uint32_t n, bool skipped)
{
    struct metric m = kit_metric("m", 1);
    struct buf bytes = {0};
    uint64_t end;

    if (skipped)
        m.time_ns = 0;
    for (uint32_t i = 0; i < n; i++)
        record_put(&bytes, &m);
    cr_assert(buf_ok(&bytes));
    cr_assert_eq(append_frame(spool, bytes.p, bytes.n, n, &end), 0);
    buf_free(&bytes);
}

static void damaged_frame(uint32_t n)
{
    uint64_t end;

    cr_assert_eq(append_frame(spool, "no record", 9, n, &end), 0);
}

/* Reads to the end: metrics that are in the batch. */
static unsigned reads(void)
{
    cr_assert_eq(feed_fill(&f, UINT64_MAX, 1), FEED_DRY);
    return b.nmetrics;
}

static void stands_at(uint64_t seq, uint64_t skipped, uint64_t damaged)
{
    cr_assert_eq(f.read.seq - begin.seq, seq);
    cr_assert_eq(f.read.dropped[DROP_SKIPPED], skipped);
    cr_assert_eq(f.read.dropped[DROP_DAMAGED], damaged);
}

static void five_frames(void)
{
    frame(10, false);
    frame(20, true);
    damaged_frame(30);
    frame(40, false);
    frame(50, true);
}

Test(feed, counts_what_is_lost)
{
    five_frames();
    cr_assert_eq(reads(), 50);
    stands_at(150, 70, 30);
}

/* From any place before the floor: what lies before it is read, and not counted again. */
Test(feed, counts_nothing_twice_below_the_floor)
{
    struct point end;

    five_frames();
    cr_assert_eq(reads(), 50);
    end = f.read;
    for (uint64_t from = 0; from <= 150; from++) {
        uint64_t again = from < 10 ? 50 - from : from <= 60 ? 40 : from < 100 ? 100 - from : 0;

        feed_seek(&f, &end, begin.seq + from);
        cr_assert_eq(b.nmetrics, 0);
        cr_assert_eq(f.since_ns, 0);
        cr_assert_eq(reads(), again, "from %llu", (unsigned long long)from);
        stands_at(150, 70, 30);
    }
}

/* The floor in the middle of what is lost: only what is above it counts. */
Test(feed, counts_what_is_above_the_floor)
{
    five_frames();
    cr_assert_eq(reads(), 50);
    for (uint64_t floor = 0; floor <= 150; floor++) {
        uint64_t skipped = floor < 10 ? 0 : floor < 30 ? floor - 10 : 20;
        uint64_t damaged = floor < 30 ? 0 : floor < 60 ? floor - 30 : 30;
        struct point at = {.seq = begin.seq + floor};

        skipped += floor > 100 ? floor - 100 : 0;
        at.dropped[DROP_SKIPPED] = skipped; /* as conservation has it there */
        at.dropped[DROP_DAMAGED] = damaged;
        feed_seek(&f, &at, begin.seq);
        cr_assert_eq(reads(), 50);
        stands_at(150, 70, 30);
    }
}

/* What is in quarantine or stale never gets to the plugin, and is counted once. */
Test(feed, keeps_back_what_the_plugin_must_not_get)
{
    struct quarantine q;
    struct scoreboard board = {0};
    struct point end;

    board.poisons[0].metric = begin.seq + 3 + 1;
    board.poisons[1].metric = begin.seq + 12 + 1;
    quarantine_open(&q, append_dirfd(spool), "spool", "main", "graphite", &board);
    f.rules.quarantine = &q;
    frame(10, false);
    frame(10, true); /* of 1970 */
    cr_assert_eq(reads(), 9);
    cr_assert_eq(f.read.dropped[DROP_QUARANTINED], 2);
    stands_at(20, 9, 0);
    end = f.read;
    feed_seek(&f, &end, begin.seq);
    cr_assert_eq(reads(), 9);
    cr_assert_eq(f.read.dropped[DROP_QUARANTINED], 2);
    quarantine_close(&q);
}

Test(feed, drops_what_is_stale_only_where_output_has_no_time)
{
    struct metric m = kit_metric("new", 1);
    struct buf bytes = {0};
    uint64_t end;

    frame(10, false); /* of 2023 */
    cr_assert_eq(reads(), 10);
    feed_seek(&f, &begin, begin.seq);
    m.time_ns = clock_wall() - 3 * NS_PER_S;
    record_put(&bytes, &m);
    cr_assert_eq(append_frame(spool, bytes.p, bytes.n, 1, &end), 0);
    buf_free(&bytes);
    f.rules.max_age = 3600 * NS_PER_S;
    cr_assert_eq(reads(), 1);
    cr_assert_eq(f.read.dropped[DROP_STALE], 10);
    stands_at(11, 0, 0);
}

static void frame_of(struct metric *m)
{
    struct buf bytes = {0};
    uint64_t end;

    record_put(&bytes, m);
    cr_assert_eq(append_frame(spool, bytes.p, bytes.n, 1, &end), 0);
    buf_free(&bytes);
}

/* A run that takes long has the time of its slot: live is what was accepted a moment ago. */
Test(feed, counts_age_from_acceptance_unless_the_sender_gave_a_time)
{
    struct metric m = kit_metric("late", 1);

    frame_of(&m); /* of 2023, its sender says */
    m.flags = METRIC_TIME_ASSIGNED;
    frame_of(&m);
    m.flags = 0;
    m.time_ns = clock_wall();
    frame_of(&m);
    f.rules.max_age = 3600 * NS_PER_S;
    cr_assert_eq(reads(), 2);
    cr_assert_eq(f.read.dropped[DROP_STALE], 1);
    cr_assert_eq(f.stale, 1); /* the log was told */
    f.stale_ns -= 61 * NS_PER_S;
    cr_assert_eq(feed_fill(&f, UINT64_MAX, 1), FEED_DRY);
    cr_assert_eq(f.stale, 0); /* that it is over */
}

Test(feed, knows_how_long_the_oldest_has_waited)
{
    int64_t begin_ns = clock_wall(), oldest;
    struct metric m = kit_metric("m", 1);

    cr_assert_eq(feed_oldest(&f), 0);
    frame_of(&m);
    cr_assert_eq(feed_fill(&f, 0, 1), FEED_ENOUGH); /* there is one */
    oldest = feed_oldest(&f);
    cr_assert(oldest >= begin_ns - NS_PER_MS && oldest <= clock_wall());
    cr_assert_eq(f.read.seq, begin.seq);
    cr_assert_eq(reads(), 1);
    frame_of(&m);
    cr_assert_eq(reads(), 2);
    cr_assert_eq(feed_oldest(&f), oldest); /* of the batch */
    feed_next_batch(&f);
    cr_assert_eq(feed_oldest(&f), 0);
    cr_assert_eq(feed_fill(&f, 0, 1), FEED_DRY);
    cr_assert_eq(feed_oldest(&f), 0);
}

/* What an older version wrote says nothing of it: then the metric's own time counts. */
Test(feed, without_a_time_of_acceptance_the_metrics_own_counts)
{
    struct metric m = kit_metric("m", 1);
    struct buf bytes = {0};
    uint64_t end;

    m.flags = METRIC_TIME_ASSIGNED;
    record_put(&bytes, &m);
    frame(1, false);
    cr_assert_eq(append_held(spool, bytes.p, bytes.n, 1, 1, &end), 0);
    buf_free(&bytes);
    cr_assert_eq(reads(), 2);
    feed_next_batch(&f);
    feed_seek(&f, &begin, begin.seq + 1);
    cr_assert_eq(feed_fill(&f, 0, 1), FEED_ENOUGH);
    cr_assert_eq(feed_oldest(&f), m.time_ns);
    f.rules.max_age = 3600 * NS_PER_S;
    cr_assert_eq(reads(), 0);
    cr_assert_eq(f.read.dropped[DROP_STALE], 1);
}

Test(feed, takes_no_more_than_it_is_asked_for)
{
    frame(10, false);
    frame(10, false);
    for (unsigned n = 3; n <= 18; n += 3) {
        cr_assert_eq(feed_fill(&f, 3, 1), FEED_ENOUGH);
        cr_assert_eq(b.nmetrics, n);
    }
    cr_assert_eq(feed_fill(&f, 0, 1), FEED_ENOUGH);
    cr_assert_eq(feed_fill(&f, 3, 1), FEED_DRY);
    stands_at(20, 0, 0);
}

/* What is of before the start is passed over until the end has been seen; an error is no end. */
Test(feed, an_error_does_not_end_what_a_live_plugin_passes_over)
{
    struct rlimit had, none;

    f.passing = true;
    frame(5, false);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &had), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = had.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    cr_assert_eq(feed_fill(&f, UINT64_MAX, 1), FEED_DRY);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &had), 0);
    cr_assert(f.failing);
    cr_assert_eq(feed_fill(&f, UINT64_MAX, 2), FEED_DRY);
    cr_assert_eq(f.read.dropped[DROP_STALE], 5);
    frame(2, false);
    cr_assert_eq(feed_fill(&f, UINT64_MAX, 3), FEED_DRY);
    cr_assert_eq(f.read.dropped[DROP_STALE], 5);
    cr_assert_eq(b.nmetrics, 2);
}

/* --- what a live plugin begins with --- */

static void frame_accepted(const char *name, int64_t accepted_ns)
{
    struct metric m = kit_metric(name, 1);
    struct buf bytes = {0};
    uint64_t end;

    record_put(&bytes, &m);
    cr_assert_eq(append_held(spool, bytes.p, bytes.n, 1, accepted_ns, &end), 0);
    buf_free(&bytes);
}

static void begins_live(uint64_t position, int64_t warm_s)
{
    struct point at = {.seq = begin.seq + position};

    feed_close(&f);
    cr_assert_eq(
        feed_open(&f, &b, append_dirfd(spool), &at,
                  &(struct feed_rules){
                      .start = begin.seq, .live = true, .warm = warm_s * NS_PER_S, .apart = true}),
        0);
    feed_seek(&f, &at, feed_begin(&f, at.seq));
}

/* Four metrics, 10 s apart; `at` is a position, and a start at the last one's time with 15 s. */
static void four_metrics(void)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    int64_t first = clock_wall() + NS_PER_S;

    for (int i = 0; i < 4; i++)
        frame_accepted(names[i], first + i * 10 * NS_PER_S);
}

static void fills(enum feed_result want, const char *text)
{
    feed_next_batch(&f);
    cr_assert_eq(feed_fill(&f, UINT64_MAX, 1), want);
    cr_assert_eq(strlen(text) * strlen("x 1 1700000000\n"), b.bytes.n, "%.*s", (int)b.bytes.n,
                 b.bytes.p);
    for (size_t i = 0; text[i] != 0; i++)
        cr_assert_eq(b.bytes.p[i * strlen("x 1 1700000000\n")], text[i]);
}

Test(feed, a_live_plugin_has_again_what_came_within_its_time_and_nothing_counts_twice)
{
    for (uint64_t position = 0; position <= 4; position++) {
        four_metrics();
        begins_live(position, 1000);
        cr_assert_leq(f.warm_ns, clock_wall() - 1000 * NS_PER_S);
        f.warm_ns = clock_wall() + 15 * NS_PER_S; /* as if it were later: b is older, c is not */
        if (position <= 2) {
            fills(FEED_DRY, "cd");
        } else {
            fills(position == 3 ? FEED_FULL : FEED_DRY, position == 3 ? "c" : "cd");
            cr_assert(f.again);
            cr_assert_eq(f.oldest_ns, 0, "it waits for nothing");
        }
        if (position == 3) {
            fills(FEED_DRY, "d");
            cr_assert_not(f.again);
            cr_assert_neq(f.oldest_ns, 0);
        }
        cr_assert_eq(f.read.seq, begin.seq + 4);
        cr_assert_eq(f.read.dropped[DROP_STALE], position < 2 ? 2 - position : 0);
        cr_assert_eq(f.taken, begin.seq + 4);
        frame_accepted("e", clock_wall()); /* after the start whatever the clock says */
        fills(FEED_DRY, "e");
        begin.seq += 5;
    }
}

Test(feed, a_live_plugin_without_such_a_time_begins_at_the_end)
{
    four_metrics();
    begins_live(1, 0);
    fills(FEED_DRY, "");
    cr_assert_eq(f.read.dropped[DROP_STALE], 3);
}

/* What was cut short begins again where it began, as long as the end was not seen. */
Test(feed, a_live_plugin_whose_stream_is_lost_has_it_once_more)
{
    struct point at = {.seq = begin.seq + 4};

    four_metrics();
    begins_live(4, 1000);
    cr_assert_eq(feed_fill(&f, 2, 1), FEED_ENOUGH);
    feed_seek(&f, &at, feed_begin(&f, at.seq));
    fills(FEED_DRY, "abcd");
    cr_assert_eq(feed_begin(&f, at.seq), at.seq);
}

/* --- only and drop, together --- */

static bool wants(const char *only1, const char *only2, const char *drop, const char *name)
{
    const char *only[] = {only1, only2, NULL}, *drops[] = {drop, NULL};
    struct conf_sink sink = {.only = {only, only2   ? 2
                                            : only1 ? 1
                                                    : 0},
                             .drop = {drops, drop ? 1 : 0}};
    struct metric m = {.name = str_of(name), .prefix = str_of("web")};

    return feed_wants(&sink, &m);
}

Test(feed_wants, only_one_must_match_and_of_drop_none)
{
    cr_assert(wants(NULL, NULL, NULL, "cpu.user"));
    cr_assert(wants("cpu.*", "disk.*", NULL, "cpu.user"));
    cr_assert(wants("cpu.*", "disk.*", NULL, "disk.reads"));
    cr_assert_not(wants("cpu.*", "disk.*", NULL, "net.in"));
    cr_assert(wants(NULL, NULL, "*.debug", "cpu.user"));
    cr_assert_not(wants(NULL, NULL, "*.debug", "cpu.debug"));
    cr_assert_not(wants("cpu.*", NULL, "*.debug", "cpu.debug"));
    cr_assert(wants("cpu.*", NULL, "*.debug", "cpu.user"));
    cr_assert_not(wants("web.*", NULL, NULL, "cpu.user"));
}

/* --- what garnetd is told --- */

static void has_read(struct scoreboard *board, uint64_t taken, uint64_t lost)
{
    uint64_t t, l;

    cr_assert(scoreboard_get_read(board, &t, &l));
    cr_assert_eq(t - begin.seq, taken, "%llu", (unsigned long long)(t - begin.seq));
    cr_assert_eq(l, lost);
}

Test(feed, a_frame_is_taken_as_a_whole)
{
    struct scoreboard board = {0};
    struct point end;

    b.board = &board;
    five_frames();
    cr_assert_eq(feed_fill(&f, 0, 1), FEED_ENOUGH);
    cr_assert_eq(f.read.seq, begin.seq);
    has_read(&board, 10, 0);
    cr_assert_eq(reads(), 50);
    has_read(&board, 150, 0);
    end = f.read;
    feed_seek(&f, &end, begin.seq + 10); /* a replay: what is before the floor is taken */
    has_read(&board, 150, 0);
    cr_assert_eq(feed_fill(&f, 0, 1), FEED_ENOUGH);
    has_read(&board, 150, 0);
    feed_seek(&f, &begin, begin.seq);
    has_read(&board, 0, 0);
}

/* Retention says so before it unlinks, and what was open can be read for ever. */
Test(feed, what_garnetd_has_given_up_has_expired_though_it_can_be_read)
{
    struct scoreboard board = {0};

    b.board = &board;
    frame(10, false);
    cr_assert_eq(feed_fill(&f, 0, 1), FEED_ENOUGH);
    frame(20, false);
    damaged_frame(30);
    frame(40, false);
    board.oldest = begin.seq + 60;
    cr_assert_eq(reads(), 50, "what was taken before is in memory");
    stands_at(100, 0, 0);
    cr_assert_eq(f.read.dropped[DROP_EXPIRED], 50);
    has_read(&board, 100, 50);
    feed_seek(&f, &begin, begin.seq);
    cr_assert_eq(reads(), 40);
    cr_assert_eq(f.read.dropped[DROP_EXPIRED], 60);
    board.oldest = begin.seq + 110; /* in the middle of a frame, as never happens */
    frame(20, false);
    cr_assert_eq(reads(), 50);
    has_read(&board, 120, 70);
}
