/* intake/accept.c - who may connect: the caps, and what those beyond them are told
 *
 * A client too many, for whom none gives way (intake/share.c), gets one line that says so and is
 * closed; that costs a few microseconds, and ACCEPTS of them are done in a turn. Connections do not
 * use up the descriptors that runs and files need, nor the shared socket's those of collectors.
 *
 * Accepting never fails for good. One descriptor is held in reserve: when there is no other, it is
 * given up for as long as it takes to accept a client and refuse it; without it the client would
 * wait without a word, and the listener stay readable. Where even that does not help (no memory),
 * all sources stop listening for a second, and clients wait in the backlog.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/ratelimit.h"
#include "intake/conn.h"

enum { ACCEPTS = 64 /* a turn */ };
static const struct rate REFUSALS = {.lines = 1, .per_ns = 10 * NS_PER_S};
/* Descriptors that connections leave: for the daemon, and for each socket (a run's pipes). */
enum { SPARE = 32, SPARE_EACH = 4 };

static const char NO_DESCRIPTORS[] = "no descriptors left: try again later";

/* --- refusing --- */

static void tell(int fd, const char *why)
{
    char line[192];
    int n = snprintf(line, sizeof line,
                     "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"%s\"}]}\n", why);

    /* If it fits: a fresh socket is empty. */
    (void)send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void count_refused(struct source *s, struct ratelimit *h, const char *why)
{
    struct intake *in = s->in;
    uint64_t left_out;

    in->refused++;
    s->refused++;
    if (!ratelimit_take(h, &REFUSALS, loop_now(in->loop), &left_out))
        return;
    log_warn("%s%s: refused a connection: %s", s->name != NULL ? "collector " : "the shared socket",
             s->name != NULL ? s->name : "", why);
    if (left_out > 0)
        log_warn("and %" PRIu64 " more since the last such line", left_out);
}

static void refuse(struct source *s, int fd, struct ratelimit *h, const char *why)
{
    count_refused(s, h, why);
    tell(fd, why);
    fdpass_close(&fd);
}

/* --- without descriptors --- */

static void fill_reserve(struct intake *in)
{
    if (in->reserve < 0)
        in->reserve = eventfd(0, EFD_CLOEXEC);
}

static void listen_again(void *arg)
{
    struct intake *in = arg;

    fill_reserve(in);
    for (struct source *s = in->sources; s != NULL; s = s->next)
        loop_fd_mod(in->loop, &s->listener, LOOP_IN);
}

static void pause_listening(struct source *s, int error)
{
    struct intake *in = s->in;

    count_refused(s, &in->starved, strerror(error));
    for (struct source *each = in->sources; each != NULL; each = each->next)
        loop_fd_mod(in->loop, &each->listener, 0);
    loop_timer_set(in->loop, &in->pause, loop_now(in->loop) + NS_PER_S, listen_again, in);
}

/* False: there was nobody after all. */
static bool refuse_by_reserve(struct source *s, int error)
{
    struct intake *in = s->in;
    bool had = in->reserve >= 0;
    int fd = -1;

    fd_close(&in->reserve);
    if (had)
        fd = accept4(s->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        refuse(s, fd, &in->starved, NO_DESCRIPTORS);
    else if (!had || errno != EAGAIN)
        pause_listening(s, error);
    fill_reserve(in);
    return fd >= 0;
}

/* --- accepting --- */

/* What garnetd needs for itself (runs, workers, files, and on the shared socket the collectors'
 * connections too) is left free. */
static bool few_descriptors(const struct source *s, int fd)
{
    struct rlimit l;
    rlim_t keep = SPARE;

    if (getrlimit(RLIMIT_NOFILE, &l) < 0 || (rlim_t)fd < l.rlim_cur / 2)
        return false;
    for (const struct source *each = s->in->sources; each != NULL; each = each->next)
        keep += SPARE_EACH;
    if (s->name == NULL)
        keep *= 2;
    return (rlim_t)fd + (keep < l.rlim_cur / 2 ? keep : l.rlim_cur / 2) >= l.rlim_cur;
}

/* Whoever has most makes room; where it is about descriptors, on the shared socket first. */
static struct conn *who_gives_way(const struct source *s, bool few)
{
    struct intake *in = s->in;
    struct conn *c = few ? share_silent(share_largest(&in->users), 0) : NULL;

    return c != NULL ? c : share_silent(share_largest(share_pool(s)), 0);
}

/* Makes room if need be. False: there is none, and why. */
static bool make_room(const struct source *s, uid_t uid, bool few, char why[96])
{
    const struct conf_intake *max = &s->in->limits;
    const struct owner *o = share_owner(s, uid);
    bool full = share_pool(s)->connections >= max->max_connections;
    bool filled = o != NULL && o->connections >= max->max_connections_per_user;
    struct conn *c;

    if (!full && !filled && !few)
        return true;
    c = filled ? share_silent(o, max->idle) : who_gives_way(s, few);
    if (c != NULL) {
        share_give_way(c);
        return true;
    }
    if (full)
        (void)snprintf(why, 96, "too many connections: at most %" PRId64, max->max_connections);
    else if (!filled)
        (void)snprintf(why, 96, "%s", NO_DESCRIPTORS);
    else if (s->name != NULL)
        (void)snprintf(why, 96, "too many connections of this collector: at most %" PRId64,
                       max->max_connections_per_user);
    else
        (void)snprintf(why, 96, "too many connections of user %lu: at most %" PRId64,
                       (unsigned long)uid, max->max_connections_per_user);
    return false;
}

static void take_connection(struct source *s, int fd)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t n = sizeof peer;
    char why[96];

    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
    if (!make_room(s, peer.uid, few_descriptors(s, fd), why))
        refuse(s, fd, &s->refusals, why);
    else if (!conn_new(s, fd, &peer))
        refuse(s, fd, &s->in->starved, "no memory: try again later");
    else
        intake_sweep(s->in);
}

void accept_some(struct source *s, unsigned most)
{
    while (most-- > 0 && !s->in->pause.armed) {
        int fd = accept4(s->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            take_connection(s, fd);
        else if (errno == EAGAIN)
            return;
        else if (errno == EMFILE || errno == ENFILE) {
            if (!refuse_by_reserve(s, errno))
                return;
        } else if (errno != EINTR && errno != ECONNABORTED)
            pause_listening(s, errno);
    }
}

/* A pause is cut short. */
void source_accept(struct source *s)
{
    if (s->in->pause.armed) {
        loop_timer_clear(s->in->loop, &s->in->pause);
        listen_again(s->in);
    }
    accept_some(s, BACKLOG + 1); /* the kernel takes one more than it was told */
}

void accept_ready(void *arg, uint32_t events)
{
    (void)events;
    accept_some(arg, ACCEPTS);
}
