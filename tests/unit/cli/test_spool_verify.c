/* tests/unit/cli/test_spool_verify.c - that a spool's numbers add up, and that they are seen when not */
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/spool_verify.h"
#include "model/record.h"
#include "rig/spool_dir.h"
#include "spool/cursor.h"

static struct append *a;

static void begin(void)
{
    static const char *const names[] = {"main", "second"};

    spool_dir_make();
    a = open_writer(1024);
    cr_assert_eq(cursor_list_write(spool_dir.fd, names, 2), 0);
}

TestSuite(audit, .init = begin, .fini = spool_dir_remove);

/* One frame of `count` records. */
static void put_records(uint32_t count)
{
    struct metric m = {.type = METRIC_GAUGE, .vtype = METRIC_I64, .name = {"load", 4}};
    struct buf b = {0};
    uint64_t end;

    for (uint32_t i = 0; i < count; i++)
        record_put(&b, &m);
    cr_assert_eq(append_frame(a, b.p, b.n, count, &end), 0);
    buf_free(&b);
}

static void move_cursor(const char *name, uint64_t position, uint64_t rejected)
{
    struct cursor c;

    cr_assert_eq(cursor_open(&c, spool_dir.fd, name), 0);
    c.state.position = c.state.keep = position;
    c.state.dropped[DROP_REJECTED] = rejected;
    cr_assert_eq(cursor_store(&c), 0);
    cursor_close(&c);
}

static void audit(struct audit *found)
{
    struct why why = {0};

    cr_assert(audit_spool(found, spool_dir.path, &why), "%s", why.text);
}

static void is(const struct audit_sink *s, uint64_t accepted, uint64_t confirmed, uint64_t queued,
               uint64_t dropped, uint64_t unexplained)
{
    cr_assert_eq(s->error, 0);
    cr_assert_eq(s->account.accepted, accepted);
    cr_assert_eq(s->account.confirmed, confirmed);
    cr_assert_eq(s->account.queued, queued);
    cr_assert_eq(s->account.all_dropped, dropped);
    cr_assert_eq(s->unexplained, unexplained);
}

Test(audit, a_sound_spool_adds_up)
{
    uint64_t first = append_next_seq(a);
    struct audit found;

    cr_assert_eq(cursor_create(spool_dir.fd, "main", first), 0);
    for (int i = 0; i < 40; i++)
        put_records(10);
    cr_assert_eq(cursor_create(spool_dir.fd, "second", first + 100), 0);
    move_cursor("main", first + 155, 5);
    audit(&found);
    cr_assert_eq(found.frames, 40);
    cr_assert_eq(found.metrics, 400);
    cr_assert_gt(found.segments, 1);
    cr_assert_eq(found.next, first + 400);
    cr_assert_null(found.damage);
    cr_assert_str_eq(found.sinks->name, "main");
    is(found.sinks, 400, 150, 245, 5, 0);
    is(found.sinks->next, 300, 0, 300, 0, 0);
    arena_free(&found.arena);
    append_close(a);
}

/* What is in the memory of a worker is its own, but only as long as it lives, and holds the cursor. */
Test(audit, what_a_worker_has_read_is_unconfirmed_while_it_holds_the_cursor)
{
    uint64_t first = append_next_seq(a);
    struct audit found;
    struct cursor c;
    int ready[2];
    pid_t worker;
    char byte;

    cr_assert_eq(cursor_create(spool_dir.fd, "main", first), 0);
    cr_assert_eq(cursor_create(spool_dir.fd, "second", first), 0);
    for (int i = 0; i < 40; i++)
        put_records(10);
    cr_assert_eq(pipe(ready), 0);
    if ((worker = fork()) == 0) {
        if (cursor_open(&c, spool_dir.fd, "main") < 0)
            _exit(1);
        c.state.position = c.state.keep = first + 50;
        c.state.taken = first + 120;
        c.state.lost = 3;
        if (cursor_store(&c) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    audit(&found);
    cr_assert_eq(found.sinks->account.unconfirmed, 67);
    cr_assert_eq(found.sinks->readable, 280);
    is(found.sinks, 400, 50, 280, 3, 0);
    is(found.sinks->next, 400, 0, 400, 0, 0);
    arena_free(&found.arena);
    cr_assert_eq(kill(worker, SIGKILL), 0);
    cr_assert_eq(waitpid(worker, NULL, 0), worker);
    audit(&found);
    cr_assert_eq(found.sinks->account.unconfirmed, 0);
    is(found.sinks, 400, 50, 350, 0, 0);
    arena_free(&found.arena);
    append_close(a);
}

Test(audit, what_retention_took_before_a_sink_had_it_has_expired)
{
    uint64_t first = append_next_seq(a);
    struct audit found;

    cr_assert_eq(cursor_create(spool_dir.fd, "main", first), 0);
    for (int i = 0; i < 60; i++)
        put_records(10);
    append_configure(a, &(struct append_config){.segment_size = 1024, .max_size = 1500});
    cr_assert_gt(append_retain(a, 0, 0), 0);
    audit(&found);
    cr_assert_gt(found.first, first);
    is(found.sinks, 600, 0, found.next - found.first, found.first - first, 0);
    cr_assert_eq(found.sinks->account.dropped[DROP_EXPIRED], found.first - first);
    cr_assert_eq(found.sinks->unreadable, 0);
    arena_free(&found.arena);
    append_close(a);
}

/* Segments cannot be told apart by age, so one is cut out of the middle. */
Test(audit, a_missing_segment_is_named_and_still_queued)
{
    uint64_t first = append_next_seq(a);
    struct segment_list l;
    struct audit found;
    char name[SEGMENT_NAME];

    cr_assert_eq(cursor_create(spool_dir.fd, "main", first), 0);
    for (int i = 0; i < 60; i++)
        put_records(10);
    cr_assert_eq(segment_list(spool_dir.fd, &l), 0);
    cr_assert_geq(l.n, 3);
    segment_name(name, l.first_seq[1]);
    cr_assert_eq(unlinkat(spool_dir.fd, name, 0), 0);
    audit(&found);
    cr_assert_not_null(found.damage);
    cr_assert_eq(found.damage->seq, l.first_seq[1]);
    cr_assert_eq(found.damage->count, l.first_seq[2] - l.first_seq[1]);
    cr_assert_eq(found.sinks->unreadable, found.damage->count);
    cr_assert_eq(found.sinks->readable + found.sinks->unreadable, 600);
    is(found.sinks, 600, 0, 600, 0, 0);
    cr_assert_eq(found.sinks->next->error, ENOENT);
    arena_free(&found.arena);
    segment_list_free(&l);
    append_close(a);
}

Test(audit, a_cursor_that_claims_too_much_is_unexplained)
{
    uint64_t first = append_next_seq(a);
    struct audit found;

    cr_assert_eq(cursor_create(spool_dir.fd, "main", first), 0);
    put_records(10);
    move_cursor("main", first + 4, 7); /* seven of four were rejected */
    audit(&found);
    is(found.sinks, 10, 0, 6, 7, 3);
    arena_free(&found.arena);
    append_close(a);
}

Test(audit, a_frame_without_records_is_damage)
{
    uint64_t first = append_next_seq(a);
    struct audit found;

    cr_assert_eq(cursor_create(spool_dir.fd, "main", first), 0);
    put_frame(a, 5); /* a pattern, no records */
    audit(&found);
    cr_assert_eq(found.bad_records, 5);
    cr_assert_eq(found.sinks->unreadable, 5);
    is(found.sinks, 5, 0, 5, 0, 0);
    arena_free(&found.arena);
    append_close(a);
}

Test(audit, an_empty_folder_is_sound_and_no_folder_is_not)
{
    struct audit found;
    struct why why = {0};

    audit(&found);
    cr_assert_eq(found.segments, 0);
    cr_assert_eq(found.sinks->error, ENOENT);
    arena_free(&found.arena);
    cr_assert_not(audit_spool(&found, "/nonexistent", &why));
    cr_assert_str_eq(
        why.text,
        "cannot be read: No such file or directory: either garnetd has not run yet, or its spool "
        "is elsewhere (`spool: {dir: ...}` in its configuration)");
    arena_free(&found.arena);
    append_close(a);
}
