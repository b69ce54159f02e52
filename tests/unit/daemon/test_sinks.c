/* tests/unit/daemon/test_sinks.c - daemon/sinks.h: small scripts as workers, real cursors in a real spool
 *
 * A script gets what garnet-sink gets: "run NAME", the pair as 4, the scoreboard as 5; nothing here loads a plugin.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sink_cursor.h"
#include "daemon/sinks.h"
#include "model/scoreboard.h"
#include "rig/daemon_stand.h"
#include "spool/cursor.h"

#define PYTHON                                                                                     \
    "#!/usr/bin/python3\n"                                                                         \
    "import os, select, struct, sys, time\n"                                                       \
    "def say(c): os.write(4, c)\n"                                                                 \
    "def hear():\n"                                                                                \
    "    select.select([4], [], [])\n"                                                             \
    "    return os.read(4, 1)\n"                                                                   \
    "def put(at, n): os.pwrite(5, struct.pack('@Q', n), int(os.environ[at]))\n"                    \
    "print('up', sys.argv[2], file=sys.stderr, flush=True)\n"
#define OBEDIENT                                                                                   \
    PYTHON "say(b'r')\n"                                                                           \
           "while hear() != b'q': print('woken', sys.argv[2], file=sys.stderr, flush=True)\n"      \
           "say(b'e')\n"

static struct stand stand;
static struct sinks made, *sinks;
static struct generation *generation; /* applied last */
static int nstopped;

static void on_stopped(void *arg)
{
    (void)arg;
    nstopped++;
}

static void begin(const char *worker)
{
    char at[16];

    stand_begin(&stand);
    (void)snprintf(at, sizeof at, "%zu", offsetof(struct scoreboard, can_drop));
    cr_assert_eq(setenv("GARNET_CAN_DROP", at, 1), 0);
    (void)stand_script(&stand, "worker", worker);
}

/* `list`: the sinks, as in garnet.yaml. Made at the first time, with `before` metrics in the spool. */
static void apply_after(const char *list, unsigned before)
{
    struct generation *old = generation;
    static char program[128], text[2048];
    const struct sinks_events ev = {NULL, on_stopped};

    (void)snprintf(text, sizeof text, "self_metrics: {interval: 10s, level: full}\n%s%s",
                   *list != 0 ? "sinks:\n" : "", list);
    (void)stand_configure(&stand, text);
    generation = stand_generation(&stand);
    if (sinks == NULL) {
        stand_intake(&stand, generation->conf);
        stand_spool(&stand, generation->conf);
        if (before > 0)
            stand_append(&stand, before);
        (void)snprintf(program, sizeof program, "%s/worker", stand.dir);
        stand_keepers(&stand);
        sinks = &made;
        sinks_init(sinks, &stand.keepers, stand.spool, "the/spool", program, &ev);
    }
    selfmetrics_configure(stand.self, generation->conf);
    sinks_apply(sinks, generation);
    generation_unref(old);
}

static void apply(const char *list)
{
    apply_after(list, 0);
}

static bool is_up(const char *name)
{
    char text[64];

    (void)snprintf(text, sizeof text, "up %s", name);
    return stand_logged(&stand, text) == 1;
}

static void wait_up(const char *one, const char *other)
{
    STAND_UNTIL(&stand, is_up(one) && is_up(other));
}

static struct cursor_state cursor_of(const char *name)
{
    struct cursor_state st;

    cr_assert_eq(cursor_read(append_dirfd(stand.spool), name, &st), 0);
    return st;
}

static bool has_cursor(const char *name)
{
    struct cursor_state st;

    return cursor_read(append_dirfd(stand.spool), name, &st) == 0;
}

/* As its worker would. */
static void move_cursor(const char *name, uint64_t to)
{
    struct cursor c;

    cr_assert_eq(cursor_open(&c, append_dirfd(stand.spool), name), 0);
    c.state.position = c.state.keep = to;
    cr_assert_eq(cursor_store(&c), 0);
    cursor_close(&c);
}

static void end(void)
{
    sinks_stop(sinks, 10 * NS_PER_S);
    STAND_UNTIL(&stand, sinks_stopped(sinks));
    sinks_free(sinks);
    generation_unref(generation);
    stand_end(&stand);
}

#define SINK(name, more) "  - {name: " name ", plugin: graphite, to: 'tcp://127.0.0.1:1'" more "}\n"

TestSuite(sinks, .timeout = 60);

Test(sinks, a_new_one_begins_where_it_says)
{
    begin(OBEDIENT);
    apply_after(SINK("now", "") SINK("all", ", start: oldest"), 5);
    wait_up("now", "all");
    cr_assert_eq(cursor_of("now").position, append_next_seq(stand.spool));
    cr_assert_eq(cursor_of("all").position, append_next_seq(stand.spool) - 5);
    cr_assert(cursor_listed(append_dirfd(stand.spool), "now"));
    cr_assert(cursor_listed(append_dirfd(stand.spool), "all"));
    sinks_wake(sinks);
    STAND_UNTIL(&stand,
                stand_logged(&stand, "woken now") == 1 && stand_logged(&stand, "woken all") == 1);
    sinks_stop(sinks, 10 * NS_PER_S);
    STAND_UNTIL(&stand, nstopped == 2);
    cr_assert(sinks_stopped(sinks));
    sinks_log_rest(sinks);
    cr_assert_eq(stand_logged(&stand, "ended; sink all: 5 metrics wait in the spool\n"), 1);
    end();
}

Test(sinks, a_reload_restarts_the_changed_one_alone)
{
    begin(OBEDIENT);
    apply(SINK("stays", "") SINK("changes", ""));
    wait_up("stays", "changes");
    stand_append(&stand, 3);
    move_cursor("changes", append_next_seq(stand.spool) - 1);
    apply(SINK("stays", "") SINK("changes", ", flush: 2s"));
    STAND_UNTIL(&stand, stand_logged(&stand, "up changes") == 2);
    cr_assert_eq(stand_logged(&stand, "sink changes changed: its worker is replaced"), 1);
    cr_assert_eq(stand_logged(&stand, "up stays"), 1);
    cr_assert_eq(cursor_of("changes").position, append_next_seq(stand.spool) - 1,
                 "it goes on there");
    end();
}

Test(sinks, a_removed_one_is_set_aside_and_goes_on_if_it_comes_back)
{
    uint64_t at;

    begin(OBEDIENT);
    apply(SINK("stays", "") SINK("leaves", ""));
    wait_up("stays", "leaves");
    at = append_next_seq(stand.spool);
    stand_append(&stand, 3);
    apply(SINK("stays", ""));
    STAND_UNTIL(&stand, !has_cursor("leaves"));
    cr_assert_eq(stand_logged(&stand,
                              "sink leaves is no longer configured: its cursor is set aside "
                              "for 24 h, 3 metrics are queued for it"),
                 1, "%s", stand_log_text(&stand));
    cr_assert_not(cursor_listed(append_dirfd(stand.spool), "leaves"));
    cr_assert(has_cursor("stays"));
    move_cursor("stays", append_next_seq(stand.spool));
    cr_assert_eq(sinks_needed(sinks), at, "its metrics are held");
    apply(SINK("stays", "") SINK("leaves", ", flush: 2s"));
    STAND_UNTIL(&stand, stand_logged(&stand, "up leaves") == 2);
    cr_assert_eq(cursor_of("leaves").position, at);
    cr_assert_eq(stand_logged(&stand, "sink leaves is back, and goes on where it was: 3 metrics"),
                 1, "%s", stand_log_text(&stand));
    end();
}

Test(sinks, one_of_an_earlier_life_is_set_aside)
{
    struct generation *g;
    const char *names[] = {"old", "main"};
    uint64_t first;

    begin(OBEDIENT);
    (void)stand_configure(&stand, "");
    g = stand_generation(&stand);
    stand_spool(&stand, g->conf);
    first = append_next_seq(stand.spool);
    stand_append(&stand, 4);
    cr_assert_eq(cursor_create(append_dirfd(stand.spool), "old", first), 0);
    cr_assert_eq(cursor_list_write(append_dirfd(stand.spool), names, 2), 0);
    append_close(stand.spool);
    generation_unref(g);
    apply(SINK("main", ""));
    cr_assert_eq(
        stand_logged(&stand,
                     "sink old is no longer configured: its cursor is set aside for 24 h, 4"),
        1, "%s", stand_log_text(&stand));
    cr_assert_not(has_cursor("old"));
    cr_assert_eq(
        stand_logged(
            &stand,
            "sink main: its cursor is lost (No such file or directory): it starts at the oldest"),
        1, "it is listed");
    cr_assert_eq(cursor_of("main").position, first);
    end();
}

Test(sinks, needed_is_what_the_last_one_needs)
{
    uint64_t next;

    begin(OBEDIENT);
    apply("");
    cr_assert_eq(sinks_needed(sinks), 0, "for the first one");
    apply(SINK("one", "") SINK("two", ""));
    stand_append(&stand, 10);
    next = append_next_seq(stand.spool);
    move_cursor("one", next - 2);
    move_cursor("two", next - 7);
    cr_assert_eq(sinks_needed(sinks), next - 7);
    cr_assert_eq(unlinkat(append_dirfd(stand.spool), "cursors/one", 0), 0);
    cr_assert_eq(sinks_needed(sinks), 0, "what is not known is kept");
    end();
}

/* Its file goes with the folder, and comes back as it was last seen. */
Test(sinks, a_replaced_folder_makes_cursors_again)
{
    uint64_t at;

    begin(OBEDIENT);
    apply(SINK("main", ""));
    STAND_UNTIL(&stand, stand_logged(&stand, "up main") == 1);
    stand_append(&stand, 10);
    at = append_next_seq(stand.spool) - 4;
    move_cursor("main", at);
    cr_assert_eq(sinks_needed(sinks), at);
    cr_assert_eq(unlinkat(append_dirfd(stand.spool), "cursors/main", 0), 0);
    sinks_restart(sinks);
    STAND_UNTIL(&stand, stand_logged(&stand, "up main") == 2);
    cr_assert_eq(cursor_of("main").position, at);
    cr_assert_eq(stand_logged(&stand, "is lost"), 0);
    end();
}

static void round_of_all(void)
{
    struct self_round at = selfmetrics_beginning(stand.self, clock_wall());

    at.only_counters = false;
    sinks_metrics(sinks, &at);
    (void)loop_turn(stand.loop, 0);
}

static void on_begins(void *arg, uint64_t oldest)
{
    sinks_spool_begins(arg, oldest);
}

/* In segments of a frame each, of which the newest stays; its first number. */
static uint64_t overflow(unsigned frames)
{
    append_configure(stand.spool, &(struct append_config){.segment_size = 1});
    for (unsigned i = 0; i < frames; i++)
        stand_append(&stand, 10);
    (void)sinks_needed(sinks);
    append_configure(stand.spool, &(struct append_config){.segment_size = 1, .max_size = 1});
    stand.spool->folder.ev = (struct append_events){.arg = sinks, .begins = on_begins};
    (void)append_retain(stand.spool, sinks_needed(sinks), clock_wall());
    (void)sinks_needed(sinks);
    return append_oldest(stand.spool);
}

Test(sinks, what_none_has_to_read_again_is_what_the_slowest_has_passed)
{
    uint64_t begins;

    begin(OBEDIENT);
    apply(SINK("main", "") SINK("done", ""));
    wait_up("main", "done");
    begins = cursor_of("main").position;
    stand_append(&stand, 5);
    cr_assert_eq(sinks_passed(sinks), begins);
    move_cursor("done", begins + 5);
    cr_assert_eq(sinks_passed(sinks), begins);
    move_cursor("main", begins + 5);
    cr_assert_eq(sinks_passed(sinks), begins + 5);
    end();
}

Test(sinks, what_retention_takes_has_expired_at_once_and_is_logged_with_its_number)
{
    uint64_t begins, oldest;
    char text[96];

    begin(OBEDIENT);
    apply(SINK("main", "") SINK("done", ""));
    wait_up("main", "done");
    begins = cursor_of("main").position;
    stand_append(&stand, 5);
    move_cursor("done", append_next_seq(stand.spool));
    oldest = overflow(1);
    cr_assert_eq(oldest, begins + 5);
    cr_assert_eq(stand_logged(&stand, "sink main: 5 metrics that it had not sent are gone"), 1);
    cr_assert_eq(stand_logged(&stand, "sink done: "), 0);
    round_of_all();
    cr_assert_eq(stand_taken(&stand, "garnet.sink.dropped 5 host=testhost sink=main why=expired "),
                 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.queued 10 host=testhost sink=main "), 1);
    oldest = overflow(7);
    cr_assert_eq(stand_logged(&stand, "that it had not sent are gone"), 2,
                 "one line, until ten seconds later");
    cr_assert_eq(stand_logged(&stand, "sink done: 70 metrics that it had not sent are gone"), 1);
    sinks_stop(sinks, 10 * NS_PER_S);
    STAND_UNTIL(&stand, sinks_stopped(sinks));
    sinks_log_rest(sinks);
    (void)snprintf(text, sizeof text,
                   "sink main: %llu metrics that it had not sent are gone from the spool by now",
                   (unsigned long long)(oldest - begins));
    cr_assert_eq(stand_logged(&stand, text), 1, "the sum: %s", stand_log_text(&stand));
    cr_assert_eq(stand_logged(&stand, "; sink main: 10 metrics wait in the spool"), 1);
    cr_assert_eq(cursor_of("main").position, begins, "no worker has had a hand in it");
    end();
}

/* One that cannot be read hides nothing of another, and is named once itself. */
Test(sinks, losses_are_logged_while_the_cursor_of_another_cannot_be_read)
{
    begin(OBEDIENT);
    apply(SINK("one", "") SINK("two", "") SINK("three", ""));
    STAND_UNTIL(&stand, stand_logged(&stand, "up one") == 1 &&
                            stand_logged(&stand, "up two") == 1 &&
                            stand_logged(&stand, "up three") == 1);
    (void)sinks_needed(sinks);
    cr_assert_eq(unlinkat(append_dirfd(stand.spool), "cursors/two", 0), 0);
    stand_append(&stand, 5);
    (void)overflow(1);
    cr_assert_eq(stand_logged(&stand, "sink one: 5 metrics that it had not sent are gone"), 1);
    cr_assert_eq(stand_logged(&stand, "sink three: 5 metrics that it had not sent are gone"), 1);
    cr_assert_eq(stand_logged(&stand, "sink two: its cursor cannot be read: the/spool/cursors/two: "
                                      "No such file or directory"),
                 1, "%s", stand_log_text(&stand));
    cr_assert_eq(sinks_needed(sinks), 0);
    end();
}

static void round_of_one(struct sink_cursor *c, const struct scoreboard *b)
{
    struct self_round at = selfmetrics_beginning(stand.self, clock_wall());

    at.only_counters = false;
    at.key = "sink", at.val = c->name;
    buf_free(&stand.taken);
    cr_assert(sink_cursor_metrics(c, &at, b));
    (void)loop_turn(stand.loop, 0);
}

/* One beside the sink's own, so that the test says what a worker has read. Where it begins. */
static uint64_t begin_with_cursor(struct sink_cursor *c)
{
    begin(OBEDIENT);
    apply(SINK("main", ""));
    sink_cursor_init(c, stand.spool, "the/spool", conf_sink_named(generation->conf, "main"));
    cr_assert(sink_cursor_ensure(c));
    return cursor_of("main").position;
}

/* A worker that takes a frame just as it is given up says so, sees that, and gives it up as well. */
Test(sinks, what_has_expired_stays_so_while_a_worker_gives_it_up)
{
    static struct scoreboard board;
    struct sink_cursor c;
    uint64_t from;

    from = begin_with_cursor(&c);
    scoreboard_put_read(&board, from, 0);
    (void)overflow(2);
    round_of_one(&c, &board);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.dropped 10 host=testhost sink=main why=expired "),
                 1);
    scoreboard_put_read(&board, from + 10, 0); /* taken */
    round_of_one(&c, &board);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.dropped 10 host=testhost sink=main why=expired "),
                 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.unconfirmed 0 "), 1);
    scoreboard_put_read(&board, from + 10, 10); /* and given up */
    round_of_one(&c, &board);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.dropped 10 host=testhost sink=main why=expired "),
                 1);
    scoreboard_put_read(&board, from + 20, 10);
    round_of_one(&c, &board);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.unconfirmed 10 "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.queued 0 "), 1);
    end();
}

/* As after somebody has removed the oldest segments: nobody else knows that they are gone. */
Test(sinks, what_only_a_worker_that_died_knew_to_have_expired_stays_so)
{
    static struct scoreboard board;
    struct sink_cursor c;
    uint64_t from;

    from = begin_with_cursor(&c);
    stand_append(&stand, 30);
    scoreboard_put_read(&board, from + 15, 10);
    round_of_one(&c, &board);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.unconfirmed 5 "), 1);
    scoreboard_forget_read(&board);
    round_of_one(&c, &board);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.dropped 10 host=testhost sink=main why=expired "),
                 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.queued 20 "), 1);
    end();
}

/* Nobody here knows what it has in memory, and may yet confirm. */
Test(sinks, while_a_worker_of_an_earlier_life_has_the_cursor_there_is_only_its_lag)
{
    struct cursor c;
    int ready[2];
    pid_t other;
    char byte;

    begin(OBEDIENT);
    apply(SINK("main", ""));
    cr_assert_eq(pipe(ready), 0);
    if ((other = fork()) == 0) {
        (void)!write(ready[1], cursor_open(&c, append_dirfd(stand.spool), "main") == 0 ? "y" : "n",
                     1);
        pause();
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    round_of_all();
    cr_assert_eq(stand_taken(&stand, "garnet.sink."), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.lag 0 "), 1);
    stand_append(&stand, 5);
    (void)overflow(1);
    cr_assert_eq(stand_logged(&stand, "sink main: 5 metrics that it had not sent are gone"), 1,
                 "what it loses is logged");
    cr_assert_eq(kill(other, SIGKILL), 0);
    cr_assert_eq(waitpid(other, NULL, 0), other);
    round_of_all();
    cr_assert_eq(stand_taken(&stand, "garnet.sink.confirmed 0 "), 1);
    end();
}

Test(sinks, how_it_began_is_written_once)
{
    begin(PYTHON "put('GARNET_CAN_DROP', 1)\n"
                 "say(b'r')\n"
                 "while hear() != b'q': pass\n"
                 "say(b'e')\n");
    apply_after(SINK("main", ", start: oldest"), 5);
    STAND_UNTIL(&stand, (sinks_metrics_begun(sinks, stand.self),
                         stand_taken(&stand, "garnet.sink.confirmed 0 ") > 0));
    cr_assert_eq(
        stand_taken(&stand, "garnet.sink.dropped 0 host=testhost sink=main why=expired at "), 1);
    sinks_metrics_begun(sinks, stand.self);
    (void)loop_turn(stand.loop, 0);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.confirmed"), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.queued"), 0, "no gauges");
    end();
}

Test(sinks, a_round_says_what_the_cursor_says)
{
    struct self_round at;
    struct cursor c;

    begin(OBEDIENT);
    apply_after(SINK("main", ", start: oldest"), 10);
    cr_assert_eq(cursor_open(&c, append_dirfd(stand.spool), "main"), 0);
    c.state.position = c.state.keep = c.state.start + 7;
    c.state.dropped[DROP_SKIPPED] = 2;
    cr_assert_eq(cursor_store(&c), 0);
    cursor_close(&c);
    at = selfmetrics_beginning(stand.self, clock_wall());
    at.only_counters = false;
    sinks_metrics(sinks, &at);
    (void)loop_turn(stand.loop, 0);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.confirmed 5 host=testhost sink=main at "), 1);
    cr_assert_eq(
        stand_taken(&stand, "garnet.sink.dropped 2 host=testhost sink=main why=skipped at "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.unconfirmed 0 "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.queued 3 "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.restarts 0 "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.stalled 0 "), 1);
    end();
}

/* --- refused ones --- */

#define LATER(name, more)                                                                          \
    "  - {name: " name ", plugin: ./later.so, to: 'tcp://127.0.0.1:1'" more "}\n"

static void make_plugin(void)
{
    write_text(stand_path(&stand, "later.so"), "");
}

Test(sinks, a_refused_one_has_a_cursor_and_no_worker_until_it_is_good)
{
    begin(OBEDIENT);
    apply_after(SINK("good", "") LATER("late", "") LATER("old", ", start: oldest"), 5);
    STAND_UNTIL(&stand, stand_logged(&stand, "up good") == 1);
    cr_assert_eq(cursor_of("late").position, append_next_seq(stand.spool));
    cr_assert_eq(cursor_of("old").position, append_next_seq(stand.spool) - 5);
    cr_assert(cursor_listed(append_dirfd(stand.spool), "late"));
    stand_append(&stand, 3);
    move_cursor("good", append_next_seq(stand.spool));
    move_cursor("old", append_next_seq(stand.spool));
    cr_assert_eq(sinks_needed(sinks), append_next_seq(stand.spool) - 3, "it holds what came");
    for (int i = 0; i < 100; i++)
        sinks_retry(sinks);
    apply(SINK("good", "") LATER("late", "") LATER("old", ", start: oldest"));
    cr_assert_eq(stand_logged(&stand, "up late"), 0);
    cr_assert(sinks_stopped(sinks) == false);
    make_plugin();
    apply(SINK("good", "") LATER("late", "") LATER("old", ", start: oldest"));
    wait_up("late", "old");
    cr_assert_eq(cursor_of("late").position, append_next_seq(stand.spool) - 3);
    cr_assert_eq(stand_logged(&stand, "up good"), 1);
    cr_assert_eq(stand_logged(&stand, "changed"), 0, "%s", stand_log_text(&stand));
    end();
}

Test(sinks, the_cursor_of_a_refused_one_is_made_again_and_goes_with_it)
{
    begin(OBEDIENT);
    apply(LATER("late", ""));
    cr_assert_eq(cursor_remove(append_dirfd(stand.spool), "late"), 0);
    for (int i = 0; i < 100; i++)
        sinks_retry(sinks);
    cr_assert(has_cursor("late"));
    apply(SINK("other", ""));
    cr_assert_not(has_cursor("late"));
    end();
}

Test(sinks, one_that_is_refused_at_a_reload_runs_on_as_it_was)
{
    struct self_round at;

    begin(OBEDIENT);
    make_plugin();
    apply(LATER("late", "") SINK("good", ""));
    wait_up("late", "good");
    cr_assert_eq(unlink(stand_path(&stand, "later.so")), 0);
    apply(LATER("late", ", flush: 5s") SINK("good", ""));
    apply(LATER("late", ", flush: 5s") SINK("good", ""));
    for (int i = 0; i < 10; i++)
        (void)loop_turn(stand.loop, 20 * NS_PER_MS);
    cr_assert_eq(stand_logged(&stand, "its worker is replaced"), 0);
    at = selfmetrics_beginning(stand.self, 0);
    at.only_counters = false;
    sinks_metrics(sinks, &at);
    (void)loop_turn(stand.loop, 0);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.refused 1 host=testhost sink=late "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.sink.refused 0 host=testhost sink=good "), 1);
    make_plugin();
    apply(LATER("late", ", flush: 5s") SINK("good", ""));
    STAND_UNTIL(&stand, stand_logged(&stand, "up late") == 2);
    end();
}
