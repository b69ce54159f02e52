/* cli/run_once.c - collect/collector.h with one run, and a source of an intake of its own
 *
 * The folder of the socket is 0711, so that the collector's user gets through and nobody can list it; the socket itself is
 * 0600 and that user's. What fails on the way there is undone.
 */
#include "cli/run_once.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/program.h"
#include "collect/collector.h"
#include "daemon/sockets.h"
#include "intake/intake.h"

static const int64_t END_MOST = NS_PER_S; /* for what was sent and is not read yet; for keepers */

struct once {
    const struct run_order *order;
    struct run_result *result;
    struct loop *loop;
    struct keepers keepers;
    struct intake *intake;
    struct source *source;
    struct collector collector;
    struct loop_hook after;
    struct loop_timer most;
    char dir[64], socket[160];
    bool kept, gone; /* there are keepers; nothing of the run is left */
};

/* --- its end --- */

static void stop(struct once *o, enum run_stop why)
{
    if (o->result->stop == RUN_STOP_NONE && !o->collector.stopping)
        o->result->stop = why;
    collector_stop(&o->collector);
}

static void on_signal(void *arg)
{
    struct once *o = arg;
    bool again = o->result->stop != RUN_STOP_NONE;

    stop(o, RUN_STOP_SIGNAL);
    if (!again || !collector_runs(&o->collector))
        return;
    o->result->stop = RUN_STOP_KILL;
    collector_abandon(&o->collector);
}

static void on_most(void *arg)
{
    stop(arg, RUN_STOP_TIME);
}

/* --- what becomes of it --- */

static int take_batch(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                      struct why *why)
{
    struct once *o = arg;

    (void)count, (void)ticket, (void)why;
    if (!o->order->metrics(o->order->arg, (struct str){records, n}))
        stop(o, RUN_STOP_OUTPUT);
    return 0;
}

static void on_started(void *arg, int64_t slot_ns)
{
    const struct once *o = arg;

    source_run(o->source, slot_ns);
}

static void on_ended(void *arg, const struct run_receipt *r)
{
    struct once *o = arg;
    uint64_t accepted, rejected;

    source_run_end(o->source, &accepted, &rejected);
    o->result->receipt = *r;
    if (r->outcome == OUTCOME_OK && accepted + rejected == 0)
        journal_fruitless(&o->collector.journal, o->order->collector->output);
    collector_stop(&o->collector);
}

static void on_gone(void *arg)
{
    struct once *o = arg;

    collector_end(&o->collector);
    o->gone = true;
}

static uint64_t taken(void *arg)
{
    const struct once *o = arg;

    return source_counts(o->source)->taken;
}

static int64_t withheld(void *arg)
{
    const struct once *o = arg;

    return source_withheld(o->source);
}

static void on_turn_end(void *arg)
{
    const struct once *o = arg;

    o->order->turn(o->order->arg);
}

/* --- its beginning --- */

/* Below /tmp, where any user gets through. */
static bool make_socket_folder(struct once *o, struct why *why)
{
    struct conf_collector *k = o->order->collector;

    (void)snprintf(o->dir, sizeof o->dir, "/tmp/garnet-run.XXXXXX");
    if (mkdtemp(o->dir) == NULL) {
        (void)why_set(why, "cannot make the folder %s: %m", o->dir);
        o->dir[0] = 0;
        return false;
    }
    (void)snprintf(o->socket, sizeof o->socket, "%s/%s.sock", o->dir, k->name);
    k->socket = o->socket;
    return chmod(o->dir, 0711) == 0 || why_set(why, "cannot open %s: %m", o->dir);
}

static bool begin_once(struct once *o, struct why *why)
{
    static const struct nursery_work work = {keeper_keep_runs, NULL};
    const struct run_order *order = o->order;

    if ((o->loop = loop_new()) == NULL || keepers_init(&o->keepers, o->loop, &work) < 0)
        return why_set(why, "cannot begin: %m");
    o->kept = true;
    o->intake = intake_new(o->loop, &order->conf->intake, take_batch, o);
    if (o->intake == NULL)
        return why_set(why, "cannot begin: out of memory");
    return make_socket_folder(o, why) &&
           sockets_open_own(&o->source, o->intake, order->conf, order->collector, why);
}

static void carry_out(struct once *o)
{
    static char converter[PROGRAM_PATH];
    const struct run_order *order = o->order;
    const struct origin_counts *n;
    int64_t until;
    const struct collector_events ev = {o, on_started, on_ended, on_gone, taken, withheld};

    collector_start(&o->collector,
                    &(struct collector_means){&o->keepers, order->conf->host,
                                              program_beside(converter, "garnet-convert",
                                                             GARNET_LIBEXEC_DIR "/garnet-convert")},
                    order->collector, &ev);
    if (order->turn != NULL)
        loop_after(o->loop, &o->after, on_turn_end, o);
    loop_signal(o->loop, SIGINT, on_signal, o);
    loop_signal(o->loop, SIGTERM, on_signal, o);
    loop_signal(o->loop, SIGHUP, on_signal, o);
    if (order->most > 0)
        loop_timer_set(o->loop, &o->most, clock_mono() + order->most, on_most, o);
    collector_once(&o->collector, clock_wall() / NS_PER_S * NS_PER_S);
    while (!o->gone)
        (void)loop_turn(o->loop, -1);
    until = clock_mono() + END_MOST;
    while (!intake_quiet(o->intake) && clock_mono() < until)
        (void)loop_turn(o->loop, END_MOST / 100);
    n = source_counts(o->source);
    o->result->accepted = n->accepted;
    o->result->rejected = n->rejected;
}

static void end(struct once *o)
{
    if (o->source != NULL)
        source_close(o->source);
    intake_free(o->intake);
    if (o->dir[0] != 0)
        (void)rmdir(o->dir);
    if (o->kept)
        keepers_free(&o->keepers, clock_mono() + END_MOST);
    if (o->loop != NULL)
        loop_free(o->loop);
}

bool run_once(const struct run_order *order, struct run_result *r, struct why *why)
{
    static struct once o; /* static: timers and hooks in it outlive this frame */
    bool begun;

    *r = (struct run_result){.receipt.outcome = OUTCOME_STOPPED};
    o = (struct once){.order = order, .result = r};
    begun = begin_once(&o, why);
    if (begun)
        carry_out(&o);
    end(&o);
    return begun;
}
