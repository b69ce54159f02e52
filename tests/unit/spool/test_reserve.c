/* tests/unit/spool/test_reserve.c - the files of the reserve: what becomes one, what is taken, what is asked for */
#include <sys/statvfs.h>

#include "base/clock.h"
#include "rig/spool_dir.h"
#include "spool/blocks.h"
#include "spool/reserve.h"

TestSuite(reserve, .init = spool_dir_make, .fini = spool_dir_remove);

enum { KIB = 1 << 10 };

static struct reserve wants(uint64_t bytes)
{
    struct reserve r = {0};

    reserve_want(&r, bytes, 64 * KIB);
    return r;
}

/* Three segments of 100 metrics, and one that was begun. */
static void write_segments(void)
{
    struct append *a = open_writer(SEGMENT_OF_100);

    for (int i = 0; i < 35; i++)
        put_frame(a, 10);
    append_close(a);
}

static const char FIRST[] = "00000000000000000000.seg";

/* The name of what the first of those segments has become. */
static void give_first(struct reserve *r, char name[RESERVE_NAME])
{
    write_segments();
    cr_assert(reserve_give(r, spool_dir.fd, FIRST));
    reserve_name(name, r->v[0].id);
}

static void takes_none(struct reserve *r, uint64_t need)
{
    struct segment_header h = {1000, 77, 0, 0};
    uint64_t room;

    cr_assert_eq(reserve_take(r, spool_dir.fd, need, &h, &room), -1);
    cr_assert_eq(errno, ENOSPC);
}

Test(reserve, a_segment_that_is_given_is_taken_as_another)
{
    struct reserve r = wants(64 * KIB);
    struct segment_header h = {1000, 77, clock_wall(), 0}, got;
    enum segment_state state;
    uint64_t room = 0;
    int fd;

    write_segments();
    cr_assert(reserve_give(&r, spool_dir.fd, FIRST));
    cr_assert_eq(count_segments(), 3);
    cr_assert_geq(r.bytes, SEGMENT_OF_100);
    fd = reserve_take(&r, spool_dir.fd, 100, &h, &room);
    cr_assert_geq(fd, 0);
    cr_assert_eq(h.older, SEGMENT_OF_100);
    cr_assert_geq(room, SEGMENT_OF_100);
    cr_assert_eq(r.bytes + r.n, 0);
    close(fd);
    fd = segment_open(spool_dir.fd, 1000, &got, &state);
    cr_assert_eq(state, SEGMENT_GOOD);
    cr_assert_eq(got.older, SEGMENT_OF_100);
    close(fd);
    cr_assert_eq(read_all_from(1000).next, 1000, "what it held is nobody's any more");
    reserve_free(&r);
}

Test(reserve, what_has_too_little_room_is_not_taken)
{
    struct reserve r = wants(64 * KIB);
    char name[RESERVE_NAME];

    give_first(&r, name);
    takes_none(&r, 1 << 20);
    cr_assert_eq(r.n, 1);
    reserve_free(&r);
}

Test(reserve, a_file_that_somebody_has_removed_is_forgotten)
{
    struct reserve r = wants(64 * KIB);
    char name[RESERVE_NAME];

    give_first(&r, name);
    cr_assert_eq(unlinkat(spool_dir.fd, name, 0), 0);
    takes_none(&r, 100);
    cr_assert_eq(r.bytes + r.n, 0);
    reserve_free(&r);
}

/* The others are there for the same. */
Test(reserve, a_file_that_cannot_be_used_is_left_out)
{
    struct reserve r = wants(64 * KIB);
    struct segment_header h = {1000, 77, 0, 0};
    char name[RESERVE_NAME], second[SEGMENT_NAME];
    uint64_t room, bad;
    int fd;

    write_segments();
    segment_name(second, 100);
    cr_assert(reserve_give(&r, spool_dir.fd, FIRST));
    cr_assert(reserve_give(&r, spool_dir.fd, second));
    bad = r.v[0].id;
    reserve_name(name, bad);
    cr_assert_eq(unlinkat(spool_dir.fd, name, 0), 0);
    cr_assert_eq(mkdirat(spool_dir.fd, name, 0700), 0);
    for (int i = 0; i < 2; i++) {
        fd = reserve_take(&r, spool_dir.fd, 100, &h, &room);
        cr_assert_eq(fd >= 0, i == 0, "one of the two: %d", i);
        cr_assert(i == 0 || errno == ENOSPC);
        if (fd >= 0)
            close(fd);
    }
    cr_assert_eq(r.bytes + r.n, 0);
    cr_assert(r.said);
    reserve_free(&r);
}

/* And where none is good the disk itself is tried. */
Test(reserve, of_which_all_is_bad_silences_nothing)
{
    struct append *a = open_writer(SEGMENT_OF_100);
    char name[RESERVE_NAME];

    for (int i = 0; i < 15; i++)
        put_frame(a, 10);
    reserve_want(&a->folder.reserve, 1, 1);
    append_retain(a, 100, 0);
    cr_assert_eq(a->folder.reserve.n, 1);
    reserve_name(name, a->folder.reserve.v[0].id);
    cr_assert_eq(unlinkat(spool_dir.fd, name, 0), 0);
    cr_assert_eq(mkdirat(spool_dir.fd, name, 0700), 0);
    a->folder.reserve.full = true;
    append_seal(a);
    put_frame(a, 10);
    cr_assert_eq(a->folder.reserve.n, 0);
    cr_assert_eq(read_all_from(0).delivered, 60);
    append_close(a);
}

/* Having no descriptor says nothing of the files. */
Test(reserve, what_another_file_would_meet_as_well_costs_none)
{
    struct reserve r = wants(64 * KIB);
    struct segment_header h = {1000, 77, 0, 0};
    struct rlimit all, none;
    uint64_t room;
    int fd;

    write_segments();
    cr_assert(reserve_give(&r, spool_dir.fd, FIRST));
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
    none = (struct rlimit){0, all.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    fd = reserve_take(&r, spool_dir.fd, 100, &h, &room);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
    cr_assert_eq(fd, -1);
    cr_assert_eq(r.n, 1);
    reserve_free(&r);
}

/* What is large is for what fits nowhere else. */
Test(reserve, the_smallest_that_has_room_is_taken)
{
    struct reserve r = wants(1 << 20);
    struct segment_header h = {1000, 77, 0, 0};
    uint64_t room;
    int fd;

    for (uint64_t i = 0; i < 3; i++) {
        struct reserve_file made = {1 + i, (i == 1 ? 64 : 128 + 64 * i) * KIB, 0};
        char name[RESERVE_NAME];

        cr_assert_geq(blocks_make(spool_dir.fd, &made), 64 * KIB);
        reserve_name(name, made.id);
        cr_assert(reserve_adopt(&r, spool_dir.fd, name));
    }
    for (int i = 0; i < 3; i++) {
        static const uint64_t need[] = {100 * KIB, 10, 10},
                              has[] = {128 * KIB, 64 * KIB, 256 * KIB};

        fd = reserve_take(&r, spool_dir.fd, need[i], &h, &room);
        cr_assert_geq(fd, 0);
        cr_assert_geq(room, has[i]);
        cr_assert_lt(room, has[i] + 64 * KIB);
        close(fd);
    }
    reserve_free(&r);
}

/* However small the segments are, a file that is made takes what comes at once. */
Test(reserve, a_file_has_room_for_a_batch)
{
    struct append_config c = {spool_dir.path, 64 * KIB, 0, 0, 8 << 20};
    struct append *a = open_writer(64 * KIB);
    struct reserve_file ask;

    append_configure(a, &c);
    cr_assert(reserve_ask(&a->folder.reserve, &ask));
    cr_assert_gt(ask.bytes, 1 << 20);
    append_close(a);
}

/* Somebody's copy of it must not change. */
Test(reserve, a_segment_with_two_names_is_not_given)
{
    struct reserve r = wants(64 * KIB);

    write_segments();
    cr_assert_eq(linkat(spool_dir.fd, FIRST, spool_dir.fd, "copy", 0), 0);
    cr_assert_not(reserve_give(&r, spool_dir.fd, FIRST));
    cr_assert_eq(count_segments(), 4);
    reserve_free(&r);
}

Test(reserve, nor_is_a_file_taken_that_has)
{
    struct reserve r = wants(64 * KIB);
    char name[RESERVE_NAME];

    give_first(&r, name);
    cr_assert_eq(linkat(spool_dir.fd, name, spool_dir.fd, FIRST, 0), 0);
    takes_none(&r, 100);
    cr_assert_eq(read_all_from(0).delivered, 350, "it is as it was");
    reserve_free(&r);
}

Test(reserve, is_found_again_at_the_start)
{
    struct reserve_file made = {0x0123456789abcdef, 128 * KIB, 0};
    struct append *a;

    cr_assert_geq(blocks_make(spool_dir.fd, &made), 64 * KIB);
    write_spool_file(".reserve-12.seg.tmp", "not one");
    write_spool_file(".00000000000000000007.seg.tmp", "left");
    a = open_writer(SEGMENT_OF_100);
    cr_assert_eq(a->folder.reserve.n, 1);
    cr_assert_geq(a->folder.reserve.bytes, 64 * KIB);
    cr_assert_eq(append_bytes(a), 0);
    cr_assert_eq(count_segments(), 0);
    cr_assert_eq(faccessat(spool_dir.fd, ".reserve-12.seg.tmp", F_OK, 0), -1);
    append_retain(a, 0, 0);
    cr_assert_eq(a->folder.reserve.n, 0, "none is wanted by this one");
    cr_assert_eq(faccessat(spool_dir.fd, ".reserve-0123456789abcdef.seg.tmp", F_OK, 0), -1);
    append_close(a);
}

Test(reserve, is_asked_for_until_there_is_enough)
{
    struct reserve r = wants(160 * KIB);
    struct reserve_file ask, again, other = {4, 1 << 20, 0};

    cr_assert(reserve_ask(&r, &ask));
    cr_assert_eq(ask.bytes, 64 * KIB);
    cr_assert(reserve_ask(&r, &again), "as long as there is no answer");
    cr_assert_eq(again.id, ask.id);
    cr_assert_not(reserve_made(&r, &other), "who was not asked");
    cr_assert(reserve_made(&r, &ask));
    cr_assert_eq(r.bytes, 64 * KIB);
    cr_assert(reserve_ask(&r, &again));
    cr_assert_neq(again.id, ask.id);
    cr_assert(reserve_made(&r, &again));
    cr_assert(reserve_ask(&r, &ask));
    ask.bytes /= 2;
    cr_assert_not(reserve_made(&r, &ask), "the disk is full");
    cr_assert_eq(r.bytes, 160 * KIB);
    cr_assert_not(reserve_short(&r));
    cr_assert_not(reserve_ask(&r, &again));
    reserve_free(&r);
}

/* Others are left as much as it then has in all. */
Test(reserve, is_not_what_fills_the_disk)
{
    struct reserve_file file = {1, UINT64_C(1) << 60, 0};
    struct statvfs before, after;
    char name[RESERVE_NAME];
    uint64_t left, now, bytes;
    struct stat st;

    cr_assert_eq(fstatvfs(spool_dir.fd, &before), 0);
    left = (uint64_t)before.f_bavail * before.f_frsize;
    file.beside = left;
    cr_assert_eq(blocks_make(spool_dir.fd, &file), 0, "there is as much already");
    file.beside = left - (1 << 20);
    bytes = blocks_make(spool_dir.fd, &file);
    cr_assert_eq(fstatvfs(spool_dir.fd, &after), 0);
    now = (uint64_t)after.f_bavail * after.f_frsize + bytes;
    if (now > left + (1 << 18) || left > now + (1 << 18))
        return; /* somebody else writes, or removes, much just now */
    cr_assert_leq(bytes, 1 << 20);
    reserve_name(name, 1);
    cr_assert_eq(fstatat(spool_dir.fd, name, &st, 0) == 0, bytes > 0);
    cr_assert_eq(bytes == 0 || st.st_size == 0, true);
}

/* Each try makes a full disk look for room. */
Test(reserve, is_not_asked_for_at_once_where_there_was_none)
{
    struct reserve r = wants(160 * KIB);
    struct reserve_file ask;

    cr_assert(reserve_ask(&r, &ask));
    ask.bytes = 0;
    cr_assert_not(reserve_made(&r, &ask));
    cr_assert_eq(r.n, 0);
    cr_assert_not(reserve_ask(&r, &ask));
    r.again_ns = 1; /* later */
    cr_assert(reserve_ask(&r, &ask));
    reserve_free(&r);
}

Test(reserve, what_retention_removes_fills_it_up)
{
    struct append_config c = {spool_dir.path, SEGMENT_OF_100, 0, 0, 2 * SEGMENT_OF_100};
    struct append *a = open_writer(SEGMENT_OF_100);

    append_configure(a, &c);
    for (int i = 0; i < 65; i++)
        put_frame(a, 10);
    cr_assert_eq(append_retain(a, 650, 0), 0);
    cr_assert_eq(count_segments(), 1);
    cr_assert_geq(a->folder.reserve.bytes, 2 * SEGMENT_OF_100);
    cr_assert_leq(a->folder.reserve.n, 2, "the rest is unlinked");
    c.reserve = 0;
    append_configure(a, &c);
    append_retain(a, 650, 0);
    cr_assert_eq(a->folder.reserve.n, 0);
    append_close(a);
}

/* It was a segment when these were larger, say. On a full disk there would be no other. */
Test(reserve, a_file_that_is_much_more_than_is_wanted_is_not_kept)
{
    struct reserve_file made = {1, 4 << 20, 0};
    struct reserve r = wants(256 * KIB);
    char name[RESERVE_NAME];

    cr_assert_geq(blocks_make(spool_dir.fd, &made), 1 << 20);
    reserve_name(name, made.id);
    cr_assert(reserve_adopt(&r, spool_dir.fd, name));
    r.full = true;
    reserve_trim(&r, spool_dir.fd);
    cr_assert_eq(r.n, 1);
    r.full = false;
    reserve_trim(&r, spool_dir.fd);
    cr_assert_eq(r.n, 0);
    cr_assert(reserve_short(&r));
    cr_assert_eq(faccessat(spool_dir.fd, name, F_OK, 0), -1);
    reserve_free(&r);
}

/* Whether it is there or not: else what is there would have to go when it is. */
Test(reserve, counts_within_max_size)
{
    struct append_config c = {spool_dir.path, SEGMENT_OF_100, 6 * SEGMENT_OF_100, 0, 0};
    struct append *a = open_writer(SEGMENT_OF_100);

    append_configure(a, &c);
    for (int i = 0; i < 55; i++)
        put_frame(a, 10);
    cr_assert_eq(append_retain(a, 0, 0), 0);
    c.reserve = 2 * SEGMENT_OF_100;
    append_configure(a, &c);
    cr_assert_eq(append_retain(a, 0, 0), 2);
    cr_assert_eq(append_retain(a, 0, 0), 0);
    cr_assert_eq(count_segments(), 4);
    append_close(a);
}

/* To find out whether the disk still is. */
Test(reserve, on_a_full_disk_one_is_asked_for_although_none_lacks)
{
    struct reserve r = {.wanted = 1 << 20, .each = 1 << 20, .bytes = 1 << 20};
    struct reserve_file file;

    cr_assert_not(reserve_ask(&r, &file));
    r.full = true;
    cr_assert(reserve_ask(&r, &file));
    cr_assert_eq(file.bytes, 1 << 20);
    file.bytes = 0;
    cr_assert_not(reserve_made(&r, &file), "it still is");
    cr_assert_not(reserve_ask(&r, &file), "for a while");
    r.again_ns = 0;
    cr_assert(reserve_ask(&r, &file));
    cr_assert(reserve_made(&r, &file), "there is room");
    reserve_free(&r);
}
