/* tests/unit/daemon/test_removed.c - daemon/removed.h and spool/aside.h: a removed sink's cursor in a real spool */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/removed.h"
#include "rig/daemon_stand.h"
#include "spool/aside.h"
#include "spool/cursor.h"

static struct stand stand;
static struct generation *generation;
static struct removed removed;
static struct conf_spool conf;

/* Of the sinks a (over TCP), b (to another place), c (another plugin), as `of()` has them. */
static void begin(void)
{
    stand_begin(&stand);
    (void)stand_configure(&stand,
                          "sinks:\n"
                          "  - {name: a, plugin: graphite, to: ['tcp://h:1', 'tcp://h:2']}\n"
                          "  - {name: b, plugin: graphite, to: 'tcp://h:1'}\n"
                          "  - {name: c, plugin: metrics20, to: ['tcp://h:1', 'tcp://h:2']}\n");
    generation = stand_generation(&stand);
    conf = generation->conf->spool;
    stand_spool(&stand, generation->conf);
    removed = (struct removed){stand.spool, "the/spool", clock_mono()};
}

static void end(void)
{
    generation_unref(generation);
    stand_end(&stand);
}

TestSuite(removed, .init = begin, .fini = end, .timeout = 60);

/* A sink "x" that is otherwise that one. */
static struct conf_sink of(const char *name)
{
    struct conf_sink s = *conf_sink_named(generation->conf, name);

    s.name = "x";
    return s;
}

static void make_cursor(uint64_t at)
{
    cr_assert_eq(cursor_create(append_dirfd(stand.spool), "x", at), 0);
}

static bool is_at(uint64_t position)
{
    struct cursor_state c;

    return cursor_read(append_dirfd(stand.spool), "x", &c) == 0 && c.position == position;
}

static void remove_as(const char *name)
{
    struct conf_sink s = of(name);

    removed_add(&removed, &conf, "x", removed_identity(&s));
    cr_assert_not(is_at(0));
}

static void come_back_as(const char *name)
{
    struct conf_sink s = of(name);

    removed_return(&removed, &s);
}

static void count(void *arg, const struct aside *a)
{
    (void)a;
    ++*(int *)arg;
}

static int aside(void)
{
    int n = 0;

    cr_assert_eq(aside_each(append_dirfd(stand.spool), count, &n), 0);
    return n;
}

Test(removed, the_same_goes_on)
{
    uint64_t at = append_next_seq(stand.spool);

    stand_append(&stand, 5);
    make_cursor(at + 2);
    remove_as("a");
    cr_assert_eq(aside(), 1);
    cr_assert_eq(stand_logged(&stand, "sink x is no longer configured: its cursor is set aside for "
                                      "24 h, 3 metrics are queued"),
                 1);
    come_back_as("a");
    cr_assert(is_at(at + 2));
    cr_assert_eq(aside(), 0);
    cr_assert_eq(stand_logged(&stand,
                              "sink x is back, and goes on where it was: 3 metrics are queued "
                              "for it, and 0 are gone"),
                 1, "%s", stand_log_text(&stand));
    come_back_as("a");
    cr_assert_eq(stand_logged(&stand, "is back"), 1, "it is there");
}

Test(removed, another_begins_anew)
{
    make_cursor(append_next_seq(stand.spool));
    remove_as("a");
    come_back_as("b");
    come_back_as("c");
    cr_assert_eq(aside(), 1);
    cr_assert_not(is_at(append_next_seq(stand.spool)));
    cr_assert_eq(stand_logged(&stand, "sink x has another plugin or `to`"), 2);
    come_back_as("a");
    cr_assert(is_at(append_next_seq(stand.spool)), "the first is there still");
}

/* Two that had the name, one after the other; and one of which nothing was known. */
Test(removed, each_finds_its_own)
{
    uint64_t at = append_next_seq(stand.spool);

    stand_append(&stand, 5);
    make_cursor(at + 1);
    remove_as("a");
    make_cursor(at + 2);
    remove_as("b");
    cr_assert_eq(aside(), 2);
    come_back_as("a");
    cr_assert(is_at(at + 1));
    remove_as("a");
    come_back_as("b");
    cr_assert(is_at(at + 2));
    removed_add(&removed, &conf, "x", 0);
    come_back_as("c");
    cr_assert(is_at(at + 2));
}

Test(removed, after_its_time_it_is_removed)
{
    make_cursor(append_next_seq(stand.spool));
    remove_as("a");
    (void)removed_needed(&removed, &conf, 0);
    cr_assert_eq(aside(), 1);
    conf.keep_removed = 1;
    (void)removed_needed(&removed, &conf, 0);
    cr_assert_eq(aside(), 0);
    cr_assert_eq(stand_logged(&stand, "sink x has not come back: its cursor is removed"), 1);
    conf.keep_removed = 0;
    make_cursor(append_next_seq(stand.spool));
    stand_append(&stand, 3);
    remove_as("a");
    cr_assert_eq(aside(), 0);
    cr_assert_eq(stand_logged(&stand, "sink x is no longer configured: its cursor is removed, 3"),
                 1);
}

/* A clock that is wrong until somebody sets it costs nothing; one that was wrong by years keeps nothing for ever. */
Test(removed, one_of_a_wrong_clock_is_as_old_as_garnetd)
{
    const int64_t since[] = {clock_wall() / NS_PER_S + 1000000, 3600};

    for (size_t i = 0; i < sizeof since / sizeof *since; i++) {
        removed.began = clock_mono();
        make_cursor(append_next_seq(stand.spool));
        cr_assert_eq(aside_put(append_dirfd(stand.spool), "x", 1, since[i]), 0);
        (void)removed_needed(&removed, &conf, 77);
        cr_assert_eq(aside(), 1);
        removed.began -= conf.keep_removed;
        (void)removed_needed(&removed, &conf, 77);
        cr_assert_eq(aside(), 0);
    }
}

Test(removed, one_that_nobody_can_read_holds_nothing_and_goes)
{
    int fd;

    make_cursor(append_next_seq(stand.spool)); /* and the folder */
    fd = openat(append_dirfd(stand.spool), "cursors/y@1@5f000000", O_WRONLY | O_CREAT | O_CLOEXEC,
                0600);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(removed_needed(&removed, &conf, 77), 77U);
    cr_assert_eq(aside(), 0);
}

/* It holds its metrics while the spool is below half its size, and then the newest half. */
Test(removed, it_holds_no_more_than_half)
{
    uint64_t at = append_next_seq(stand.spool), end, second;
    static char payload[60000];

    make_cursor(at);
    remove_as("a");
    conf.max_size = 1 << 20;
    append_configure(stand.spool,
                     &(struct append_config){.segment_size = 100000, .max_size = 1 << 20});
    cr_assert_eq(append_frame(stand.spool, payload, sizeof payload, 10, &second), 0);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(append_frame(stand.spool, payload, sizeof payload, 10, &end), 0);
    cr_assert_eq(removed_needed(&removed, &conf, end), at);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(append_frame(stand.spool, payload, sizeof payload, 10, &end), 0);
    at = removed_needed(&removed, &conf, end);
    cr_assert_gt(at, second);
    cr_assert_lt(at, end);
    (void)append_retain(stand.spool, at, clock_wall());
    cr_assert_leq(append_bytes(stand.spool), 1U << 19);
    cr_assert_geq(append_bytes(stand.spool), 1U << 18, "the newest stay");
    come_back_as("a");
    cr_assert_eq(stand_logged(&stand, "and 0 are gone"), 0, "%s", stand_log_text(&stand));
}

/* A name that nobody here has made. */
Test(removed, other_names_are_left_alone)
{
    static const char *const names[] = {"@1@1", ".x@1@1", "x@1", "x@1@1z", "x@z@1", "plain"};
    int dirfd = append_dirfd(stand.spool), fd;

    make_cursor(append_next_seq(stand.spool));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];

        (void)snprintf(path, sizeof path, "cursors/%s", names[i]);
        fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        close(fd);
    }
    cr_assert_eq(aside(), 0);
}
