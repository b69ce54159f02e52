/* tests/unit/daemon/test_collectors.c - daemon/collectors.h: small scripts as collectors, real sockets, one configuration
 * after another */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/collectors.h"
#include "rig/daemon_stand.h"

static struct stand stand;
static struct collectors made, *collectors;
static struct generation *generation; /* applied last; the stand's own metrics point into it, too */
static int ndrained, remember = -1;

static void on_drained(void *arg)
{
    (void)arg;
    ndrained++;
}

static void begin(const char *main)
{
    stand_begin(&stand);
    (void)stand_configure(&stand, main);
}

/* The files as they are now, applied; made at the first time. */
static void apply(void)
{
    struct generation *g = stand_generation(&stand);
    const struct collectors_events ev = {NULL, on_drained};

    if (collectors == NULL) {
        stand_intake(&stand, g->conf);
        collectors = &made;
        stand_keepers(&stand);
        collectors_init(collectors, &stand.keepers, NULL, stand.intake, stand.self, &ev);
        if (remember >= 0) {
            collectors_remember(collectors, remember);
            STAND_UNTIL(&stand, clock_wall() % NS_PER_S < NS_PER_S / 4);
        }
    }
    selfmetrics_configure(stand.self, g->conf);
    selfmetrics_stop(stand.self);
    collectors_apply(collectors, g);
    generation_unref(generation);
    generation = g;
}

/* "command: [SCRIPT]", and `more`. */
static void collector(const char *name, const char *script, const char *more)
{
    char text[512], file[32];

    (void)snprintf(file, sizeof file, "%s.sh", name);
    (void)snprintf(text, sizeof text, "command: [%s]\n%s", stand_script(&stand, file, script),
                   more);
    stand_collector(&stand, name, text);
}

static const char *socket_of(const char *name)
{
    char file[64];

    (void)snprintf(file, sizeof file, "run/collectors/%s.sock", name);
    return stand_path(&stand, file);
}

static ino_t inode_of(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static void end(void)
{
    collectors_stop(collectors);
    STAND_UNTIL(&stand, LIST_EMPTY(&collectors->list));
    cr_assert_geq(ndrained, 1);
    generation_unref(generation);
    stand_end(&stand);
}

#define EMIT "#!/bin/sh\nexec " TEST_BUILD "/garnet emit "

TestSuite(collectors, .timeout = 60);

Test(collectors, a_run_is_taken_in_and_written_down)
{
    begin("self_metrics: {interval: 10s, level: full}\n");
    collector("probe", EMIT "brought 42\n", "interval: 1s\n");
    apply();
    STAND_UNTIL(
        &stand,
        stand_taken(&stand, "garnet.collector.run_accepted 1 collector=probe host=testhost at ") >
            0);
    cr_assert_geq(stand_taken(&stand, "brought 42 host=testhost at "), 1);
    cr_assert_geq(stand_taken(&stand, "garnet.collector.exit_status 0 collector=probe "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.collector.runs 0 collector=probe "), 1,
                 "as it begins");
    cr_assert_eq(
        stand_taken(&stand, "garnet.collector.failures 0 collector=probe host=testhost why=exit "),
        1);
    cr_assert_eq(stand_logged(&stand, "has sent no metric"), 0);
    end();
    cr_assert_eq(ndrained, 1);
}

Test(collectors, one_that_brings_nothing_is_told_so_once)
{
    begin("");
    collector("idle", "#!/bin/sh\necho up\n", "interval: 100ms\n");
    apply();
    STAND_UNTIL(&stand, stand_logged(&stand, "collector idle[") >= 3);
    cr_assert_eq(
        stand_logged(&stand,
                     "collector idle has ended with exit status 0 and has sent no metric yet"),
        1);
    end();
}

Test(collectors, a_change_keeps_the_socket)
{
    ino_t inode;

    begin("");
    collector("probe", "#!/bin/sh\necho first; exec sleep 1000\n", "mode: daemon\ninterval: 1s\n");
    collector("other", "#!/bin/sh\necho other; exec sleep 1000\n", "mode: daemon\ninterval: 1s\n");
    apply();
    STAND_UNTIL(&stand,
                stand_logged(&stand, ": first\n") == 1 && stand_logged(&stand, ": other\n") == 1);
    inode = inode_of(socket_of("probe"));
    cr_assert_neq(inode, 0);
    collector("probe", "#!/bin/sh\necho second; exec sleep 1000\n", "mode: daemon\ninterval: 2s\n");
    apply();
    STAND_UNTIL(&stand, stand_logged(&stand, ": second\n") == 1);
    cr_assert_eq(stand_logged(&stand, "collector probe changed"), 1);
    cr_assert_eq(inode_of(socket_of("probe")), inode, "what is written to it is not lost");
    cr_assert_eq(stand_logged(&stand, ": other\n"), 1, "the other one has not noticed");
    cr_assert_eq(stand_logged(&stand, "collector other changed"), 0);
    end();
}

Test(collectors, one_that_leaves_takes_its_socket_along)
{
    begin("");
    collector("stays", "#!/bin/sh\nexec sleep 1000\n", "mode: daemon\ninterval: 1s\n");
    collector("leaves", "#!/bin/sh\necho up; exec sleep 1000\n", "mode: daemon\ninterval: 1s\n");
    apply();
    STAND_UNTIL(&stand, stand_logged(&stand, ": up\n") == 1);
    stand_collector(&stand, "leaves", NULL);
    apply();
    cr_assert_eq(stand_logged(&stand, "collector leaves is no longer configured"), 1);
    STAND_UNTIL(&stand, inode_of(socket_of("leaves")) == 0);
    cr_assert_neq(inode_of(socket_of("stays")), 0);
    cr_assert_eq(ndrained, 0);
    end();
}

Test(collectors, a_disabled_one_has_no_socket)
{
    begin("");
    collector("probe", "#!/bin/sh\necho up\n", "interval: 100ms\n");
    apply();
    STAND_UNTIL(&stand, stand_logged(&stand, ": up\n") >= 1);
    collector("probe", "#!/bin/sh\necho up\n", "interval: 100ms\nenabled: false\n");
    apply();
    STAND_UNTIL(&stand, inode_of(socket_of("probe")) == 0);
    collectors_retry(collectors);
    cr_assert_eq(inode_of(socket_of("probe")), 0, "nor is it tried again");
    end();
}

Test(collectors, what_cannot_start_is_tried_again)
{
    begin("");
    collector("probe", "#!/bin/sh\necho up\n", "interval: 100ms\n");
    cr_assert_eq(mkdir(stand_path(&stand, "run/collectors"), 0755), 0);
    cr_assert_eq(mkdir(socket_of("probe"), 0755), 0);
    apply();
    collectors_retry(collectors);
    collectors_retry(collectors);
    cr_assert_eq(stand_logged(&stand, "collector probe does not run yet: "), 1, "logged once");
    cr_assert_eq(rmdir(socket_of("probe")), 0);
    collectors_retry(collectors);
    STAND_UNTIL(&stand, stand_logged(&stand, ": up\n") >= 1);
    end();
}

/* --- persistent ones --- */

/* The slot of its last run, as the next garnetd would find it. */
static int64_t recorded(const char *name)
{
    struct slots s;
    int64_t slot;

    slots_open(&s, append_dirfd(stand.spool));
    slot = slots_get(&s, name);
    slots_close(&s);
    return slot;
}

/* Made with a spool, in which `probe` ran last for `slot`. */
static void begin_remembering(int64_t slot)
{
    struct generation *g;
    struct slots s;

    begin("");
    collector("probe", "#!/bin/sh\necho up\n", "interval: 1s\npersistent: true\n");
    collector("other", "#!/bin/sh\necho other\n", "interval: 1s\n");
    g = stand_generation(&stand);
    stand_spool(&stand, g->conf);
    slots_open(&s, append_dirfd(stand.spool));
    slots_put(&s, "probe", slot);
    slots_close(&s);
    generation_unref(g);
}

/* A missed run is caught up within a tenth of the interval, unless the next slot comes before that: so it is early in a
 * second that collectors with an interval of one are begun. */
static void apply_remembering(void)
{
    remember = append_dirfd(stand.spool);
    apply();
}

Test(collectors, the_slot_of_a_run_is_recorded_as_it_starts)
{
    begin_remembering(SLOTS_NONE);
    apply_remembering();
    STAND_UNTIL(&stand,
                stand_logged(&stand, ": up\n") >= 2 && stand_logged(&stand, ": other\n") >= 2);
    cr_assert_geq(recorded("probe"), clock_wall() - 30 * NS_PER_S);
    cr_assert_eq(recorded("probe") % NS_PER_S, 0);
    cr_assert_eq(recorded("other"), SLOTS_NONE);
    cr_assert_eq(stand_logged(&stand, "collector probe: no run of it is recorded: the run due at "),
                 1);
    end();
    collectors_free(collectors);
}

/* The next slot is tried; but if it ends before that, what was not started is still owed. */
Test(collectors, what_could_not_be_started_is_not_recorded)
{
    struct rlimit old, none = {.rlim_cur = 3, .rlim_max = 3};

    begin_remembering(5 * NS_PER_S);
    apply_remembering();
    cr_assert_eq(
        stand_logged(&stand,
                     "collector probe: the last one was missed before this start: the run due at "),
        1);
    (void)getrlimit(RLIMIT_NOFILE, &old);
    none.rlim_max = old.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &none);
    STAND_UNTIL(&stand, stand_logged(&stand, "collector probe: missed ") >= 1);
    (void)setrlimit(RLIMIT_NOFILE, &old);
    slots_look(&collectors->slots);
    cr_assert_eq(recorded("probe"), 5 * NS_PER_S);
    end();
    collectors_free(collectors);
}

/* Else it would be given to one that runs, and this one run once more when it is back. */
Test(collectors, the_record_of_one_that_does_not_run_now_is_its_own)
{
    begin_remembering(5 * NS_PER_S);
    collector("probe", "#!/bin/sh\n", "enabled: false\n");
    apply_remembering();
    cr_assert_str_eq(collectors->slots.v[0].name, "probe");
    cr_assert(collectors->slots.v[0].used);
    end();
    collectors_free(collectors);
}

Test(collectors, a_killed_keeper_is_reported)
{
    const char *found;
    int keeper = 0, own = 0;

    begin("self_metrics: {interval: 10s, level: full}\n");
    collector("probe", "#!/bin/sh\necho kept $PPID $$; exec sleep 1000\n",
              "interval: 1s\ntimeout: 60s\n");
    apply();
    STAND_UNTIL(&stand, stand_logged(&stand, ": kept ") == 1);
    found = strstr(stand_log_text(&stand), ": kept ");
    cr_assert_eq(sscanf(found, ": kept %d %d", &keeper, &own), 2);
    cr_assert_eq(kill(keeper, SIGKILL), 0);
    STAND_UNTIL(&stand,
                stand_taken(&stand, "garnet.collector.run_accepted 0 collector=probe ") >= 1);
    STAND_UNTIL(&stand, kill(own, 0) < 0); /* the nursery has seen to what it kept */
    cr_assert_eq(stand_taken(&stand, "garnet.collector.duration"), 0, "nothing is known of it");
    end();
}

Test(collectors, one_that_hangs_is_killed_at_the_last_moment)
{
    int own = 0;

    begin("");
    collector("stuck", "#!/bin/sh\ntrap '' TERM\necho pid $$\nwhile :; do sleep 0.1; done\n",
              "mode: daemon\ninterval: 1s\ngrace: 60s\n");
    apply();
    STAND_UNTIL(&stand, stand_logged(&stand, ": pid ") == 1);
    cr_assert_eq(sscanf(strstr(stand_log_text(&stand), ": pid "), ": pid %d", &own), 1);
    collectors_stop(collectors);
    (void)loop_turn(stand.loop, 50 * NS_PER_MS);
    cr_assert_not(LIST_EMPTY(&collectors->list));
    collectors_kill(collectors);
    STAND_UNTIL(&stand, ndrained == 1);
    STAND_UNTIL(&stand, kill(own, 0) < 0);
    generation_unref(generation);
    stand_end(&stand);
}
