/* sink/quarantine.c: what garnetd names is written once, kept out for ever, and readable */
#include "base/log.h"
#include "rig/sink_kit.h"
#include "sink/quarantine.h"

static struct kit k;
static struct quarantine q;
static struct scoreboard board;
static int dirfd = -1;
static const char *file;

static void reopen(void)
{
    quarantine_close(&q);
    quarantine_open(&q, dirfd, k.dir, "main", "x", &board);
}

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    file = kit_path(&k, "quarantine/main.ndjson");
    dirfd = open(k.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(dirfd, 0);
    memset(&board, 0, sizeof board);
    reopen();
}

static void teardown(void)
{
    quarantine_close(&q);
    close(dirfd);
    kit_close(&k);
}

TestSuite(quarantine, .init = setup, .fini = teardown, .timeout = 60);

static void condemn(unsigned i, uint64_t seq)
{
    board.poisons[i].metric = seq + 1;
    board.poisons[i].signo = 11;
    board.poisons[i].when_ns = INT64_C(1700000001500000000);
    reopen();
}

static unsigned lines(void)
{
    unsigned n = 0;

    for (const char *s = kit_read(&k, file); (s = strchr(s, '\n')) != NULL; s++)
        n++;
    return n;
}

/* Sequence numbers begin at 0. */
Test(quarantine, the_first_metric_of_a_spool_is_one_like_another)
{
    struct metric m = kit_metric("a", 1);

    cr_assert_not(quarantine_takes(&q, 0, &m));
    condemn(0, 0);
    cr_assert(quarantine_takes(&q, 0, &m));
    cr_assert_not(quarantine_takes(&q, 1, &m));
    board.poisons[0].metric = 0;
    reopen();
    cr_assert(quarantine_takes(&q, 0, &m));
    cr_assert_eq(lines(), 1);
}

Test(quarantine, takes_what_is_named_and_nothing_else)
{
    struct metric m = kit_metric("a", 1);

    cr_assert_not(quarantine_takes(&q, 5, &m));
    condemn(0, 3);
    condemn(1, 7);
    for (uint64_t seq = 1; seq < 10; seq++)
        cr_assert_eq(quarantine_takes(&q, seq, &m), seq == 3 || seq == 7, "%d", (int)seq);
    cr_assert_eq(lines(), 2);
}

Test(quarantine, writes_all_that_there_is_of_it)
{
    static const char want[] =
        "{\"sequence\":3,\"sink\":\"main\",\"name\":\"a \\\"b\\\"\",\"value\":-5,"
        "\"time\":1700000000.250000,\"type\":\"gauge\",\"unit\":\"B\",\"tags\":{\"t\":\"\\\\\"},"
        "\"meta\":{\"u\":\"v\"},\"collector\":\"c\",\"prefix\":\"p\",\"signal\":11,"
        "\"when\":1700000001.500000}\n";
    struct metric m = kit_metric("a \"b\"", -5);

    m.unit = str_of("B");
    m.tags[m.ntags++] = (struct tag){str_of("t"), str_of("\\")};
    m.meta[m.nmeta++] = (struct tag){str_of("u"), str_of("v")};
    m.collector = str_of("c");
    m.prefix = str_of("p");
    condemn(0, 3);
    cr_assert(quarantine_takes(&q, 3, &m));
    cr_assert_str_eq(kit_read(&k, file), want);
}

/* However often it is replayed, by whatever worker, and when garnetd has forgotten it. */
Test(quarantine, writes_it_once)
{
    struct metric m = kit_metric("a", 1), other = kit_metric("b", 1);

    condemn(0, 3);
    for (int i = 0; i < 3; i++) {
        cr_assert(quarantine_takes(&q, 3, &m));
        cr_assert(quarantine_takes(&q, 3, &m));
        reopen();
    }
    memset(&board, 0, sizeof board);
    reopen();
    cr_assert(quarantine_takes(&q, 3, &m));
    cr_assert_not(quarantine_takes(&q, 3, &other), "the number of another spool's metric");
    cr_assert_eq(lines(), 1);
}

Test(quarantine, a_torn_line_spoils_no_other)
{
    struct metric m = kit_metric("a", 1);

    condemn(0, 3);
    cr_assert(quarantine_takes(&q, 3, &m));
    cr_assert_eq(truncate(file, (off_t)strlen(kit_read(&k, file)) - 2), 0);
    condemn(1, 4);
    cr_assert(quarantine_takes(&q, 4, &m));
    cr_assert(quarantine_takes(&q, 3, &m));
    cr_assert_eq(lines(), 3);
    board.poisons[0].metric = board.poisons[1].metric = 0;
    reopen();
    cr_assert(quarantine_takes(&q, 4, &m));
    cr_assert_not(quarantine_takes(&q, 5, &m));
}

Test(quarantine, a_full_file_takes_no_more_and_all_else_goes_on)
{
    struct metric m = kit_metric("a", 1);
    size_t n = QUARANTINE_MAX - 100;
    char *text = malloc(n + 1);

    cr_assert_not_null(text);
    memset(text, 'x', n);
    text[n - 1] = '\n';
    text[n] = 0;
    cr_assert_eq(mkdirat(dirfd, "quarantine", 0750), 0);
    kit_write(file, text);
    log_set_level((enum log_level) - 1);
    condemn(0, 3);
    cr_assert(quarantine_takes(&q, 3, &m));
    cr_assert(quarantine_takes(&q, 3, &m));
    cr_assert_str_eq(kit_read(&k, file), text);
    free(text);
}

Test(quarantine, without_a_place_to_write_it_is_still_kept_out)
{
    struct metric m = kit_metric("a", 1);

    kit_write(kit_path(&k, "quarantine"), "in the way");
    log_set_level((enum log_level) - 1);
    condemn(0, 3);
    cr_assert(quarantine_takes(&q, 3, &m));
    cr_assert_not(quarantine_takes(&q, 4, &m));
}
