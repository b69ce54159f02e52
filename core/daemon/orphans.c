/* daemon/orphans.c - every child that garnetd has made is known to its loop; all others are
 * inherited, and killed.
 *
 * Looking costs a walk through /proc, so it is done only while there is a reason to, and for
 * plugins, whose reasons may be many, at most once a second. What hangs in the kernel does not end
 * by a signal: it is given up with a warning.
 */
#include "daemon/orphans.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"

static const int64_t orphans_again = 50 * NS_PER_MS, orphans_at_most = 5 * NS_PER_S;

struct search {
    struct loop *loop;
    unsigned found;
};

/* While the end of a child waits to be heard of, that may be the nursery's, and this one of its keepers, which
 * the loop then learns of: the next look sees. */
static void kill_unknown(void *arg, pid_t child)
{
    struct search *s = arg;

    if (loop_child_find(s->loop, child) != NULL)
        return;
    s->found++;
    if (!loop_child_ended(s->loop))
        kill(child, SIGKILL);
}

static void on_search(void *arg)
{
    struct orphans *o = arg;
    struct search s = {.loop = o->loop};

    process_children(getpid(), kill_unknown, &s);
    if (s.found > 0 && clock_mono() < o->until) {
        loop_timer_set(o->loop, &o->timer, clock_mono() + orphans_again, on_search, o);
        return;
    }
    if (s.found > 0)
        log_warn("%u processes that a plugin or a killed keeper has left do not end", s.found);
    o->over(o->arg);
}

void orphans_init(struct orphans *o, struct loop *l, void (*over)(void *arg), void *arg)
{
    *o = (struct orphans){.loop = l, .over = over, .arg = arg};
    if (prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) < 0)
        log_warn("cannot become a subreaper: %m; what a plugin or a killed keeper leaves may stay");
}

void orphans_search(struct orphans *o)
{
    o->until = clock_mono() + orphans_at_most;
    on_search(o);
}

void orphans_search_soon(struct orphans *o, bool hurry)
{
    int64_t now = clock_mono();

    o->until = now + orphans_at_most;
    if (hurry)
        loop_timer_set(o->loop, &o->timer, now, on_search, o);
    else if (!o->timer.armed)
        loop_timer_set(o->loop, &o->timer, now + NS_PER_S, on_search, o);
}

bool orphans_searching(const struct orphans *o)
{
    return o->timer.armed;
}
