/* cli/drill.c - the steps, what they show, and what the peer has in the end
 *
 * A step that fails ends the drill: what follows would say nothing new.
 */
#include "cli/drill.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/terminal.h"
#include "cli/drill_record.h"
#include "cli/drill_report.h"
#include "cli/drill_worker.h"
#include "plugin/plugin.h"
#include "supervise/verdict.h"

enum { LOT = 1000, TERMS = 3, KILLS = 5 };
static const int64_t PATIENCE = 60 * NS_PER_S; /* more than the longest pause after RETRY, twice */
static const int64_t BROKEN = 3 * NS_PER_S;
static const int64_t END = 10 * NS_PER_S;    /* what garnetd waits for at its end, by default */
static const int64_t LATER = 60 * NS_PER_MS; /* each time */
static const int64_t A_WHILE = NS_PER_S;     /* what takes longer is worth a look */

struct drill {
    struct drill_worker worker;
    const struct drill_peer *peer;
    const char *harmless; /* why what comes twice does no harm; NULL: it does */
    struct drill_report report;
};

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

/* --- a worker, as the steps need it --- */

static bool fail_system(struct drill *d, const char *what)
{
    return drill_fail(&d->report, "cannot %s: %s", what, strerror(errno));
}

static bool fail_death(struct drill *d, const char *step)
{
    const struct ending e = {.status = d->worker.status, .finished = d->worker.finished};
    char how[200];

    ending_describe(&e, how, sizeof how);
    return drill_fail(&d->report, "%s: %s", step, how);
}

static bool begin_drilled(struct drill *d, const char *step)
{
    if (!drill_worker_start(&d->worker))
        return fail_system(d, "start a worker");
    switch (drill_worker_wait(&d->worker, DRILL_READY, PATIENCE)) {
    case DRILL_DONE:
        return true;
    case DRILL_LATE:
        return drill_fail(&d->report, "%s: its open() has not come to an end within %.0f s", step,
                          seconds(PATIENCE));
    case DRILL_DIED:
        break;
    }
    return fail_death(d, step);
}

/* Ends it, and how long that took. SIGALRM is what ends one that does not come back after its SIGTERM. */
static int64_t end_drilled(struct drill *d, int signo)
{
    int64_t began = clock_mono();

    drill_worker_stop(&d->worker, signo);
    if (drill_worker_wait(&d->worker, DRILL_ENDED, END) != DRILL_DONE) {
        drill_worker_stop(&d->worker, SIGKILL);
        (void)drill_worker_wait(&d->worker, DRILL_ENDED, PATIENCE);
    }
    return clock_mono() - began;
}

static bool was_cut_off(const struct drill *d)
{
    int status = d->worker.status;

    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGKILL);
}

/* Until all is confirmed. False after a line. */
static bool settle(struct drill *d, const char *step)
{
    enum drill_wait how = drill_worker_wait(&d->worker, DRILL_SETTLED, PATIENCE);
    struct cursor_state at = drill_worker_cursor(&d->worker);

    if (how == DRILL_DIED)
        return fail_death(d, step);
    if (how == DRILL_DONE)
        return true;
    return drill_fail(&d->report,
                      "%s: after %.0f s %" PRIu64 " of %" PRIu64
                      " metrics have no answer: deliver() must come to OK or REJECT, or "
                      "confirm() to the end of each batch that is PENDING",
                      step, seconds(PATIENCE), d->worker.accepted - (at.position - at.start),
                      d->worker.accepted);
}

/* --- the steps --- */

static void enter_step(struct drill *d, const char *name)
{
    drill_begin(&d->report, name, d->worker.accepted);
}

static bool deliver_a_lot(struct drill *d)
{
    int64_t began;

    enter_step(d, "a plain load");
    if (!begin_drilled(d, "a plain load"))
        return false;
    began = clock_mono();
    if (!drill_worker_accept(&d->worker, LOT))
        return fail_system(d, "write to the spool");
    if (!settle(d, "a plain load"))
        return false;
    drill_tell("ok  ", "a plain load: %d metrics are confirmed after %.2f s", LOT,
               seconds(clock_mono() - began));
    return true;
}

/* Asked to deliver what is there, and to end then: as at a reload, or when garnetd ends. */
static bool end_in_order(struct drill *d)
{
    struct cursor_state at;
    int64_t took;

    enter_step(d, "an end in order");
    if (!drill_worker_accept(&d->worker, LOT))
        return fail_system(d, "write to the spool");
    took = end_drilled(d, 0);
    at = drill_worker_cursor(&d->worker);
    if (!was_cut_off(d) && d->worker.status != 0)
        return fail_death(d, "an end in order");
    drill_tell(took > A_WHILE ? "look" : "ok  ",
               "an end in order took %.2f s%s, and left %" PRIu64 " metrics to the next worker",
               seconds(took), was_cut_off(d) ? ", until the worker was killed" : "",
               d->worker.accepted - (at.position - at.start));
    return begin_drilled(d, "an end in order") && settle(d, "an end in order");
}

/* While something is under way; then the next worker goes on. */
static bool end_at_work(struct drill *d, const char *name, int signo, int times)
{
    uint64_t doubt = d->worker.doubt;
    int64_t took, longest = 0;
    int cut_off = 0;

    enter_step(d, name);
    for (int i = 0; i < times; i++) {
        if (!settle(d, name))
            return false;
        if (!drill_worker_accept(&d->worker, LOT))
            return fail_system(d, "write to the spool");
        if (drill_worker_wait(&d->worker, DRILL_AT_WORK, PATIENCE) == DRILL_DIED)
            return fail_death(d, name);
        /* The more time, the more of it is done: then what counts is what it did with that. */
        if (drill_worker_wait(&d->worker, DRILL_SETTLED, i * LATER) == DRILL_DIED)
            return fail_death(d, name);
        took = end_drilled(d, signo);
        longest = took > longest ? took : longest;
        cut_off += signo == SIGTERM && was_cut_off(d);
        if (!was_cut_off(d) && d->worker.status != 0)
            return fail_death(d, name);
        if (!begin_drilled(d, name))
            return false;
    }
    if (!settle(d, name))
        return false;
    if (cut_off > 0)
        drill_tell(
            "look",
            "%s: %d of %d times deliver(), event() or close() did not come back within 2 s, and "
            "the "
            "worker was killed: a signal ends a system call with EINTR, then answer RETRY",
            name, cut_off, times);
    else
        drill_tell("ok  ",
                   "%s: %d times while it was at work, %.2f s at the longest; %" PRIu64
                   " metrics had no answer by then, or none on record yet, and went out once more",
                   name, times, seconds(longest), d->worker.doubt - doubt);
    return true;
}

static bool run_command(struct drill *d, const char *command)
{
    int status;

    (void)fflush(stdout);
    status = system(command); /* NOLINT(cert-env33-c): it is the user's, on his command line */
    if (status == 0)
        return true;
    return drill_fail(&d->report, "the command \"%s\" ended with status %d", command,
                      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* What comes while it is broken waits; the worker is ended meanwhile, and the next one begins. */
static bool break_peer(struct drill *d, const char *breaks, const char *mends)
{
    uint64_t doubt = d->worker.doubt;
    int64_t took, began;
    bool ok, cut_off;

    enter_step(d, breaks);
    if (!run_command(d, breaks))
        return false;
    ok = drill_worker_accept(&d->worker, LOT) || fail_system(d, "write to the spool");
    if (ok && drill_worker_wait(&d->worker, DRILL_SETTLED, BROKEN) == DRILL_DIED)
        ok = fail_death(d, breaks);
    took = ok ? end_drilled(d, SIGTERM) : 0;
    cut_off = was_cut_off(d);
    if (ok && !cut_off && d->worker.status != 0)
        ok = fail_death(d, breaks);
    ok = ok && (drill_worker_start(&d->worker) || fail_system(d, "start a worker"));
    if (!run_command(d, mends) || !ok)
        return false;
    began = clock_mono();
    if (!settle(d, breaks))
        return false;
    if (cut_off)
        drill_tell("look", "%s: the worker had to be killed 2 s after its SIGTERM", breaks);
    else if (took > A_WHILE)
        drill_tell("look", "%s: a stop took %.2f s", breaks, seconds(took));
    drill_tell("ok  ",
               "%s: all is confirmed %.2f s after \"%s\"; %" PRIu64 " metrics went out once more",
               breaks, seconds(clock_mono() - began), mends, d->worker.doubt - doubt);
    return true;
}

static bool drill_steps(struct drill *d)
{
    const struct drill_peer *p = d->peer;

    if (!deliver_a_lot(d) || !end_in_order(d) ||
        !end_at_work(d, "SIGTERM, and close()", SIGTERM, TERMS) ||
        !end_at_work(d, "kill -9", SIGKILL, KILLS))
        return false;
    for (size_t i = 0; i < p->nbreaks; i++)
        if (!break_peer(d, p->breaks[i], p->mends[i]))
            return false;
    if (p->nbreaks == 0)
        drill_tell(
            "look",
            "no peer that hangs or is down was tried: give --break COMMAND and --mend COMMAND");
    (void)end_drilled(d, 0);
    return true;
}

/* --- what the peer has --- */

static void judge_lost(struct drill *d, const struct drill_record *r, uint64_t dropped)
{
    uint64_t n = d->worker.accepted;

    if (r->missing <= dropped)
        drill_tell("ok  ",
                   "nothing is lost: the peer has all %" PRIu64 " metrics that were acknowledged",
                   n - dropped);
    else if (r->missing == n)
        (void)drill_fail(
            &d->report,
            "none of the metrics is in what \"%s\" prints: does it print names, and is it of "
            "this peer?",
            d->peer->received);
    else
        (void)drill_fail(
            &d->report,
            "%" PRIu64
            " metrics are lost: they were acknowledged, and the peer does not have them, "
            "the first of them from \"%s\": answer OK when the bytes have arrived, and leave to "
            "the next worker what has not in close()",
            r->missing - dropped, drill_step_of(&d->report, r->first_missing));
}

static void judge_twice(struct drill *d, const struct drill_record *r)
{
    uint64_t doubt = d->worker.doubt;

    if (r->twice == 0)
        drill_tell("ok  ", "nothing came twice");
    else if (d->harmless != NULL)
        drill_tell("ok  ", "%" PRIu64 " metrics came twice, which does no harm: %s", r->twice,
                   d->harmless);
    else if (r->twice <= doubt)
        drill_tell("look",
                   "%" PRIu64 " metrics came twice, of %" PRIu64
                   " without an answer when a worker ended: they count as in_doubt",
                   r->twice, doubt);
    else
        (void)drill_fail(&d->report,
                         "%" PRIu64 " metrics came twice, and only %" PRIu64
                         " had no answer on record when a worker ended: it must not answer RETRY "
                         "for what has arrived, "
                         "or it is idempotent and should say so",
                         r->twice, doubt);
}

static void judge_peer(struct drill *d)
{
    const struct drill_worker *w = &d->worker;
    struct cursor_state at = drill_worker_cursor(w);
    struct drill_record r;
    uint64_t dropped = 0;

    for (unsigned i = 0; i < DROP_REASONS; i++)
        dropped += at.dropped[i];
    if (dropped > 0)
        drill_tell("look", "%" PRIu64 " metrics were rejected or skipped; the log above says why",
                   dropped);
    if (d->peer->received == NULL) {
        drill_tell("look",
                   "%" PRIu64 " metrics were acknowledged, %" PRIu64
                   " of them may have come twice; whether they arrived is not known: "
                   "give --received COMMAND",
                   w->accepted - dropped, w->doubt);
    } else if (drill_record_ask(&r, d->peer->received, w->mark, w->accepted, dropped)) {
        judge_lost(d, &r, dropped);
        judge_twice(d, &r);
    } else {
        (void)fail_system(d, "read what --received prints");
    }
}

/* --- the whole --- */

/* In this process, where it is closed again at once: the checks before have had it in one of their own. */
static bool may_be_drilled(struct drill *d, const char *file)
{
    struct plugin p;
    bool ok = plugin_load(&p, file);

    if (!ok)
        (void)drill_fail(&d->report, "%s", plugin_why(&p));
    else if (p.def.deliver == NULL)
        ok = drill_fail(&d->report,
                        "plugin %s does not deliver by itself: --deliver is for those that do",
                        p.def.name);
    if (ok && (p.def.flags & GARNET_LIVE) != 0)
        d->harmless = "one that is asked for the present is given again what it had";
    if (ok && (p.def.flags & GARNET_IDEMPOTENT) != 0)
        d->harmless = "it is idempotent";
    plugin_unload(&p);
    return ok;
}

int drill_run(const char *file, char *const options[], size_t n, const struct drill_peer *peer)
{
    struct drill *d = calloc(1, sizeof *d);
    struct errors e = {0};
    int status;

    if (d == NULL)
        return EXIT_WORLD;
    d->peer = peer;
    d->worker.control = -1;
    if (may_be_drilled(d, file)) {
        if (!drill_worker_open(&d->worker, file, options, n, &e)) {
            d->report.failed = true;
            say_text(stdout, (struct str){e.text.p, e.text.n});
        } else if (drill_steps(d)) {
            judge_peer(d);
        }
        drill_worker_close(&d->worker);
    }
    errors_free(&e);
    status = d->report.failed ? EXIT_CONFIG : 0;
    free(d);
    return status;
}
