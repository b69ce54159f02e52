/* tests/unit/spool/test_crash.c - every state that a power failure may leave the spool's disk in is recovered from
 *
 * A scripted run of writer, sync helper, cursors and retention is journaled (crash_disk.h). Power
 * then fails after each operation in turn; of what was not synced by then, any part may be on the
 * disk (crash_states.h): every combination where they are few, else a sample. Each state is opened
 * as garnetd and its workers would. What must hold:
 *   - it opens;
 *   - a metric that the sync helper had called safe is read, by each sink whose turn it is;
 *   - what is read was accepted under that number, and what is not read is counted;
 *   - a cursor is one that was stored, not older than the last one that was synced, and never ahead
 *     of the writer: the numbers that follow are new to every sink.
 *
 * GARNET_TEST_SEED=N runs script N alone; GARNET_TEST_LONG=1 makes it ten times as many states.
 */
#include <xxhash.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/why.h"
#include "rig/crash_states.h"
#include "spool/append.h"
#include "spool/cursor.h"
#include "spool/sync.h"
#include "spool/tail.h"

enum {
    STATES = 120000 / STRIDE,
    FRAMES = 64,
    SINKS = 2,
    STORES = 64,
    PAYLOAD = 700,
    SEEN = 1 << 22, /* hashes; a power of two, several times the states of the long form */
    EACH = 10,      /* pieces up to which every combination is tried */
    SAMPLE = 160    /* else so many */
};

static const char *const NAMES[SINKS] = {"a", "b"};

/* What the script did, and after how many operations on the disk it was over. */
struct accepted {
    uint64_t seq, id;
    uint32_t count;
};
struct stored {
    struct cursor_state state;
    size_t begun;  /* from here on it may be on the disk */
    size_t synced; /* from here on it must be; SIZE_MAX: never */
};
struct safe {
    uint64_t seq;
    size_t at;
    size_t listed; /* sinks, in the list that was synced with it */
};
static struct script {
    uint64_t rng;
    int dirfd;
    struct append *a;
    struct loop *loop;
    struct sync *sync;
    uint64_t asked, answered;
    struct accepted frames[FRAMES];
    size_t nframes;
    struct safe safe[FRAMES];
    size_t nsafe;
    struct stored stores[SINKS][STORES];
    size_t nstores[SINKS];
    struct cursor cursors[SINKS];
    size_t nsinks;
    struct safe retained[FRAMES]; /* retention may take what lies before, from then on */
    size_t nretained;
} s;

static struct disk *begin; /* the disk before the script */
static uint64_t *seen;
static size_t journaled; /* operations of the script */
static size_t distinct, checked, reused, went_on;

/* --- the script --- */

static void fill(uint8_t *p, size_t n, uint64_t id)
{
    uint64_t state = id;

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)random_next(&state);
}

static size_t size_of(uint64_t id)
{
    return 1 + (size_t)(id * 5077 % PAYLOAD);
}

static void script_append(void)
{
    struct accepted *f = &s.frames[s.nframes];
    uint8_t payload[PAYLOAD + 1];
    uint64_t end;

    if (s.nframes == FRAMES)
        return;
    *f = (struct accepted){append_next_seq(s.a), random_next(&s.rng),
                           1 + (uint32_t)random_below(&s.rng, 5)};
    fill(payload, size_of(f->id), f->id);
    MUST(append_frame(s.a, payload, size_of(f->id), f->count, &end) == 0, "%m");
    s.nframes++;
    trace_note("\n %zu append %" PRIu64 "+%u, %zu bytes", disk->nops, f->seq, f->count,
               size_of(f->id));
}

static void on_synced(void *arg, enum sync_verdict v, uint64_t seq, int error)
{
    (void)arg;
    MUST(v == SYNC_SAFE, "sync: %s", strerror(error));
    s.answered = seq;
}

static uint64_t on_failure(void *arg)
{
    (void)arg;
    return append_seal(s.a);
}

static void script_sync(void)
{
    s.asked = append_next_seq(s.a);
    s.answered = UINT64_MAX;
    sync_request(s.sync, append_segment(s.a), s.asked);
    while (s.answered != s.asked)
        MUST(loop_turn(s.loop, -1), "loop_turn: %m");
    s.safe[s.nsafe++] = (struct safe){s.asked, disk->nops, s.nsinks};
    trace_note("\n %zu synced %" PRIu64, disk->nops, s.asked);
}

static void script_seal(void)
{
    append_seal(s.a);
}

static void remember(size_t sink, const struct cursor_state *state, size_t begun)
{
    MUST(s.nstores[sink] < STORES);
    s.stores[sink][s.nstores[sink]++] = (struct stored){*state, begun, SIZE_MAX};
    trace_note("\n %zu %s stored %" PRIu64, disk->nops, NAMES[sink], state->position);
}

static void script_new_sink(void)
{
    uint64_t first = append_next_seq(s.a);
    size_t i = s.nsinks, begun = disk->nops;

    if (i == SINKS)
        return;
    MUST(cursor_list_write(s.dirfd, NAMES, (unsigned)i + 1) == 0, "%m");
    MUST(cursor_create(s.dirfd, NAMES[i], first) == 0, "%m");
    MUST(cursor_open(&s.cursors[i], s.dirfd, NAMES[i]) == 0, "%m");
    s.nsinks++;
    remember(i, &s.cursors[i].state, begun);
}

/* It has read some more; a part of it was in doubt. */
static void script_store(void)
{
    size_t i = random_below(&s.rng, s.nsinks), begun = disk->nops;
    struct cursor_state *c = &s.cursors[i].state;
    uint64_t to = append_next_seq(s.a);

    for (size_t j = 0; j < s.nframes; j++) /* positions are where frames begin */
        if (s.frames[j].seq > c->position && random_below(&s.rng, 3) == 0)
            to = s.frames[j].seq < to ? s.frames[j].seq : to;
    c->keep = c->position;
    c->position = to;
    MUST(cursor_store(&s.cursors[i]) == 0, "%m");
    remember(i, c, begun);
}

static void script_cursor_sync(void)
{
    size_t i = random_below(&s.rng, s.nsinks);

    MUST(cursor_sync(&s.cursors[i]) == 0, "%m");
    s.stores[i][s.nstores[i] - 1].synced = disk->nops;
    trace_note("\n %zu %s synced", disk->nops, NAMES[i]);
}

static void script_retain(void)
{
    uint64_t needed = append_next_seq(s.a);

    for (size_t i = 0; i < s.nsinks; i++)
        if (s.cursors[i].state.keep < needed)
            needed = s.cursors[i].state.keep;
    if (s.nretained == FRAMES)
        return;
    s.retained[s.nretained++] = (struct safe){needed, disk->nops, 0};
    (void)append_retain(s.a, needed, 0);
    trace_note("\n %zu retained from %" PRIu64, disk->nops, needed);
}

/* As on a full disk: what has been retained is what comes next. */
static void script_starve(void)
{
    s.a->folder.reserve.full = s.a->folder.reserve.wanted > 0;
    script_retain();
    script_seal();
    script_append();
    if (s.a->head.older > 0) {
        trace_note(", over another");
        reused++;
    }
}

static void script_run(uint64_t seed)
{
    static void (*const acts[])(void) = {
        script_append,      script_append, script_append, script_append, script_sync,
        script_store,       script_store,  script_seal,   script_retain, script_new_sink,
        script_cursor_sync, script_starve, script_starve};
    struct append_config c = {DISK, (int64_t)(300 + seed % 7 * 300), 0, 0, seed % 2 ? 8192 : 0};
    struct why why = {0};

    s = (struct script){.rng = seed};
    trace_reset();
    trace_note("GARNET_TEST_SEED=%" PRIu64 ":", seed);
    disk_reset();
    disk_copy(begin, disk);
    disk->journaling = true;
    s.a = append_open(&c, &why);
    MUST(s.a != NULL, "%s", why.text);
    s.dirfd = append_dirfd(s.a);
    s.loop = loop_new();
    s.sync = sync_start(s.loop, s.dirfd, append_begun(s.a),
                        &(struct sync_events){NULL, on_synced, on_failure, NULL});
    MUST(s.sync != NULL, "%m");
    script_new_sink();
    for (int n = 16 + (int)random_below(&s.rng, 16); n > 0 && disk->nops < JOURNAL - 32; n--)
        acts[random_below(&s.rng, sizeof acts / sizeof *acts)]();
    sync_stop(s.sync, 1000);
    loop_free(s.loop);
    for (size_t i = 0; i < s.nsinks; i++)
        cursor_close(&s.cursors[i]);
    append_close(s.a);
    journaled = journal_take();
}

/* --- a state --- */

struct promise { /* what holds when power fails: all from `retained` to `safe` is there */
    uint64_t safe, retained;
    size_t listed; /* and these sinks are known */
};

static struct promise promised(size_t crash)
{
    struct promise p = {0};

    for (size_t i = 0; i < s.nsafe && s.safe[i].at <= crash; i++)
        p.safe = s.safe[i].seq, p.listed = s.safe[i].listed;
    for (size_t i = 0; i < s.nretained && s.retained[i].at < crash; i++)
        p.retained = s.retained[i].seq;
    return p;
}

static void check_frame(const struct tail_frame *f)
{
    uint8_t want[PAYLOAD + 1];

    for (size_t i = 0; i < s.nframes; i++) {
        const struct accepted *m = &s.frames[i];
        if (m->seq != f->seq)
            continue;
        fill(want, size_of(m->id), m->id);
        MUST(f->count == m->count && f->length == size_of(m->id) &&
                 memcmp(f->payload, want, f->length) == 0,
             "%" PRIu64 " is not what was accepted", f->seq);
        return;
    }
    MUST(false, "%" PRIu64 " was never accepted", f->seq);
}

/* Everything from `next` on, up to what was appended since: read or counted, once. */
static void read_all(int dirfd, uint64_t next, const struct promise *p, uint64_t fresh,
                     uint64_t end)
{
    struct tail *t = tail_open(dirfd, next);
    struct tail_frame f;
    enum tail_result r;

    MUST(t != NULL);
    while ((r = tail_next(t, &f)) != TAIL_WAIT) {
        MUST(r != TAIL_ERROR, "tail_next: %m");
        if (r == TAIL_LOST) {
            MUST(f.seq == next && f.seq + f.lost <= fresh, "at %" PRIu64 " lost %" PRIu64, next,
                 f.lost);
            MUST((f.seq > p->retained ? f.seq : p->retained) >=
                     (f.seq + f.lost < p->safe ? f.seq + f.lost : p->safe),
                 "%" PRIu64 "+%" PRIu64 " are lost, some were safe", f.seq, f.lost);
            next += f.lost;
            continue;
        }
        MUST(f.seq <= next && f.seq + f.count > next, "at %" PRIu64 " it gets %" PRIu64, next,
             f.seq);
        if (f.seq < fresh)
            check_frame(&f);
        next = f.seq + f.count;
    }
    MUST(next == end, "it stays at %" PRIu64 ", the end is %" PRIu64, next, end);
    tail_close(t);
}

/* Where a sink goes on: its cursor, or the oldest. */
static uint64_t check_cursor(int dirfd, size_t sink, size_t crash, bool *there)
{
    struct cursor_state got;
    size_t i, newest_synced = 0;
    int r = cursor_read(dirfd, NAMES[sink], &got);

    *there = r == 0;
    MUST(r == 0 || errno == ENOENT || errno == EBADMSG, "cursor_read: %m");
    if (r < 0)
        return 0; /* its place in the folder was never synced: it is made again */
    for (i = 0; i < s.nstores[sink]; i++)
        if (s.stores[sink][i].synced <= crash)
            newest_synced = i;
    for (i = s.nstores[sink]; i > 0; i--)
        if (s.stores[sink][i - 1].begun < crash &&
            memcmp(&s.stores[sink][i - 1].state, &got, sizeof got) == 0)
            break;
    MUST(i > 0, "a cursor that nobody had stored yet: %" PRIu64, got.position);
    MUST(i - 1 >= newest_synced ||
             memcmp(&s.stores[sink][newest_synced].state, &got, sizeof got) == 0,
         "a cursor older than one that was synced");
    return got.position;
}

/* `full`: it goes on in what is there, if it may; where that has no room, something goes away first. */
static void recover(size_t crash, bool full)
{
    struct append_config c = {DISK, 1 << 20, 0, 0, 0};
    const struct promise p = promised(crash);
    uint64_t at[SINKS], fresh, end;
    bool there[SINKS];
    struct why why = {0};
    struct append *a;

    full = full && disk_find(0, "lock") != NULL; /* else it could not be made */
    disk->full = full;
    for (int i = 0; i < NODES; i++) /* each has room for one frame */
        disk_room(&disk->nodes[i], disk->nodes[i].size + 100);
    a = append_open(&c, &why);
    MUST(a != NULL, "append_open: %s", why.text);
    went_on += a->fd >= 0;
    fresh = append_next_seq(a);
    /* Or retention has unlinked it all, and the unlinking alone has come to the disk: then no sink
     * knows of those numbers either. */
    MUST(fresh >= p.safe || p.safe <= p.retained,
         "numbers below %" PRIu64 " were safe, it goes on at %" PRIu64, p.safe, fresh);
    for (size_t i = 0; i < p.listed; i++) {
        struct cursor_state got;
        MUST(cursor_listed(append_dirfd(a), NAMES[i]) ||
                 cursor_read(append_dirfd(a), NAMES[i], &got) == 0,
             "sink %s is forgotten", NAMES[i]);
    }
    for (size_t i = 0; i < SINKS; i++) {
        at[i] = check_cursor(append_dirfd(a), i, crash, &there[i]);
        MUST(at[i] <= fresh, "sink %s is at %" PRIu64 ", the writer goes on at %" PRIu64, NAMES[i],
             at[i], fresh);
    }
    if (full && append_frame(a, "new", 3, 2, &end) < 0) {
        MUST(errno == ENOSPC, "%m");
        full = false;
    }
    disk->full = false;
    MUST((full || append_frame(a, "new", 3, 2, &end) == 0) && end == fresh + 2, "%m");
    for (size_t i = 0; i < SINKS; i++)
        if (there[i] || i == 0)
            read_all(append_dirfd(a), at[i], &p, fresh, end);
    append_close(a);
}

/* --- all states --- */

static uint64_t state_hash(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < ENTRIES; i++) {
        const struct disk_entry *e = &disk->entries[i];
        const struct disk_node *n = &disk->nodes[e->node];
        if (e->used)
            sum += XXH3_64bits_withSeed(e->name, strlen(e->name),
                                        XXH3_64bits_withSeed(n->data, n->size, (uint64_t)e->in));
    }
    return sum;
}

/* False for a state that was there before. */
static bool is_new(uint64_t hash)
{
    size_t i = hash & (SEEN - 1);

    hash += hash == 0;
    for (; seen[i] != 0; i = (i + 1) & (SEEN - 1))
        if (seen[i] == hash)
            return false;
    seen[i] = hash;
    distinct++;
    return true;
}

static void try_state(size_t crash, const char *how, uint64_t which)
{
    size_t n = trace.n;
    bool full;

    if (!is_new(state_hash()))
        return;
    full = checked++ % 2 > 0;
    trace_note("\n  power fails after %zu operations; of the rest %s %" PRIx64 "%s", crash, how,
               which, full ? "; it is full" : "");
    recover(crash, full);
    trace.n = n;
}

static void crash_after(size_t crash, const struct pending *p)
{
    uint64_t before;

    if (p->n <= EACH) {
        for (uint64_t mask = 0; mask >> p->n == 0; mask++) {
            state_of(p, mask);
            try_state(crash, "pieces", mask);
        }
        return;
    }
    for (int i = 0; i < SAMPLE; i++) {
        before = s.rng;
        state_make(p, &s.rng);
        try_state(crash, "sample", before);
    }
}

static void script_and_crashes(uint64_t seed)
{
    static struct pending p;

    script_run(seed);
    for (size_t crash = 0; crash <= journaled; crash++) {
        pending_make(&p, begin, crash);
        crash_after(crash, &p);
    }
}

Test(crash, every_state_of_the_disk_is_recovered_from)
{
    const char *one = getenv("GARNET_TEST_SEED");
    size_t want = STATES * (is_long_run() ? 10 : 1);
    uint64_t seed = one != NULL ? strtoull(one, NULL, 10) : 1;

    log_set_level(LOG_L_ERROR);
    begin = calloc(1, sizeof *begin);
    seen = calloc(SEEN, sizeof *seen);
    cr_assert(begin != NULL && seen != NULL);
    do
        script_and_crashes(seed++);
    while (one == NULL && distinct < want);
    (void)printf("%zu distinct states of %" PRIu64
                 " scripts, %zu files used again; full disks were "
                 "gone on in %zu times\n",
                 distinct, seed - 1, reused, went_on);
    cr_assert(one != NULL || went_on > 0);
    free(begin);
    free(seen);
}
