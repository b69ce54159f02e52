/* tests/unit/daemon/test_store.c - daemon/store.h: a real folder and a real sync helper, and what is reported upwards */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store.h"
#include "rig/daemon_stand.h"

static struct stand stand;
static struct store store;
static struct conf_spool conf;
static int nwritten, nunsafe;
static uint64_t safe_to;
static char why_unsafe[256];

static void on_written(void *arg)
{
    (void)arg;
    nwritten++;
}

static void on_verdict(void *arg, uint64_t ticket, const char *why)
{
    (void)arg;
    if (why == NULL) {
        safe_to = ticket;
        return;
    }
    nunsafe++;
    (void)snprintf(why_unsafe, sizeof why_unsafe, "%s", why);
}

static const struct commit_events events = {NULL, on_written, on_verdict};

static void begin(bool durable)
{
    static char dir[128];

    stand_begin(&stand);
    (void)snprintf(dir, sizeof dir, "%s/spool", stand.dir);
    conf = (struct conf_spool){
        .dir = dir, .segment_size = 1 << 20, .max_size = 16 << 20, .durable = durable};
    cr_assert(store_open(&store, stand.loop, &conf, &events), "%s", stand_log_text(&stand));
}

/* 0, 1 or -1, as store_commit() has it. */
static int commit(size_t bytes, uint64_t *ticket)
{
    static char payload[1 << 16];
    struct why why;

    return store_commit(&store, payload, bytes, 1, ticket, &why);
}

static void end(void)
{
    store_end(&store);
    store_sync_last(&store, clock_mono() + NS_PER_S);
    store_close(&store);
    stand_end(&stand);
}

TestSuite(store, .timeout = 60);

Test(store, a_batch_is_in_the_spool_when_it_is_accepted)
{
    uint64_t ticket, first;

    begin(false);
    first = append_next_seq(store.commit.spool);
    cr_assert_eq(commit(100, &ticket), 0);
    cr_assert_eq(append_next_seq(store.commit.spool), first + 1);
    cr_assert_eq(nwritten, 1);
    cr_assert_str_eq(store.dir, conf.dir);
    end();
}

Test(store, a_durable_one_when_it_is_synced)
{
    uint64_t ticket = 0;

    begin(true);
    cr_assert_eq(commit(100, &ticket), 1);
    cr_assert_lt(safe_to, ticket, "not before the sync");
    STAND_UNTIL(&stand, safe_to >= ticket);
    cr_assert_eq(nunsafe, 0);
    conf.durable = false;
    store_configure(&store, &conf);
    cr_assert_eq(commit(100, &ticket), 0, "as configured now");
    end();
}

/* Once it has been asked for a file the helper makes one after the other, without a second between them. */
Test(store, the_reserve_is_made_in_one_go)
{
    const struct reserve *r;

    begin(false);
    conf.reserve = 5 << 20;
    store_configure(&store, &conf);
    r = &store.commit.spool->folder.reserve;
    commit_sync(&store.commit);
    STAND_UNTIL(&stand,
                r->bytes >= 5 << 20 || r->again_ns > 0); /* or others have filled the disk */
    cr_assert(r->n >= 4 || r->again_ns > 0);
    end();
}

Test(store, a_folder_that_cannot_be_is_logged)
{
    static char dir[128];

    stand_begin(&stand);
    (void)snprintf(dir, sizeof dir, "%s/file/spool", stand.dir);
    write_text(stand_path(&stand, "file"), "in the way");
    conf = (struct conf_spool){.dir = dir, .segment_size = 1 << 20, .max_size = 16 << 20};
    cr_assert_not(store_open(&store, stand.loop, &conf, &events));
    cr_assert_eq(stand_logged(&stand, "error: spool "), 1, "%s", stand_log_text(&stand));
    stand_end(&stand);
}

Test(store, a_folder_that_was_replaced_is_told_once)
{
    uint64_t ticket, next;

    begin(false);
    cr_assert_eq(commit(100, &ticket), 0);
    next = append_next_seq(store.commit.spool);
    cr_assert_not(commit_look(&store.commit, store.dir));
    cr_assert_eq(rename(conf.dir, stand_path(&stand, "away")), 0);
    cr_assert(commit_look(&store.commit, store.dir));
    cr_assert_not(commit_look(&store.commit, store.dir));
    cr_assert_eq(commit(100, &ticket), 0);
    cr_assert_eq(append_next_seq(store.commit.spool), next + 1, "its numbers go on");
    cr_assert_eq(access(conf.dir, F_OK), 0);
    end();
}

static void limit_files(rlim_t bytes)
{
    struct rlimit l = {bytes, RLIM_INFINITY};

    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* No file may grow: as on a full disk. A machine that stops here for long is one on which it is refused. */
Test(store, what_the_disk_does_not_take_is_held_and_tried_again)
{
    uint64_t ticket = 0, next;

    begin(false);
    do {
        nunsafe = 0;
        next = append_next_seq(store.commit.spool);
        limit_files(0);
        cr_assert_eq(commit(1000, &ticket), 1, "its answer is held, too");
        cr_assert_eq(commit(1000, &ticket), 1);
        cr_assert_eq(append_next_seq(store.commit.spool), next);
        (void)loop_turn(stand.loop, 20 * NS_PER_MS);
        cr_assert_lt(safe_to, ticket);
        limit_files(RLIM_INFINITY);
        STAND_UNTIL(&stand, safe_to >= ticket || nunsafe > 0);
    } while (nunsafe > 0);
    cr_assert_eq(append_next_seq(store.commit.spool), next + 2);
    cr_assert_geq(nwritten, 1);
    end();
}

Test(store, what_the_disk_does_not_take_in_a_second_is_refused)
{
    uint64_t ticket = 0, next;

    begin(false);
    next = append_next_seq(store.commit.spool);
    limit_files(0);
    cr_assert_eq(commit(1000, &ticket), 1);
    STAND_UNTIL(&stand, nunsafe > 0);
    cr_assert_not_null(strstr(why_unsafe, "the spool cannot be written: File too large; send it"),
                       "%s", why_unsafe);
    cr_assert_lt(safe_to, ticket);
    limit_files(RLIM_INFINITY);
    cr_assert_eq(commit(1000, &ticket), 0, "nothing is held any more");
    cr_assert_eq(append_next_seq(store.commit.spool), next + 1);
    cr_assert_eq(store.commit.refused, 1);
    end();
}

Test(store, what_is_held_to_the_end_is_refused_with_the_reason)
{
    struct self_round at;
    struct generation *g;
    uint64_t ticket = 0;

    begin(false);
    (void)stand_configure(&stand, "self_metrics: {interval: 10s, level: full}\n");
    g = stand_generation(&stand);
    stand_intake(&stand, g->conf);
    limit_files(0);
    cr_assert_eq(commit(1000, &ticket), 1);
    at = selfmetrics_beginning(stand.self, 0);
    at.only_counters = false;
    store_metrics(&store, &at);
    (void)loop_turn(stand.loop, 0);
    cr_assert_eq(stand_taken(&stand, "garnet.spool.held 0 "), 0, "%.*s", (int)stand.taken.n,
                 stand.taken.p);
    cr_assert_eq(stand_taken(&stand, "garnet.spool.held "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.spool.refused 0 "), 1);
    store_end(&store);
    cr_assert_eq(nunsafe, 1);
    cr_assert_gt(strlen(why_unsafe), 0);
    limit_files(RLIM_INFINITY);
    store_metrics(&store, &at);
    (void)loop_turn(stand.loop, 0);
    cr_assert_eq(stand_taken(&stand, "garnet.spool.held 0 "), 1);
    generation_unref(g);
    end();
}

Test(store, retention_says_what_somebody_may_lose)
{
    uint64_t ticket;

    begin(false);
    conf.segment_size = 1 << 16;
    conf.max_size = 1 << 18;
    store_configure(&store, &conf);
    for (int i = 0; i < 40; i++)
        cr_assert_eq(commit(1 << 14, &ticket), 0);
    cr_assert_gt(append_retain(store.commit.spool, 0, clock_wall()), 0,
                 "all is needed, and there is too much");
    cr_assert_leq(append_bytes(store.commit.spool), (uint64_t)conf.max_size);
    cr_assert_eq(
        append_retain(store.commit.spool, append_next_seq(store.commit.spool), clock_wall()), 0,
        "nobody needs any");
    end();
}

/* A little of it each second, by the helper. */
Test(store, the_reserve_is_there_in_a_while)
{
    const struct reserve *r;

    begin(false);
    conf.segment_size = 1 << 16;
    conf.reserve = 3 << 20;
    store_configure(&store, &conf);
    r = &store.commit.spool->folder.reserve;
    for (int i = 0; i < 1000 && reserve_short(r); i++) {
        commit_sync(&store.commit);
        (void)loop_turn(stand.loop, 20 * NS_PER_MS);
    }
    cr_assert_geq(r->bytes, 3 << 20);
    cr_assert_eq(r->n, 3, "each has room for a batch");
    end();
}
