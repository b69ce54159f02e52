/* tests/unit/spool/test_commit.c - a batch's way into the spool against a model, under failures, deaths and losses
 *
 * The real commit, unsynced, append, backlog, sync_helper and rewrite, on a disk in memory that
 * treats a failed fdatasync as kernels do: what it was about counts as clean, and is not on the
 * platter. Only the helper's process and socket are played: it serves an order when its turn comes,
 * and dies before, after, or at any of its calls; garnetd goes on in the middle of it.
 *
 * Then, whatever happens in whatever order:
 *   - every batch is told once: accepted or rejected;
 *   - told accepted, it is read once, in the end, unless its folder was taken away meanwhile; with
 *     `durable` it is on the platter from then on;
 *   - told rejected, it is not read, unless it was told that it may be.
 *
 * A sequence follows from its seed alone: GARNET_TEST_SEED=N runs that one again.
 */
#include "base/log.h"
#include "base/why.h"
#include "rig/crash_disk.h"
#include "rig/crash_platter.h"
#include "spool/commit.h"
#include "spool/segment.h"
#include "spool/sync.h"
#include "spool/tail.h"

TestSuite(commit, .timeout = 600);

enum { BATCHES = 96, SEQUENCES = 100000, PAYLOAD = 24 };

enum told { WAITS, ACCEPTED, REJECTED, MAYBE /* rejected, and told that it may be delivered */ };

struct batch {
    uint64_t ticket;
    enum told told;
    bool excused; /* its folder was taken away after, or just before, it was accepted */
    bool sent;    /* by every sink: it need not be there any more */
    unsigned read;
};

/* In the place of spool/sync.c, which is not linked: no process, and its turn comes when we say. */
struct sync {
    struct unsynced state;
    struct sync_helper does;
    bool alive;
    struct reserve_file room; /* to be made; id 0: none */
};

static struct {
    uint64_t rng;
    struct append *a;
    struct sync sync;
    struct commit commit;
    struct batch batches[BATCHES];
    size_t n;
    uint64_t told; /* all up to this ticket */
    bool lost;     /* the folder was taken away, and nobody has noticed */
    bool full;
    bool reserve; /* the spool has one, and full means that nothing else can be had */
    bool ended;
} w;

/* --- what is told --- */

static void tell(struct batch *b, enum told told)
{
    MUST(b->told == WAITS, "batch %zu is told twice", (size_t)(b - w.batches));
    b->told = told;
    b->excused |= told == ACCEPTED && w.lost;
}

static void tell_all(uint64_t ticket, enum told told)
{
    MUST(ticket >= w.told, "ticket %" PRIu64 " after %" PRIu64, ticket, w.told);
    w.told = ticket;
    for (size_t i = 0; i < w.n; i++)
        if (w.batches[i].told == WAITS && w.batches[i].ticket <= ticket)
            tell(&w.batches[i], told);
}

static void on_written(void *arg)
{
    (void)arg;
}

/* What is held may be rejected; any other verdict is for what has been written. */
static void on_verdict(void *arg, uint64_t ticket, const char *why)
{
    enum told told = why == NULL ? ACCEPTED : strstr(why, "cannot be written") ? REJECTED : MAYBE;

    (void)arg;
    trace_note(why == NULL ? " safe:%" PRIu64 : " unsafe:%" PRIu64, ticket);
    MUST(told == REJECTED || ticket <= w.commit.written, "ticket %" PRIu64 " is held", ticket);
    tell_all(ticket, told);
}

/* --- the helper --- */

void sync_request(struct sync *s, uint64_t segment, uint64_t seq)
{
    unsynced_ask(&s->state, segment, seq);
    if (s->alive && unsynced_next(&s->state))
        unsynced_sent(&s->state);
}

uint64_t sync_asked(const struct sync *s)
{
    return s->state.sent.seq;
}

void sync_make(struct sync *s, const struct reserve_file *file)
{
    s->room = *file;
}

void sync_forget(struct sync *s)
{
    *s = (struct sync){.does.dirfd = s->does.dirfd};
}

static void helper_starts(void)
{
    w.sync.does = (struct sync_helper){.dirfd = append_dirfd(w.a)};
    w.sync.alive = true;
    if (unsynced_next(&w.sync.state))
        unsynced_sent(&w.sync.state);
}

void sync_renew(struct sync *s, uint64_t first)
{
    sync_forget(s);
    s->state.clean = first;
    helper_starts();
}

static void helper_dies(void)
{
    uint64_t seq = w.sync.state.sent.seq;

    trace_note(" dies");
    w.sync.alive = false;
    if (w.sync.state.busy)
        commit_answered(&w.commit, unsynced_died(&w.sync.state, commit_seal(&w.commit)), seq,
                        EOWNERDEAD);
}

static void helper_answers(const struct sync_report *r)
{
    struct unsynced *u = &w.sync.state;
    enum sync_verdict v;

    trace_note(" answers:%d", r->error);
    if (r->error == 0)
        v = unsynced_done(u);
    else
        v = unsynced_failed(u, r->error, r->failed,
                            r->failed != SYNC_REWRITE ? commit_seal(&w.commit) : 0);
    if (unsynced_next(u))
        unsynced_sent(u);
    commit_answered(&w.commit, v, r->seq, r->error);
}

/* --- what happens --- */

enum { ALL_CALLS = (1 << CALLS) - 1, WRITES = 1 << CALL_WRITE, SYNCS = 1 << CALL_SYNC };

static void disk_is(unsigned kinds, int error, unsigned left, bool stays)
{
    disk->faults = (struct disk_faults){
        .counting = kinds != 0, .stays = stays, .kinds = kinds, .error = error, .left = left};
}

static void disk_is_usual(void)
{
    disk_is(w.full ? WRITES : 0, ENOSPC, 1, true);
}

static void sends(void)
{
    struct batch *b = &w.batches[w.n];
    struct why why = {0};
    uint64_t ticket = 0;
    uint8_t payload[PAYLOAD];
    int r;

    if (w.n == BATCHES || w.ended)
        return;
    memset(payload, (int)w.n, sizeof payload);
    *b = (struct batch){.ticket = UINT64_MAX};
    w.n++;
    disk_is_usual();
    r = commit_batch(&w.commit, payload, sizeof payload, 1 + (uint32_t)random_below(&w.rng, 3),
                     &ticket, &why);
    trace_note(" %zu:%s%" PRIu64, w.n - 1, r < 0 ? "refused" : r > 0 ? "t" : "ok", ticket);
    MUST(r <= 0 || ticket > w.told, "ticket %" PRIu64 " has been told", ticket);
    b->ticket = r > 0 ? ticket : 0;
    if (r <= 0)
        tell(b, r < 0 ? REJECTED : ACCEPTED);
}

static void tries_again(void)
{
    trace_note(" again");
    disk_is_usual();
    commit_retry(&w.commit);
}

/* More than a second passes, and nobody has tried again. */
static void is_held_too_long(void)
{
    uint64_t held = w.commit.backlog.metrics;

    trace_note(" late");
    commit_refuse_late(&w.commit, INT64_MAX);
    MUST(held == 0 || w.commit.backlog.metrics == 0 || w.commit.durable, "somebody waits on");
}

static void second_passes(void)
{
    trace_note(" second");
    disk_is_usual();
    if (commit_look(&w.commit, DISK))
        trace_note(" new folder");
    w.lost = w.lost && !w.commit.gone && !append_there(w.a, DISK);
    commit_sync(&w.commit);
}

/* One order, if there is one. */
static void serves(unsigned kinds, int error, unsigned left, bool stays, bool answers)
{
    struct sync_order o = w.sync.state.sent;
    struct sync_report r;

    if (!w.sync.alive)
        helper_starts();
    if (!w.sync.state.busy)
        return;
    o = w.sync.state.sent;
    trace_note(" serves:%" PRIu64 "%s", o.seq, o.again ? " again" : "");
    if (kinds)
        disk_is(kinds, error, left, stays);
    else
        disk_is_usual();
    sync_serve(&w.sync.does, &o, &r);
    disk_is_usual();
    if (answers)
        helper_answers(&r);
    else
        helper_dies();
}

static void serves_well(void)
{
    serves(0, 0, 0, false, true);
}

static void first_sync_fails(void)
{
    serves(SYNCS, EIO, 1, false, true);
}

static void second_sync_fails(void)
{
    serves(SYNCS, EIO, 2, false, true);
}

static void some_sync_fails(void)
{
    serves(SYNCS, EIO, 1 + (unsigned)random_below(&w.rng, 6), random_below(&w.rng, 2) == 0, true);
}

static void some_call_fails(void)
{
    serves(ALL_CALLS, random_below(&w.rng, 2) ? EIO : ENOMEM,
           1 + (unsigned)random_below(&w.rng, 40), false, true);
}

static void dies_before(void)
{
    if (!w.sync.alive)
        helper_starts();
    helper_dies();
}

/* From this call on nothing it wants has any effect; what it synced may have failed with it. */
static void dies_in_the_middle(void)
{
    serves(ALL_CALLS, EIO, 1 + (unsigned)random_below(&w.rng, 40), true, false);
}

static void dies_late(void)
{
    serves(0, 0, 0, false, false);
}

/* All sinks come to the end of what is written, and retention gets to it. */
static void all_is_sent(void)
{
    trace_note(" sent");
    for (size_t i = 0; i < w.n; i++)
        w.batches[i].sent |= w.batches[i].ticket <= w.commit.written;
    disk_is_usual();
    (void)append_retain(w.a, append_next_seq(w.a), 0);
}

static void sends_meanwhile(void)
{
    struct disk_faults was = disk->faults;

    trace_note(" [");
    for (uint64_t k = 1 + random_below(&w.rng, 3); k > 0; k--)
        sends();
    if (random_below(&w.rng, 3) == 0)
        tries_again();
    if (w.full && random_below(&w.rng, 2) == 0)
        all_is_sent();
    trace_note(" ]");
    disk->faults = was;
}

static void serves_while_more_is_sent(void)
{
    disk_meanwhile = sends_meanwhile;
    disk_meanwhile_in = 1 + (unsigned)random_below(&w.rng, 6);
    if (random_below(&w.rng, 3) == 0)
        some_sync_fails();
    else
        serves_well();
    disk_meanwhile = NULL;
}

static void loses_folder(void)
{
    trace_note(" folder is emptied");
    platter_lose_names();
    w.lost = true;
    for (size_t i = 0; i < w.n; i++)
        w.batches[i].excused |= w.batches[i].told == ACCEPTED;
}

static void folder_goes(void)
{
    loses_folder();
    trace_note(" and gone");
    disk->absent = true;
}

static void folder_comes(void)
{
    if (!disk->absent)
        return;
    trace_note(" folder is there");
    platter_lose_names(); /* what was done meanwhile was done to another */
    disk->absent = false;
}

static void disk_fills(void)
{
    trace_note(w.reserve ? " full but for the reserve" : " full");
    w.full = !w.reserve;
    disk->full = w.reserve;
}

static void disk_has_room(void)
{
    w.full = disk->full = false;
}

/* Whatever was not sent may be lost by that. */
static void on_begins(void *arg, uint64_t oldest)
{
    (void)arg;
    trace_note(" begins at %" PRIu64, oldest);
    for (size_t i = 0; i < w.n; i++)
        w.batches[i].excused = true;
}

/* Clean pages may be read from the platter again. */
static void memory_is_short(void)
{
    trace_note(" evicts");
    platter_evict();
    if (w.commit.durable)
        return;
    for (size_t i = 0; i < w.n; i++) /* not promised */
        w.batches[i].excused |= w.batches[i].told == ACCEPTED;
}

/* --- what must be --- */

static void read_all(const char *when)
{
    struct tail *t = tail_open(append_dirfd(w.a), 0);
    struct tail_frame f;
    enum tail_result r;

    for (size_t i = 0; i < w.n; i++)
        w.batches[i].read = 0;
    MUST(t != NULL, "%m");
    while ((r = tail_next(t, &f)) == TAIL_FRAME || r == TAIL_LOST)
        if (r == TAIL_FRAME) {
            size_t i = ((const uint8_t *)f.payload)[0];
            MUST(f.length == PAYLOAD && i < w.n, "%s: something else is read", when);
            w.batches[i].read++;
        }
    MUST(r == TAIL_WAIT, "%s: %m", when);
    tail_close(t);
    for (size_t i = 0; i < w.n; i++) {
        const struct batch *b = &w.batches[i];
        MUST(b->read <= 1, "%s: batch %zu is there twice", when, i);
        MUST(b->told != ACCEPTED || b->excused || b->sent || b->read == 1, "%s: batch %zu is lost",
             when, i);
        MUST(b->told != REJECTED || b->read == 0, "%s: batch %zu was rejected", when, i);
    }
}

/* Whatever the disk is like: nobody waits any more. */
static void garnetd_ends(void)
{
    trace_note("\n  end:");
    disk_is_usual();
    commit_end(&w.commit);
    w.ended = true;
    for (size_t i = 0; i < w.n; i++)
        MUST(w.batches[i].told != WAITS, "batch %zu is not told at the end", i);
}

/* Nothing more fails: everybody is told. */
static void settle(void)
{
    if (random_below(&w.rng, 4) == 0)
        garnetd_ends();
    trace_note("\n  settle:");
    disk_has_room();
    folder_comes();
    for (int i = 0; i < 6; i++) {
        second_passes();
        tries_again();
        serves_well();
    }
    for (size_t i = 0; i < w.n; i++)
        MUST(w.batches[i].told != WAITS, "batch %zu is never told", i);
}

/* With the accepted ones of a spool that is not durable it may do as it likes. */
static void power_fails(const char *when)
{
    trace_note("\n  power fails");
    disk_is(0, 0, 0, false);
    if (!w.commit.durable)
        return;
    platter_only();
    read_all(when);
}

static void open_spool(const struct append_config *c, bool durable, struct why *why)
{
    w.a = append_open(c, why);
    MUST(w.a != NULL, "%s", why->text);
    w.a->folder.ev.begins = on_begins;
    w.sync.state.clean = append_begun(w.a);
    helper_starts();
    w.commit = (struct commit){
        .spool = w.a, .sync = &w.sync, .ev = {NULL, on_written, on_verdict}, .durable = durable};
}

static void begins(uint64_t seed, bool durable)
{
    static const int64_t sizes[] = {200, 500, 4096}; /* of a segment: one frame, a few, all */
    struct append_config c = {DISK, sizes[seed % 3], 0, 0, seed % 8 < 4 ? 0 : 4096};
    struct why why = {0};

    disk_reset();
    platter_reset();
    memset(&w, 0, sizeof w);
    w.rng = seed;
    w.reserve = c.reserve > 0;
    open_spool(&c, durable, &why);
}

/* And its helper with it: nobody is told any more, and the next garnetd begins with what the disk has. */
static void garnetd_is_killed(void)
{
    struct append_config c = {DISK, 4096, 0, 0, w.reserve ? 4096 : 0};
    bool durable = w.commit.durable;
    struct why why = {0};
    int dirfd;

    if (w.lost || w.commit.gone || disk->absent || w.ended)
        return;
    trace_note(" killed");
    disk_is(0, 0, 0, false);
    backlog_clear(&w.commit.backlog);
    /* Without a descriptor the disk forgets what it is. */
    dirfd = open(DISK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MUST(dirfd >= 0);
    append_close(w.a);
    for (size_t i = 0; i < w.n; i++) {
        if (w.batches[i].told == WAITS)
            w.batches[i].told = MAYBE;
        w.batches[i].ticket = 0;
    }
    w.told = 0;
    w.sync = (struct sync){0};
    open_spool(&c, durable, &why);
    close(dirfd);
    disk_is_usual();
}

static void ends(bool at_once)
{
    if (!at_once) {
        settle();
        disk_is(0, 0, 0, false);
        read_all("in the end");
    }
    if (!w.lost && !disk->absent)
        power_fails(at_once ? "after a power failure" : "after one in the end");
    backlog_clear(&w.commit.backlog);
    append_close(w.a);
    for (int i = 0; i < OPENS; i++)
        MUST(disk->opens[i].node < 0, "descriptor %d is left open", i);
}

/* --- by chance --- */

static const struct chance acts[] = {
    {30, sends},
    {6, tries_again},
    {8, second_passes},
    {3, is_held_too_long},
    {20, serves_well},
    {8, serves_while_more_is_sent},
    {6, some_sync_fails},
    {4, some_call_fails},
    {3, dies_before},
    {5, dies_in_the_middle},
    {3, dies_late},
    {1, loses_folder},
    {1, folder_goes},
    {3, folder_comes},
    {2, disk_fills},
    {4, disk_has_room},
    {2, all_is_sent},
    {3, memory_is_short},
    {3, garnetd_is_killed},
};

static void sequence(uint64_t seed)
{
    trace_reset();
    trace_note("GARNET_TEST_SEED=%" PRIu64 ":", seed);
    begins(seed, seed % 4 != 0);
    for (uint64_t n = 8 + random_below(&w.rng, 24); n > 0; n--)
        act_by_chance(acts, sizeof acts / sizeof *acts, &w.rng);
    ends(random_below(&w.rng, 3) == 0);
}

static void quiet(void)
{
    log_to(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

Test(commit, failures_deaths_and_losses_by_chance)
{
    const char *one = getenv("GARNET_TEST_SEED");
    uint64_t n = SEQUENCES / STRIDE * (is_long_run() ? 10 : 1);

    quiet();
    if (one != NULL) {
        sequence(strtoull(one, NULL, 10));
        puts(trace.text);
    }
    for (uint64_t seed = 1; one == NULL && seed <= n; seed++)
        sequence(seed);
}

/* Who sent it is told no, once, and it does not come later; what came after it has its own time. */
Test(commit, what_is_held_is_refused_in_time)
{
    int64_t now;

    quiet();
    begins(1, true);
    sends();
    serves_well();
    disk_fills();
    sends();
    now = clock_mono();
    commit_refuse_late(&w.commit, now + HELD_MOST / 2);
    cr_assert_eq(w.batches[1].told, WAITS);
    commit_refuse_late(&w.commit, clock_mono() + HELD_MOST);
    cr_assert_eq(w.batches[1].told, REJECTED);
    cr_assert_eq(w.commit.backlog.bytes, 0);
    cr_assert_gt(w.commit.refused, 0);
    sends();
    cr_assert_eq(w.batches[2].told, WAITS);
    disk_has_room();
    tries_again();
    serves_well();
    cr_assert_eq(w.batches[2].told, ACCEPTED);
    sends();
    ends(false);
}

/* Its answer comes first: what is in the spool is not told with what is not. */
Test(commit, what_is_held_waits_for_the_answer_to_what_is_written)
{
    quiet();
    begins(1, true);
    sends();
    disk_fills();
    sends();
    commit_refuse_late(&w.commit, INT64_MAX);
    cr_assert_eq(w.batches[0].told, WAITS);
    cr_assert_eq(w.batches[1].told, WAITS);
    serves_well();
    cr_assert_eq(w.batches[0].told, ACCEPTED);
    commit_refuse_late(&w.commit, INT64_MAX);
    cr_assert_eq(w.batches[1].told, REJECTED);
    ends(false);
}

/* --- in every order --- */

static void (*const failures[])(void) = {
    first_sync_fails, second_sync_fails, dies_before,  dies_in_the_middle, dies_late,
    loses_folder,     folder_goes,       folder_comes, disk_fills,         memory_is_short,
};
enum { FAILURES = sizeof failures / sizeof *failures };

/* Between any two of them, more is sent, or a second passes, or an order is served; each with all
 * combinations of that. */
static void in_order(const size_t *which, size_t n, unsigned between, bool durable)
{
    trace_reset();
    trace_note("order %zu %zu %zu, %x:", which[0], which[1], n > 2 ? which[2] : FAILURES, between);
    begins(which[0] * 1000 + which[1] * 100 + between, durable);
    sends();
    serves_well();
    for (size_t i = 0; i < n; i++, between >>= 2) {
        sends();
        failures[which[i]]();
        if (between & 1)
            sends();
        if (between & 2)
            second_passes();
    }
    sends();
    ends(false);
}

static void every_order(size_t n)
{
    size_t which[3];

    for (which[0] = 0; which[0] < FAILURES; which[0]++)
        for (which[1] = 0; which[1] < FAILURES; which[1]++)
            for (which[2] = 0; which[2] < (n > 2 ? FAILURES : 1); which[2]++)
                for (unsigned between = 0; between < 1U << (2 * n); between++)
                    for (int durable = 0; durable < 2; durable++)
                        if (SANITIZED == 0 || (between + which[2]) % STRIDE == 0)
                            in_order(which, n, between, durable);
}

Test(commit, two_failures_in_every_order)
{
    quiet();
    every_order(2);
}

Test(commit, three_failures_in_every_order)
{
    quiet();
    every_order(3);
}
