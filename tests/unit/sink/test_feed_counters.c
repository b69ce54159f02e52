/* sink/feed.c where counters are differenced and metrics are chosen: read from anywhere, in batches
 * of any size, a log gives the points of the whole; and every metric is counted. */
#include "base/log.h"
#include "base/why.h"
#include "model/record.h"
#include "rig/sink_kit.h"
#include "sink/feed.h"
#include "spool/append.h"
#include "spool/segment.h"

enum { LOG = 3000, SERIES = 20, WINDOW_S = 600, LINE = 64 };

static struct kit k;
static struct plugin p;
static struct batch b;
static struct append *spool;
static struct counters counters;
static struct feed f;
static struct point begin;
static int64_t came_ns[LOG];
static char whole[LOG][LINE]; /* what each metric becomes: a line, or nothing */
static struct point points[LOG + 1];

static const char *const NO_DEBUG[] = {"*.debug", NULL};

static void setup(void)
{
    struct append_config c = {.segment_size = 4096, .max_size = 64 << 20};
    struct why why;

    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    kit_plugin(&k, &p, GRAPHITE, "{name: main, plugin: graphite, to: stdout, path: '{name}'}");
    k.sink.drop = (struct strings){NO_DEBUG, 1};
    c.dir = kit_path(&k, "spool");
    spool = append_open(&c, &why);
    cr_assert_not_null(spool, "%s", why.text);
    begin.seq = append_next_seq(spool);
    cr_assert(batch_init(&b, &p, 1024));
    cr_assert_eq(feed_open(&f, &b, append_dirfd(spool), &begin, &(struct feed_rules){0}), 0);
    f.rules.sink = &k.sink;
    f.rules.start = begin.seq;
}

static void teardown(void)
{
    feed_close(&f);
    counters_forget(&counters);
    append_close(spool);
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

TestSuite(feed_counters, .init = setup, .fini = teardown, .timeout = 60);

static void difference(int64_t mode)
{
    counters_init(&counters, mode, WINDOW_S * NS_PER_S);
    f.rules.counters = &counters;
    feed_seek(&f, &begin, begin.seq);
}

/* As if the spool had been written when its metrics say. */
static void backdate_segments(void)
{
    struct segment_list l;

    cr_assert_eq(segment_list(append_dirfd(spool), &l), 0);
    cr_assert_gt(l.n, 20);
    for (size_t i = 0; i < l.n; i++) {
        struct segment_header h;
        enum segment_state state;
        uint8_t bytes[SEGMENT_HEADER];
        char name[SEGMENT_NAME];
        int fd = segment_open(append_dirfd(spool), l.first_seq[i], &h, &state);

        cr_assert_geq(fd, 0);
        close(fd);
        cr_assert_eq(state, SEGMENT_GOOD);
        if (h.first_seq - begin.seq >= LOG)
            continue;
        h.created_ns = came_ns[h.first_seq - begin.seq];
        segment_header_put(bytes, &h);
        segment_name(name, h.first_seq);
        fd = openat(append_dirfd(spool), name, O_WRONLY | O_CLOEXEC);
        cr_assert_eq(pwrite(fd, bytes, sizeof bytes, 0), (ssize_t)sizeof bytes);
        close(fd);
    }
    segment_list_free(&l);
}

/* Counters that grow, begin again and fall silent, some to be dropped, and gauges between. */
static void write_log(void)
{
    int64_t value[SERIES] = {0}, now = INT64_C(1700000000) * NS_PER_S;
    unsigned seed = 3;
    struct buf bytes = {0};
    uint64_t end;

    for (uint32_t i = 0, n = 0; i < LOG; i++) {
        unsigned s = (unsigned)rand_r(&seed) % SERIES;
        char name[16];
        struct metric m = kit_metric("", 0);

        now += (int64_t)(rand_r(&seed) % 3000) * NS_PER_MS;
        now += rand_r(&seed) % 100 == 0 ? WINDOW_S * NS_PER_S : 0;
        came_ns[i] = n == 0 ? now : came_ns[i - 1]; /* of its frame */
        value[s] = rand_r(&seed) % 30 == 0 ? 0 : value[s] + rand_r(&seed) % 50;
        snprintf(name, sizeof name, "m%u%s", s, s % 5 == 0 ? ".debug" : "");
        m.name = str_of(name);
        m.type = s % 3 == 0 ? METRIC_GAUGE : METRIC_COUNTER;
        m.value.i = value[s];
        m.time_ns = now - (rand_r(&seed) % 20 == 0 ? 3 * NS_PER_S : 0);
        if (s % 4 == 1) /* old data, slowly: only the log says what is long ago */
            m.time_ns = now / 200;
        record_put(&bytes, &m);
        if (++n < 12 && rand_r(&seed) % 8 != 0 && i + 1 < LOG)
            continue;
        cr_assert_eq(append_frame(spool, bytes.p, bytes.n, n, &end), 0);
        buf_reset(&bytes);
        n = 0;
    }
    buf_free(&bytes);
    backdate_segments();
}

/* One metric at a time. */
static void read_whole(void)
{
    unsigned lines = 0;

    feed_seek(&f, &begin, begin.seq);
    for (unsigned i = 0; i < LOG; i++) {
        points[i] = f.read;
        cr_assert_eq(feed_fill(&f, 1, 1), i + 1 < LOG ? FEED_ENOUGH : FEED_DRY);
        cr_assert_eq(f.read.seq, begin.seq + i + 1);
        cr_assert_lt(b.bytes.n, LINE);
        memcpy(whole[i], b.bytes.p, b.bytes.n);
        whole[i][b.bytes.n] = 0;
        lines += b.nmetrics;
        feed_next_batch(&f);
    }
    points[LOG] = f.read;
    cr_assert_gt(lines, LOG / 2);
    cr_assert_eq(lines + f.read.dropped[DROP_SKIPPED] + f.read.dropped[DROP_DESELECTED], LOG);
    cr_assert_gt(f.read.dropped[DROP_SKIPPED], SERIES);
    cr_assert_gt(f.read.dropped[DROP_DESELECTED], LOG / 10);
}

/* From `from` to the end, in batches that are full. */
static void reads_the_same(unsigned from)
{
    struct buf got = {0}, want = {0};
    enum feed_result result;

    for (unsigned i = from; i < LOG; i++)
        buf_puts(&want, whole[i]);
    do {
        result = feed_fill(&f, UINT64_MAX, 1);
        cr_assert_neq(result, FEED_FATAL);
        buf_put(&got, b.bytes.p, b.bytes.n);
        feed_next_batch(&f);
    } while (result != FEED_DRY);
    cr_assert(buf_ok(&got) && buf_ok(&want));
    cr_assert(str_eq((struct str){got.p, got.n}, (struct str){want.p, want.n}), "from %u", from);
    cr_assert_eq(memcmp(&f.read, &points[LOG], sizeof f.read), 0);
    buf_free(&got);
    buf_free(&want);
}

/* A worker that begins at `from`, and one that is sent back there after the whole. */
static void from_anywhere(int64_t mode)
{
    unsigned seed = 9;

    write_log();
    difference(mode);
    read_whole();
    for (int i = 0; i < 150; i++) {
        unsigned from = (unsigned)rand_r(&seed) % LOG;

        feed_seek(&f, &points[from], points[from].seq);
        reads_the_same(from);
        feed_seek(&f, &points[LOG], points[from].seq);
        reads_the_same(from);
    }
}

Test(feed_counters, deltas_are_a_function_of_the_log)
{
    from_anywhere(COUNTERS_DELTA);
}

Test(feed_counters, rates_are_a_function_of_the_log)
{
    from_anywhere(COUNTERS_RATE);
}

/* It was created in the middle: what came before is not read, and the same after a restart. */
Test(feed_counters, nothing_before_the_sink_was_created)
{
    const unsigned middle = LOG / 2;
    unsigned first = 0;

    write_log();
    difference(COUNTERS_DELTA);
    read_whole();
    f.rules.start = points[middle].seq;
    feed_seek(&f, &points[middle], points[middle].seq);
    for (unsigned i = middle; i < middle + 200; i++) {
        (void)feed_fill(&f, 1, 1);
        first += whole[i][0] != 0 && b.bytes.n == 0;
        cr_assert(b.bytes.n == 0 || memcmp(whole[i], b.bytes.p, b.bytes.n) == 0);
        feed_next_batch(&f);
    }
    cr_assert_gt(first, 0);
    cr_assert_leq(first, SERIES);
}

/* What must not get to the plugin is what the next is compared with all the same. */
Test(feed_counters, what_is_kept_back_is_compared_with)
{
    struct metric m = kit_metric("x", 0);
    struct quarantine q;
    struct scoreboard board = {0};
    struct buf bytes = {0};
    uint64_t end;

    m.type = METRIC_COUNTER;
    for (int i = 0; i < 4; i++) {
        m.time_ns += NS_PER_S;
        m.value.i += 10 + i;
        record_put(&bytes, &m);
    }
    cr_assert_eq(append_frame(spool, bytes.p, bytes.n, 4, &end), 0);
    buf_free(&bytes);
    board.poisons[0].metric = begin.seq + 1 + 1;
    quarantine_open(&q, append_dirfd(spool), "spool", "main", "graphite", &board);
    f.rules.quarantine = &q;
    difference(COUNTERS_DELTA);
    cr_assert_eq(feed_fill(&f, UINT64_MAX, 1), FEED_DRY);
    cr_assert_eq(f.read.dropped[DROP_SKIPPED], 1);
    cr_assert_eq(f.read.dropped[DROP_QUARANTINED], 1);
    cr_assert_eq(b.nmetrics, 2);
    cr_assert_eq(strncmp(b.bytes.p, "x 12 ", 5), 0, "%.*s", (int)b.bytes.n, b.bytes.p);
    quarantine_close(&q);
}
