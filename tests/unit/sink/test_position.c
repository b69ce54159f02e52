/* sink/position.c: marks, and how far back a replay goes, over simulated time. */
#include <errno.h>

#include "rig/sink_kit.h"
#include "sink/position.h"
#include "spool/segment.h"

static struct kit k;
static int dir;
static struct position p;
static int64_t now = 1000 * NS_PER_S;

static const struct position_rules A_MINUTE = {.replay_ns = 60 * NS_PER_S};

static void open_again(struct position_rules rules)
{
    cr_assert_eq(position_open(&p, dir, "main", &rules, now), 0);
}

static void begins_with(struct position_rules rules)
{
    position_close(&p);
    open_again(rules);
}

static void setup(void)
{
    kit_open(&k);
    dir = open(k.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(dir, 0);
    cr_assert_eq(cursor_create(dir, "main", 100), 0);
    open_again(A_MINUTE);
}

static void teardown(void)
{
    position_close(&p);
    close(dir);
    kit_close(&k);
}

TestSuite(position, .init = setup, .fini = teardown, .timeout = 60);

static void mark(uint64_t offset, uint64_t seq)
{
    const struct point at = {.seq = seq, .dropped = {[DROP_SKIPPED] = seq / 10}};

    position_mark(&p, offset, &at);
}

static bool pass(uint64_t offset, int64_t after_s)
{
    now += after_s * NS_PER_S;
    return position_pass(&p, offset, offset, now);
}

/* `s` later another worker begins; the wall clock has gone on for `wall_s`. Killed, the first has
 * stored what it had, or ended. */
static void dies(int64_t s, int64_t wall_s)
{
    p.dirty = true;
    position_save(&p, now += NS_PER_S / 10);
    p.cursor.state.wall_ns -= wall_s * NS_PER_S;
    cr_assert_eq(cursor_store(&p.cursor), 0);
    position_close(&p);
    now += s * NS_PER_S;
    open_again(A_MINUTE);
}

/* Marks and passes up to seq in a stream that begins anew. */
static void arrives(uint64_t seq, int64_t after_s)
{
    mark(p.passed + 1, seq);
    (void)pass(p.passed + 1, after_s);
}

static uint64_t rewinds(bool doubt)
{
    return position_rewind(&p, doubt, now);
}

static uint64_t keeps(void)
{
    struct cursor_state s;

    p.dirty = true;
    position_save(&p, now += NS_PER_S);
    cr_assert_eq(cursor_read(dir, "main", &s), 0);
    cr_assert_leq(s.keep, s.position);
    cr_assert_eq(s.position, position_point(&p).seq);
    return s.keep;
}

Test(position, follows_the_last_mark_passed)
{
    mark(10, 101);
    mark(20, 102);
    mark(20, 103); /* what left no bytes */
    mark(30, 110);
    cr_assert_not(pass(9, 0));
    cr_assert_eq(position_point(&p).seq, 100);
    cr_assert(pass(29, 0));
    cr_assert_eq(position_point(&p).seq, 103);
    cr_assert_eq(position_point(&p).dropped[DROP_SKIPPED], 10);
    cr_assert_not(pass(29, 0));
    cr_assert(pass(30, 0));
    cr_assert_eq(position_point(&p).seq, 110);
    cr_assert_eq(position_point(&p).dropped[DROP_SKIPPED], 11);
    cr_assert_eq(p.marks.n, 0);
}

/* Too many: then in larger steps, never too far, and the last one is always there. */
Test(position, thins_marks_out)
{
    enum { N = 10 * POSITION_MARKS };
    uint64_t before = 100, steps = 0;

    for (uint64_t i = 1; i <= N; i++)
        mark(i * 10, 100 + i);
    for (uint64_t i = 1; i <= N; i++) {
        steps += pass(i * 10, 0);
        cr_assert_leq(position_point(&p).seq, 100 + i);
        cr_assert_geq(position_point(&p).seq, before);
        before = position_point(&p).seq;
    }
    cr_assert_eq(before, 100 + N);
    cr_assert_gt(steps, 100);
    cr_assert_leq(steps, POSITION_MARKS);
    cr_assert_eq(p.marks.n, 0);
}

Test(position, nothing_is_left_where_the_cursor_cannot_be_opened)
{
    struct position other;

    cr_assert_eq(position_open(&other, dir, "nobody", &A_MINUTE, now), -1);
    cr_assert_eq(errno, ENOENT);
    cr_assert_null(other.marks.v);
    cr_assert_null(other.unsure.v);
}

/* One for each metric: as many as there is room for, and none of them is thinned out. */
Test(position, has_room_for_a_mark_for_each_metric)
{
    enum { N = POSITION_MARKS_FINE };

    begins_with((struct position_rules){.fine = true});
    cr_assert(position_room(&p, N + 1), "a batch that is larger has no other way");
    for (uint64_t i = 1; i <= N; i++) {
        cr_assert(position_room(&p, N + 1 - (unsigned)i));
        mark(i * 10, 100 + i);
        cr_assert_not(position_room(&p, N + 1 - (unsigned)i));
    }
    for (uint64_t i = 1; i <= N; i++) {
        cr_assert_not(pass(i * 10 - 1, 0));
        cr_assert(pass(i * 10, 0));
        cr_assert_eq(position_point(&p).seq, 100 + i);
    }
}

Test(position, forgets_marks_when_the_stream_begins_anew)
{
    mark(10, 101);
    mark(20, 102);
    cr_assert(pass(10, 0));
    cr_assert_eq(rewinds(false), 101);
    cr_assert_not(pass(1000, 0));
    mark(5, 102);
    cr_assert(pass(5, 0));
    cr_assert_eq(position_point(&p).seq, 102);
}

Test(position, never_goes_back)
{
    arrives(150, 1);
    arrives(200, 1);
    cr_assert_eq(rewinds(true), 100);
    mark(10, 120);
    mark(20, 180);
    mark(30, 200);
    mark(40, 210);
    for (uint64_t offset = 10; offset <= 30; offset += 10) {
        cr_assert_not(pass(offset, 0));
        cr_assert_eq(position_point(&p).seq, 200);
        cr_assert_eq(position_point(&p).dropped[DROP_SKIPPED], 20);
    }
    cr_assert(pass(40, 0));
    cr_assert_eq(position_point(&p).seq, 210);
}

/* --- how far back --- */

Test(position, replays_a_window)
{
    uint64_t seq = 100;

    for (int s = 0; s < 1000; s++) {
        uint64_t back = rewinds(true), ago = seq > 160 ? seq - 60 : 100;

        cr_assert_leq(back, ago, "at %d s from %llu", s, (unsigned long long)back);
        cr_assert_geq(back + 5, ago, "at %d s from %llu", s, (unsigned long long)back);
        p.again = position_point(&p).seq; /* as if the replay were over */
        arrives(++seq, 1);
    }
}

/* With far more moves than the trail has places. */
Test(position, replays_a_window_of_many_moves)
{
    for (uint64_t i = 1; i <= 100000; i++) {
        now += NS_PER_S / 100;
        arrives(100 + i, 0);
    }
    cr_assert_leq(rewinds(true), 100 + 100000 - 6000);
    cr_assert_geq(rewinds(true), 100 + 100000 - 6000 - 200 - 1);
}

/* Moves that are further apart than the window: the last rest counts, not the one before it. */
Test(position, after_a_rest_one_move_is_sent_again)
{
    arrives(500, 3600);
    arrives(501, 3600);
    cr_assert_eq(rewinds(true), 500);
    cr_assert_eq(keeps(), 500);
}

Test(position, nothing_again_after_long_rest)
{
    arrives(500, 1);
    now += 59 * NS_PER_S;
    p.again = 500;
    cr_assert_eq(rewinds(true), 100);
    p.again = 500;
    now += NS_PER_S;
    cr_assert_eq(rewinds(true), 500);
}

Test(position, no_replay_when_told_so)
{
    begins_with((struct position_rules){0});
    for (uint64_t i = 1; i < 200; i++) {
        arrives(100 + i, 0);
        cr_assert_eq(rewinds(true), 100 + i);
        cr_assert_eq(keeps(), 100 + i);
    }
}

/* The connect that fails, the connection that breaks in the middle of a replay: it is still owed. */
Test(position, a_replay_cut_short_is_still_owed)
{
    arrives(500, 1);
    cr_assert_eq(rewinds(true), 100);
    now += 3600 * NS_PER_S;
    cr_assert_eq(rewinds(false), 100);
    arrives(300, 1); /* so far it has come */
    cr_assert_eq(position_point(&p).seq, 500);
    now += 3600 * NS_PER_S;
    cr_assert_eq(rewinds(false), 300);
    cr_assert_eq(rewinds(true), 300);
    cr_assert_eq(keeps(), 300);
    arrives(500, 1);
    cr_assert_eq(rewinds(false), 500);
}

/* --- what garnetd keeps --- */

Test(position, keeps_what_may_be_replayed)
{
    arrives(200, 1);
    cr_assert_eq(keeps(), 100);
    for (int i = 0; i < 100; i++)
        arrives(p.cursor.state.position + 1, 1);
    cr_assert_leq(keeps(), 300 - 60);
    cr_assert_gt(keeps(), 200);
    now += 3600 * NS_PER_S;
    cr_assert_eq(keeps(), 300);
}

/* A worker that is started anew goes back as far as the one before it would have. */
Test(position, the_window_survives_a_restart)
{
    arrives(500, 1);
    cr_assert_eq(keeps(), 100);
    begins_with(A_MINUTE);
    cr_assert_eq(rewinds(false), 500);
    now += 58 * NS_PER_S;
    cr_assert_eq(rewinds(true), 100);
    p.again = 500;
    dies(0, 0);
    now += 60 * NS_PER_S;
    cr_assert_eq(rewinds(true), 500);
}

/* The receiver is down, and this worker ends before it is back. */
Test(position, what_is_owed_survives_a_restart)
{
    arrives(500, 1);
    cr_assert_eq(rewinds(true), 100);
    mark(1, 300);
    cr_assert_not(pass(1, 1));
    cr_assert(position_flush(&p, false, now));
    position_close(&p);
    now += 3600 * NS_PER_S;
    open_again(A_MINUTE);
    cr_assert_eq(rewinds(false), 300);
    cr_assert_eq(position_point(&p).seq, 500);
    arrives(500, 1);
    cr_assert(position_flush(&p, false, now));
    begins_with(A_MINUTE);
    cr_assert_eq(rewinds(false), 500);
}

/* Each worker dies before its second move: what the next goes back by is still the window. */
Test(position, the_trail_survives_early_deaths)
{
    for (uint64_t i = 1; i <= 1000; i++) {
        arrives(100 + i, 1);
        dies(0, 1);
        cr_assert_leq(rewinds(true), i > 54 ? 100 + i - 54 : 100);
        p.again = 100 + i;
    }
    cr_assert_geq(rewinds(true), 100 + 1000 - 60 - 1);
    p.again = 1100;
    dies(30, 30);
    cr_assert_leq(rewinds(true), 1100 - 27);
    cr_assert_geq(rewinds(true), 1100 - 27 - 5);
    p.again = 1100;
    dies(60, 60);
    cr_assert_eq(rewinds(true), 1100);
}

/* Another boot, another machine, a clock that jumped: the window is rather larger. */
Test(position, clocks_that_disagree_make_the_trail_no_shorter)
{
    static const int64_t mono[] = {-2000, 3600, 0, 3600}, wall[] = {3600, -3600, 3600, 0};

    for (size_t i = 0; i < 4; i++) {
        uint64_t from = p.cursor.state.position;

        now += 3600 * NS_PER_S;
        arrives(from + 1, 0);
        arrives(from + 500, 10);
        dies(mono[i], wall[i]);
        cr_assert_leq(rewinds(true), from + 1, "%zu", i);
        cr_assert_eq(cursor_store(&p.cursor), 0);
        dies(0, 0);
        cr_assert_leq(rewinds(true), from + 1, "%zu", i);
        now += 60 * NS_PER_S;
        p.again = from + 500;
        cr_assert_eq(rewinds(true), from + 500, "%zu", i);
    }
}

/* Nothing moves any more: garnetd need not keep for ever what would have been sent again. */
Test(position, what_is_kept_is_let_go)
{
    struct cursor_state s;

    arrives(500, 1);
    cr_assert_eq(keeps(), 100);
    position_save(&p, now += NS_PER_S); /* and syncs */
    cr_assert_eq(position_due(&p, now), 60 * NS_PER_S - (now - p.cursor.state.moved_ns));
    position_save(&p, now += 50 * NS_PER_S);
    cr_assert_eq(cursor_read(dir, "main", &s), 0);
    cr_assert_eq(s.keep, 100);
    now += position_due(&p, now);
    position_save(&p, now);
    cr_assert_eq(cursor_read(dir, "main", &s), 0);
    cr_assert_eq(s.keep, 500);
    position_save(&p, now += NS_PER_S);
    cr_assert_eq(position_due(&p, now), -1);
}

/* A trail that says what cannot be, under a sum that is right. */
Test(position, a_trail_that_makes_no_sense)
{
    for (int i = 0; i < 6; i++) {
        struct cursor_state *s = &p.cursor.state;

        s->ntrail = i == 0 ? 0 : 2;
        s->position = 1000;
        s->keep = 400;
        s->moved_ns = s->stored_ns = now;
        s->wall_ns = 1;
        s->trail[0] = (struct cursor_trail){now - 200 * NS_PER_S, i == 1 ? 99 : 500};
        s->trail[1] = (struct cursor_trail){now - 100 * NS_PER_S, i == 2 ? 400 : 600};
        s->trail[1].at_ns = i == 3 ? INT64_MIN : s->trail[1].at_ns;
        s->moved_ns = i == 4 ? INT64_MAX : s->moved_ns;
        s->stored_ns = i == 5 ? INT64_MAX : s->stored_ns;
        cr_assert_eq(cursor_store(&p.cursor), 0);
        begins_with(A_MINUTE);
        cr_assert_eq(rewinds(true), 400, "%d: %llu", i, (unsigned long long)rewinds(true));
    }
}

/* A cursor of before the window was stored says 0. */
Test(position, never_back_before_the_sink_began)
{
    p.cursor.state.keep = p.cursor.state.ntrail = 0;
    cr_assert_eq(cursor_store(&p.cursor), 0);
    begins_with(A_MINUTE);
    cr_assert_eq(rewinds(true), 100);
}

/* --- the log before it --- */

static void segment(uint64_t first_seq, int64_t created_s)
{
    struct segment_header h = {
        .first_seq = first_seq, .salt = 7, .created_ns = created_s * NS_PER_S};
    uint8_t bytes[SEGMENT_HEADER];
    char name[SEGMENT_NAME];
    int fd;

    segment_name(name, first_seq);
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    segment_header_put(bytes, &h);
    cr_assert_eq(write(fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    close(fd);
}

/* What rates are made from is kept before where a replay would begin, and is no part of it. */
Test(position, keeps_the_log_that_it_depends_on)
{
    const struct position_rules rules = {.replay_ns = 60 * NS_PER_S, .window_ns = 600 * NS_PER_S};

    segment(1, 1000);
    for (uint64_t i = 1; i < 10; i++)
        segment(i * 100, 1000 + (int64_t)i * 300);
    begins_with(rules);
    cr_assert_eq(keeps(), 100, "not before the sink was created");
    arrives(150, 1);
    now += 3600 * NS_PER_S;
    cr_assert_eq(keeps(), 100);
    arrives(550, 1);
    now += 3600 * NS_PER_S;
    cr_assert_eq(keeps(), 300, "500 and what follows came 600 s after 300 at the least");
    cr_assert_eq(p.cursor.state.window, 250);
    begins_with(rules);
    cr_assert_eq(rewinds(false), 550);
    cr_assert_eq(rewinds(true), 550, "the window is not sent again");
    arrives(950, 1);
    cr_assert_eq(keeps(), 300);
    cr_assert_eq(p.cursor.state.window, 250, "a replay would begin at 550");
    cr_assert_eq(rewinds(true), 550);
    p.again = 950;
    now += 3600 * NS_PER_S;
    cr_assert_eq(keeps(), 700);
}

/* What a start begins with is kept as well, and what rates of that are made from; neither is sent again. */
Test(position, keeps_what_the_next_worker_begins_with)
{
    struct position_rules rules = {.replay_ns = 60 * NS_PER_S, .warm_ns = 600 * NS_PER_S};

    segment(1, 1000);
    for (uint64_t i = 1; i < 10; i++)
        segment(i * 100, 1000 + (int64_t)i * 300);
    begins_with(rules);
    arrives(950, 1);
    now += 3600 * NS_PER_S;
    cr_assert_eq(keeps(), 700, "900 and what follows came 600 s after 700 at the least");
    cr_assert_eq(p.cursor.state.window, 250);
    cr_assert_eq(rewinds(true), 950);
    rules.window_ns = 300 * NS_PER_S;
    begins_with(rules);
    cr_assert_eq(keeps(), 600, "700 depends on that");
    cr_assert_eq(rewinds(false), 950);
    arrives(800, 0); /* read again */
    cr_assert_eq(p.sure.seq, 950);
    cr_assert_eq(position_point(&p).seq, 950);
    cr_assert_eq(rewinds(false), 950);
}

/* What may yet be refused has moved the position, and is read again from where it is sure. */
Test(position, what_is_refused_is_read_again_and_not_by_the_next_worker)
{
    struct cursor_state s;

    begins_with((struct position_rules){.replay_ns = 60 * NS_PER_S, .never_twice = true});
    for (uint64_t i = 1; i <= 5; i++)
        mark(i * 10, 100 + i * 10);
    cr_assert(position_pass(&p, 30, 0, now));
    cr_assert_eq(position_point(&p).seq, 130);
    cr_assert_eq(keeps(), 100); /* all of it may be wanted again */
    cr_assert_not(position_pass(&p, 30, 20, now));
    cr_assert(position_pass(&p, 40, 20, now));
    cr_assert_eq(p.sure.seq, 120);
    cr_assert_eq(p.sure.dropped[DROP_SKIPPED], 12);
    cr_assert_not(position_settled(&p));
    cr_assert_eq(rewinds(false), 120);
    cr_assert_eq(position_point(&p).seq, 140);
    mark(10, 130); /* again, and refused again before it was sure */
    cr_assert_not(position_pass(&p, 10, 0, now));
    cr_assert_eq(rewinds(false), 120);
    mark(20, 140);
    mark(30, 150);
    cr_assert(position_pass(&p, 30, 20, now));
    cr_assert_eq(rewinds(false), 140);
    cr_assert(position_flush(&p, false, now));
    cr_assert_eq(cursor_read(dir, "main", &s), 0);
    cr_assert_eq(s.position, 150);
    cr_assert_eq(s.owed, 0);
    mark(1, 150);
    (void)position_pass(&p, 1, 1, now);
    cr_assert(position_settled(&p));
}

/* --- what is stored beside it --- */

static struct cursor_state stored(void)
{
    struct cursor_state s;

    cr_assert_eq(cursor_read(dir, "main", &s), 0);
    return s;
}

Test(position, what_is_noted_is_stored_and_not_synced)
{
    struct cursor_state s;

    now += NS_PER_S;
    cr_assert_eq(position_due(&p, now), -1);
    position_note(&p, 150, 7, 3, 140);
    cr_assert_eq(position_due(&p, now), 0);
    position_save(&p, now);
    s = stored();
    cr_assert_eq(s.taken, 150);
    cr_assert_eq(s.lost, 7);
    cr_assert_eq(s.in_doubt, 3);
    cr_assert_eq(s.sent, 140);
    cr_assert_eq(s.position, 100);
    position_note(&p, 150, 7, 3, 140);
    cr_assert_eq(position_due(&p, now), -1, "neither a store nor a sync");
    position_note(&p, 151, 7, 3, 140);
    cr_assert_eq(position_due(&p, now), NS_PER_S / 10);
    cr_assert(position_flush(&p, false, now));
    cr_assert_eq(stored().taken, 151);
}

Test(position, the_next_worker_has_nothing_in_memory)
{
    position_note(&p, 150, 7, 3, 140);
    cr_assert(position_flush(&p, false, now));
    begins_with(A_MINUTE);
    cr_assert_eq(stored().taken, 100);
    cr_assert_eq(stored().lost, 0);
    cr_assert_eq(stored().in_doubt, 3);
    cr_assert_eq(p.cursor.state.sent, 140, "what it had sent is in doubt");
}
