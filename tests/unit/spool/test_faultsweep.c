/* tests/unit/spool/test_faultsweep.c - the n-th system call of a run of the spool fails, for every n and every error
 *
 * A run opens, appends, syncs, reads, stores cursors, retains, and starts anew in its middle, on the
 * disk of crash_disk.h. One call fails; what it was for is tried again, as garnetd and a worker would,
 * and the run goes on without faults. At its end what was accepted, by the word of append_frame(), has
 * been read, once and in order, or is counted as lost; and nothing is lost but to EIO, which says that
 * the disk itself has lost it. The same on a disk that is full once the spool has its reserve.
 */
#include "base/log.h"
#include "base/loop.h"
#include "base/why.h"
#include "rig/crash_disk.h"
#include "spool/append.h"
#include "spool/blocks.h"
#include "spool/cursor.h"
#include "spool/sync.h"
#include "spool/tail.h"

enum { FRAMES = 32, PAYLOAD = 100, TRIES = 3, RESERVES = 8, ROOM = 600 /* of each */ };
enum { ALL = (1 << CALLS) - 1, TRANSFERS = 1 << CALL_READ | 1 << CALL_WRITE };

static const struct {
    const char *name;
    int error;
    unsigned kinds;
} faults[] = {
    {"EINTR", EINTR, ALL},   {"EAGAIN", EAGAIN, ALL}, {"ENOSPC", ENOSPC, ALL},
    {"ENOMEM", ENOMEM, ALL}, {"EIO", EIO, ALL},       {"short", SHORT, TRANSFERS},
};

static struct run {
    struct append *a;
    struct loop *loop;
    struct sync *sync;
    struct tail *tail;
    struct cursor cursor;
    uint64_t seq[FRAMES]; /* of what was accepted */
    uint8_t id[FRAMES];
    unsigned n;
    uint64_t next, read, lost; /* the reader */
    int answer;                /* of the last sync; -1: none yet */
    bool full;                 /* the disk becomes so */
} r;

/* Once more after each failure: with one fault, the second time has to do. */
#define TRY(what)                                                                                  \
    do {                                                                                           \
        int tries_ = 0;                                                                            \
        while (!(what))                                                                            \
            MUST(++tries_ < TRIES, #what ": %m");                                                  \
    } while (0)

static bool open_writer(void)
{
    struct append_config c = {DISK, 400, 0, 0, r.full ? RESERVES * ROOM : 0};
    struct why why = {0};

    return (r.a = append_open(&c, &why)) != NULL;
}

static void do_append(uint8_t id)
{
    uint8_t payload[PAYLOAD];
    uint64_t end = 0;
    uint64_t seq;

    memset(payload, id, sizeof payload);
    seq = append_next_seq(r.a);
    for (int tries = 1; append_frame(r.a, payload, sizeof payload, 3, &end) < 0; tries++) {
        MUST(disk->faults.fired > 0 && tries < TRIES, "append_frame: %m");
        MUST(append_next_seq(r.a) == seq, "a refused frame has taken numbers");
    }
    MUST(end == seq + 3);
    r.seq[r.n] = seq;
    r.id[r.n++] = id;
}

/* While it is written again, the helper works on. */
static void on_synced(void *arg, enum sync_verdict v, uint64_t seq, int error)
{
    (void)arg, (void)seq;
    if (v != SYNC_AGAIN)
        r.answer = error;
}

static uint64_t on_failure(void *arg)
{
    (void)arg;
    return append_seal(r.a);
}

static bool sync_once(void)
{
    r.answer = -1;
    sync_request(r.sync, append_segment(r.a), append_next_seq(r.a));
    while (r.answer < 0)
        MUST(loop_turn(r.loop, -1), "loop_turn: %m");
    errno = r.answer;
    return r.answer == 0;
}

/* The frame that begins at `next` is one that was accepted there. */
static void check_frame(const struct tail_frame *f)
{
    unsigned i = 0;

    while (i < r.n && r.seq[i] != f->seq)
        i++;
    MUST(i < r.n, "%" PRIu64 " was never accepted", f->seq);
    MUST(f->seq == r.next && f->count == 3 && f->length == PAYLOAD, "%" PRIu64, f->seq);
    for (size_t j = 0; j < f->length; j++)
        MUST(((const uint8_t *)f->payload)[j] == r.id[i], "%" PRIu64 " is changed", f->seq);
}

/* At most `most` frames; false when nothing more is there. */
static bool read_some(int most)
{
    struct tail_frame f;

    for (; most > 0; most--) {
        enum tail_result t = tail_next(r.tail, &f);
        MUST(t != TAIL_ERROR || disk->faults.fired > 0, "tail_next: %m");
        if (t == TAIL_WAIT)
            return false;
        if (t == TAIL_FRAME) {
            check_frame(&f);
            r.read += f.count;
            r.next += f.count;
        } else if (t == TAIL_LOST) {
            MUST(disk->faults.fired > 0 && disk->faults.error == EIO,
                 "%" PRIu64 "+%" PRIu64 " are lost", f.seq, f.lost);
            r.lost += f.lost;
            r.next += f.lost;
        }
    }
    return true;
}

static void do_store(void)
{
    r.cursor.state.keep = r.cursor.state.position = r.next;
    r.cursor.state.dropped[DROP_DAMAGED] = r.lost;
    TRY(cursor_store(&r.cursor) == 0);
    TRY(cursor_sync(&r.cursor) == 0);
}

static void start(void)
{
    TRY(open_writer());
    r.loop = loop_new();
    MUST(r.loop != NULL && (r.sync = sync_start(
                                r.loop, append_dirfd(r.a), append_begun(r.a),
                                &(struct sync_events){NULL, on_synced, on_failure, NULL})) != NULL,
         "%m");
}

static void stop(void)
{
    sync_stop(r.sync, 1000);
    loop_free(r.loop);
    append_close(r.a);
}

static void open_reader(void)
{
    TRY(cursor_open(&r.cursor, append_dirfd(r.a), "a") == 0);
    TRY((r.tail = tail_open(append_dirfd(r.a), r.cursor.state.position)) != NULL);
    r.next = r.cursor.state.position;
    r.lost = r.cursor.state.dropped[DROP_DAMAGED];
    r.read = r.next - r.lost;
}

static void close_reader(void)
{
    tail_close(r.tail);
    cursor_close(&r.cursor);
}

/* What could not be synced is written again to a new file, for which a full disk has to have room. */
static void sync_all(void)
{
    bool full = disk->full;

    for (int tries = 1; !sync_once(); tries++) {
        MUST(tries < 2 * TRIES, "sync: %m");
        disk->full = disk->full && errno != ENOSPC;
    }
    disk->full = full;
}

/* As the helper does, and then no more is made. */
static void fill_disk(void)
{
    char name[RESERVE_NAME];

    for (uint64_t id = 1; id <= RESERVES; id++) {
        struct reserve_file file = {id, ROOM, 0};

        TRY(blocks_make(append_dirfd(r.a), &file) == ROOM);
        reserve_name(name, id);
        TRY(reserve_adopt(&r.a->folder.reserve, append_dirfd(r.a), name));
    }
    for (int i = 0; i < TRIES; i++)
        cursor_make_spares(append_dirfd(r.a));
    disk->full = true;
}

static void half(uint8_t id)
{
    for (uint8_t i = 0; i < 5; i++)
        do_append((uint8_t)(id + i));
    sync_all();
    (void)read_some(3);
    do_store();
    (void)append_retain(r.a, r.cursor.state.keep, 0);
    append_seal(r.a);
    do_append((uint8_t)(id + 5));
    (void)read_some(2);
}

/* True when the fault was there to be met. */
static bool run(size_t fault, unsigned n, bool full)
{
    static const char *const names[] = {"a"};

    r = (struct run){.full = full};
    trace_reset();
    trace_note("call %u fails with %s", n, faults[fault].name);
    disk_reset();
    disk->faults.counting = true;
    disk->faults.kinds = faults[fault].kinds;
    disk->faults.error = faults[fault].error;
    disk->faults.left = n;
    disk->faults.fired = 0;
    start();
    if (full)
        fill_disk();
    TRY(cursor_create(append_dirfd(r.a), "a", 0) == 0);
    TRY(cursor_list_write(append_dirfd(r.a), names, 1) == 0);
    open_reader();
    half(1);
    close_reader();
    stop();
    /* A writer that finds the newest segment unreadable cannot know how far it went (segment.h). */
    disk->faults.counting = disk->faults.error != EIO;
    start();
    disk->faults.counting = true;
    open_reader();
    half(11);
    disk->faults.counting = false;
    do_append(99); /* something newer behind everything */
    while (read_some(1))
        ;
    MUST(r.next == append_next_seq(r.a), "it stays at %" PRIu64, r.next);
    MUST(r.read + r.lost == 3 * (uint64_t)r.n, "%u accepted, %" PRIu64 " read, %" PRIu64 " lost",
         3 * r.n, r.read, r.lost);
    close_reader();
    stop();
    for (int i = 0; i < OPENS; i++)
        MUST(disk->opens[i].node < 0, "descriptor %d is left open", i);
    return disk->faults.fired > 0;
}

static void sweep_all(bool full)
{
    int devnull = open("/dev/null", O_WRONLY | O_CLOEXEC);
    unsigned n, all = 0;

    log_to(devnull);
    for (size_t fault = 0; fault < sizeof faults / sizeof *faults; fault++) {
        for (n = 1; run(fault, n, full); n++)
            all++;
        cr_assert_gt(n, 20, "hardly a call was reached");
    }
    (void)printf("%u faults\n", all);
    (void)close(devnull);
}

Test(faultsweep, whichever_call_fails_nothing_accepted_is_lost)
{
    sweep_all(false);
}

Test(faultsweep, nor_on_a_full_disk)
{
    sweep_all(true);
}
