/* What a keeper that was killed from outside has left, or a sink's plugin: garnetd inherits it, and
 * ends it.
 *
 * garnetd is a subreaper, so whatever loses its keeper becomes its child. Every child of its own
 * making is known to the loop; all others are killed, until none is left, and garnetd does not end
 * before that. Looking costs a walk through /proc, so it is done only while there is a reason to,
 * and for plugins, whose reasons may be many, at most once a second.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "daemon/daemon.h"

static const int64_t again = 50 * NS_PER_MS, for_at_most = 5 * NS_PER_S;

struct search {
    struct loop *loop;
    unsigned found;
};

static void kill_unknown(void *arg, pid_t child)
{
    struct search *s = arg;
    if (loop_child_known(s->loop, child))
        return;
    s->found++;
    kill(child, SIGKILL);
}

static void look(void *arg)
{
    struct daemon *d = arg;
    struct search s = {.loop = d->loop};
    process_children(getpid(), kill_unknown, &s);
    if (s.found > 0 && clock_mono() < d->orphans_until)
        loop_timer_set(d->loop, &d->orphans, clock_mono() + again, look, d);
    else if (s.found > 0)
        log_warn("%u processes that a plugin or a killed keeper has left do not end", s.found);
    daemon_next(d);
}

void orphans_start(void)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) < 0)
        log_warn("cannot become a subreaper: %m; what a plugin or a killed keeper leaves may stay");
}

void orphans_end(struct daemon *d)
{
    d->orphans_until = clock_mono() + for_at_most;
    look(d);
}

void orphans_soon(struct daemon *d)
{
    int64_t now = clock_mono();

    d->orphans_until = now + for_at_most;
    if (d->phase == PHASE_SINKS)
        loop_timer_set(d->loop, &d->orphans, now, look, d);
    else if (!d->orphans.armed)
        loop_timer_set(d->loop, &d->orphans, now + NS_PER_S, look, d);
}
