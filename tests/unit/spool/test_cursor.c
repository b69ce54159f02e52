/* tests/unit/spool/test_cursor.c - cursors survive what may happen to one of their slots, and have one owner */
#include <sys/wait.h>

#include "rig/spool_dir.h"
#include "spool/cursor.h"

TestSuite(cursor, .init = spool_dir_make, .fini = spool_dir_remove);

enum { SLOT = 512 };

static void damage(const char *name, off_t at)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "cursors/%s", name);
    fd = openat(spool_dir.fd, path, O_WRONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, "\xff", 1, at), 1);
    close(fd);
}

/* Stored `n` times after creation at 100: position 100 + n, n skipped. */
static void stored(const char *name, uint64_t n)
{
    struct cursor c;

    cr_assert_eq(cursor_create(spool_dir.fd, name, 100), 0);
    cr_assert_eq(cursor_open(&c, spool_dir.fd, name), 0);
    for (uint64_t i = 0; i < n; i++) {
        c.state.position++;
        c.state.dropped[DROP_SKIPPED]++;
        cr_assert_eq(cursor_store(&c), 0);
    }
    cr_assert_eq(cursor_sync(&c), 0);
    cursor_close(&c);
}

Test(cursor, begins_where_it_was_created)
{
    struct cursor_state s;

    cr_assert_eq(cursor_create(spool_dir.fd, "main", 4711), 0);
    cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), 0);
    cr_assert_eq(s.start, 4711);
    cr_assert_eq(s.position, 4711);
    for (unsigned i = 0; i < DROP_REASONS; i++)
        cr_assert_eq(s.dropped[i], 0);
}

Test(cursor, every_field_comes_back)
{
    struct cursor c;
    struct cursor_state s;

    cr_assert_eq(cursor_create(spool_dir.fd, "main", 5), 0);
    cr_assert_eq(cursor_open(&c, spool_dir.fd, "main"), 0);
    c.state.position = SEQ_MAX;
    c.state.keep = SEQ_MAX - 1000;
    c.state.owed = 77;
    c.state.window = 900;
    c.state.moved_ns = INT64_MIN;
    c.state.stored_ns = INT64_MAX;
    c.state.wall_ns = 12345678901;
    c.state.ntrail = CURSOR_TRAIL;
    c.state.taken = SEQ_MAX + 1;
    c.state.lost = 78;
    c.state.in_doubt = 79;
    c.state.sent = UINT64_MAX;
    for (int i = 0; i < CURSOR_TRAIL; i++)
        c.state.trail[i] = (struct cursor_trail){-i, UINT64_MAX - (uint64_t)i};
    for (unsigned i = 0; i < DROP_REASONS; i++)
        c.state.dropped[i] = 1000 + i;
    cr_assert_eq(cursor_store(&c), 0);
    cursor_close(&c);
    cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), 0);
    cr_assert_eq(memcmp(&s, &c.state, sizeof s), 0);
}

/* A sum that is right says that somebody has written it: the sum has no secret. */
Test(cursor, a_position_that_cannot_be_is_damage)
{
    static const uint64_t far[] = {SEQ_MAX + 1, (uint64_t)INT64_MAX, (uint64_t)INT64_MAX + 1,
                                   UINT64_MAX};
    struct cursor_state s;
    struct cursor c;

    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        cr_assert_eq(cursor_create(spool_dir.fd, "main", far[i]), 0);
        cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), -1);
        cr_assert_eq(errno, EBADMSG);
        cr_assert_eq(cursor_open(&c, spool_dir.fd, "main"), -1);
        cr_assert_eq(errno, EBADMSG);
    }
    stored("main", 2);
    cr_assert_eq(cursor_open(&c, spool_dir.fd, "main"), 0);
    c.state.position = (uint64_t)INT64_MAX;
    cr_assert_eq(cursor_store(&c), 0);
    cursor_close(&c);
    cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), 0, "the other slot is as good as ever");
    cr_assert_eq(s.position, 102);
}

/* Nobody but metrics uses the numbers up, whatever is claimed, also just below a bound. */
Test(cursor, one_far_ahead_does_not_use_up_the_numbers)
{
    static const uint64_t far[] = {SEQ_BELIEVED + 1, SEQ_MAX - 1, SEQ_MAX, (uint64_t)INT64_MAX};
    struct read_total n;
    struct append *a = open_writer(4096);

    put_frame(a, 5);
    append_close(a);
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        cr_assert_eq(cursor_create(spool_dir.fd, "main", far[i]), 0);
        a = open_writer(4096);
        cr_assert_eq(append_next_seq(a), 5 + i);
        put_frame(a, 1);
        append_close(a);
    }
    cr_assert_eq(cursor_create(spool_dir.fd, "main", SEQ_BELIEVED), 0);
    for (uint64_t i = 0; i < 3; i++) {
        a = open_writer(4096);
        cr_assert_eq(append_next_seq(a), SEQ_BELIEVED + i);
        put_frame(a, 1);
        append_close(a);
    }
    n = read_all_from(SEQ_BELIEVED);
    cr_assert_eq(n.delivered, 3);
    cr_assert_eq(n.next, SEQ_BELIEVED + 3);
    cr_assert_eq(cursor_create(spool_dir.fd, "main", SEQ_BELIEVED + 2), 0,
                 "with segments that far it is");
    a = open_writer(4096);
    cr_assert_eq(append_next_seq(a), SEQ_BELIEVED + 3);
    append_close(a);
}

Test(cursor, one_bad_slot_leaves_the_other)
{
    for (uint64_t n = 0; n < 6; n++) {
        for (int slot = 0; slot < 2; slot++) {
            struct cursor_state s;
            bool newest = slot == (int)((n + 1) % 2); /* created with generations 0 and 1 */
            uint64_t want = newest && n > 0 ? n - 1 : n;
            stored("main", n);
            damage("main", slot * SLOT + 300);
            cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), 0);
            cr_assert_eq(s.position, 100 + want);
            cr_assert_eq(s.dropped[DROP_SKIPPED], want);
        }
    }
}

Test(cursor, the_next_store_mends_the_bad_slot)
{
    for (int slot = 0; slot < 2; slot++) {
        struct cursor c;
        struct cursor_state s;
        stored("main", 3);
        damage("main", slot * SLOT + 20);
        cr_assert_eq(cursor_open(&c, spool_dir.fd, "main"), 0);
        c.state.position = 900;
        cr_assert_eq(cursor_store(&c), 0);
        cursor_close(&c);
        damage("main", (1 - slot) * SLOT + 20);
        cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), 0);
        cr_assert_eq(s.position, 900);
    }
}

Test(cursor, without_a_valid_slot_it_says_so)
{
    struct cursor_state s;
    struct cursor c;

    cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), -1);
    cr_assert_eq(errno, ENOENT);
    stored("main", 3);
    damage("main", 40);
    damage("main", SLOT + 40);
    cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), -1);
    cr_assert_eq(errno, EBADMSG);
    cr_assert_eq(cursor_open(&c, spool_dir.fd, "main"), -1);
    cr_assert_eq(errno, EBADMSG);
    cr_assert_eq(c.fd, -1);
    write_spool_file("cursors/empty", "");
    cr_assert_eq(cursor_read(spool_dir.fd, "empty", &s), -1);
    cr_assert_eq(errno, EBADMSG);
    cr_assert_eq(cursor_create(spool_dir.fd, "main", 7), 0);
    cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), 0);
    cr_assert_eq(s.position, 7);
}

Test(cursor, every_byte_is_under_the_checksum)
{
    struct cursor_state s;

    for (off_t at = 0; at < SLOT; at++) {
        stored("main", 2); /* generation 3: slot 1 */
        damage("main", SLOT + at);
        cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), 0);
        cr_assert_eq(s.position, 101, "byte %ld", (long)at);
    }
}

static int open_in_child(const char *name)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct cursor c;
        _exit(cursor_open(&c, spool_dir.fd, name) == 0 ? 0 : errno);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

Test(cursor, two_workers_never_share_one)
{
    struct cursor c;
    struct cursor_state s;
    pid_t reader;
    int status;

    stored("main", 1);
    stored("other", 1);
    cr_assert_eq(cursor_open(&c, spool_dir.fd, "main"), 0);
    cr_assert_eq(open_in_child("main"), EAGAIN);
    cr_assert_eq(open_in_child("other"), 0);
    if ((reader = fork()) == 0) /* garnetd reads while a worker holds it */
        _exit(cursor_read(spool_dir.fd, "main", &s) == 0 && s.position == 101 ? 0 : 1);
    cr_assert_eq(waitpid(reader, &status, 0), reader);
    cr_assert_eq(status, 0);
    cr_assert_eq(open_in_child("main"), EAGAIN);
    cursor_close(&c);
    cr_assert_eq(open_in_child("main"), 0);
}

static void join(void *arg, const char *name)
{
    char *text = arg;
    size_t n = strlen(text);

    snprintf(text + n, 512 - n, "%s,", name);
}

Test(cursor, who_has_it_is_seen_without_its_lock)
{
    struct cursor c;
    int ready[2];
    pid_t worker;
    char byte;

    cr_assert_eq(cursor_holder(spool_dir.fd, "main"), 0);
    cr_assert_eq(cursor_create(spool_dir.fd, "main", 1), 0);
    cr_assert_eq(cursor_holder(spool_dir.fd, "main"), 0);
    cr_assert_eq(pipe(ready), 0);
    if ((worker = fork()) == 0) {
        (void)!write(ready[1], cursor_open(&c, spool_dir.fd, "main") == 0 ? "y" : "n", 1);
        pause();
    }
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    cr_assert_eq(byte, 'y');
    cr_assert_eq(cursor_holder(spool_dir.fd, "main"), worker);
    cr_assert_eq(kill(worker, SIGKILL), 0);
    cr_assert_eq(waitpid(worker, NULL, 0), worker);
    cr_assert_eq(cursor_holder(spool_dir.fd, "main"), 0);
}

Test(cursor, the_list_names_the_sinks)
{
    static const char *const names[] = {"main", "backup", "file-1"};
    char text[512] = "";

    cr_assert_eq(cursor_list_each(spool_dir.fd, join, text), 0);
    cr_assert_str_eq(text, "");
    cr_assert_not(cursor_listed(spool_dir.fd, "main"));
    cr_assert_eq(cursor_list_write(spool_dir.fd, names, 3), 0);
    cr_assert_eq(cursor_list_each(spool_dir.fd, join, text), 0);
    cr_assert_str_eq(text, "main,backup,file-1,");
    cr_assert(cursor_listed(spool_dir.fd, "main"));
    cr_assert(cursor_listed(spool_dir.fd, "file-1"));
    cr_assert_not(cursor_listed(spool_dir.fd, "file"));
    cr_assert_not(cursor_listed(spool_dir.fd, "file-11"));
    cr_assert_eq(cursor_list_write(spool_dir.fd, names, 0), 0);
    cr_assert_not(cursor_listed(spool_dir.fd, "main"));
}

Test(cursor, a_damaged_list_leads_nowhere)
{
    char text[512] = "";

    write_spool_file("sinks", "main\n\n../../etc/passwd\n.hidden\na/b\nlast");
    cr_assert_eq(cursor_list_each(spool_dir.fd, join, text), 0);
    cr_assert_str_eq(text, "main,last,");
}

Test(cursor, removed_means_gone)
{
    struct cursor_state s;

    stored("main", 1);
    cr_assert_eq(cursor_remove(spool_dir.fd, "main"), 0);
    cr_assert_eq(cursor_read(spool_dir.fd, "main", &s), -1);
    cr_assert_eq(errno, ENOENT);
    cr_assert_eq(cursor_remove(spool_dir.fd, "main"), -1);
    cr_assert_eq(errno, ENOENT);
}

Test(cursor, a_name_that_is_too_long_for_the_disk_is_an_error)
{
    char name[400];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    cr_assert_eq(cursor_create(spool_dir.fd, name, 0), -1);
    cr_assert_eq(errno, ENAMETOOLONG);
}

Test(cursor, drop_reasons_have_names)
{
    cr_assert_str_eq(drop_reason_name(DROP_EXPIRED), "expired");
    cr_assert_str_eq(drop_reason_name(DROP_DAMAGED), "damaged");
    cr_assert_str_eq(drop_reason_name(DROP_SKIPPED), "skipped");
    cr_assert_str_eq(drop_reason_name(DROP_REJECTED), "rejected");
    cr_assert_str_eq(drop_reason_name(DROP_QUARANTINED), "quarantined");
    cr_assert_str_eq(drop_reason_name(DROP_STALE), "stale");
    cr_assert_str_eq(drop_reason_name(DROP_DESELECTED), "deselected");
    cr_assert_null(drop_reason_name(DROP_DESELECTED + 1));
}
