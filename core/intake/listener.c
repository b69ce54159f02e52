/* intake/listener.c - a Unix socket in the file system, made safely; and accepting, whatever is short
 *
 * bind() alone takes a path, which nobody else can make lead elsewhere (intake/folder.h): the
 * socket is then looked for in the folder that was checked, and everything else is done there. What
 * stands in the way and is no socket is never removed. Making fails as the system calls do, with a
 * sentence.
 *
 * ACCEPTS connections are accepted in a turn. One descriptor is held in reserve: when there is no
 * other, it is given up for as long as it takes to accept a client and refuse it; without it the
 * client would wait without a word, and the listener stay readable. Where even that does not help
 * (no memory), all listeners pause for a second, and clients wait in the backlog.
 */
#include "intake/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/why.h"
#include "intake/folder.h"

enum { BACKLOG = 1024, ACCEPTS = 64 /* a turn */ };
static const struct rate REFUSALS = {.lines = 1, .per_ns = 10 * NS_PER_S};

/* --- making the socket --- */

static bool socket_failed(struct why *why, const char *what, const char *path)
{
    why_set(why, "cannot %s %s: %s", what, path, strerror(errno));
    return false;
}

static bool fill_address(struct sockaddr_un *sa, const char *path, struct why *why)
{
    size_t n = strlen(path);

    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n == 0 || n >= sizeof sa->sun_path) {
        why_set(why, "%.140s: the path of a socket has 1 to %zu bytes, not %zu", path,
                sizeof sa->sun_path - 1, n);
        return false;
    }
    memcpy(sa->sun_path, path, n);
    return true;
}

/* The caller holds the lock, so a socket that is there belongs to nobody any more. */
static bool remove_stale(int dir, const char *name, const char *path, struct why *why)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || socket_failed(why, "look at", path);
    if (!S_ISSOCK(st.st_mode)) {
        why_set(why, "%s is there and is not a socket: remove it, or choose another path", path);
        return false;
    }
    return unlinkat(dir, name, 0) == 0 || socket_failed(why, "remove the old socket", path);
}

/* Whether it is in `dir` now. */
static bool bind_private(int fd, const struct sockaddr_un *sa, int dir, const char *name)
{
    struct stat st;

    mode_t keep = umask(0177);
    int r = bind(fd, (const struct sockaddr *)sa, sizeof *sa);

    (void)umask(keep);
    if (r < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    errno = ESTALE; /* somebody moves folders this very moment */
    return S_ISSOCK(st.st_mode);
}

/* Nobody can connect before listen(), and by then owner, group and mode are what they should be. The
 * mode while it is ours still: changing somebody else's would take a capability more. */
static bool open_socket_up(int fd, const struct source_config *c, int dir, const char *name,
                           struct why *why)
{
    if (fchmodat(dir, name, c->mode, 0) < 0) /* in that folder nobody makes it a link */
        return socket_failed(why, "set the mode of", c->path);
    if ((c->uid != (uid_t)-1 || c->group != (gid_t)-1) &&
        fchownat(dir, name, c->uid, c->group, AT_SYMLINK_NOFOLLOW) < 0)
        return socket_failed(why, c->uid != (uid_t)-1 ? "set the owner of" : "set the group of",
                             c->path);
    return listen(fd, BACKLOG) == 0 || socket_failed(why, "listen on", c->path);
}

static int listen_in(int dir, const char *name, const struct source_config *c, struct why *why)
{
    struct sockaddr_un sa;
    int fd;

    if (!fill_address(&sa, c->path, why) || !remove_stale(dir, name, c->path, why))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_private(fd, &sa, dir, name)) {
        (void)socket_failed(why, "make the socket", c->path);
        fd_close(&fd);
        return -1;
    }
    fdpass_refuse(fd);
    if (open_socket_up(fd, c, dir, name, why))
        return fd;
    (void)unlinkat(dir, name, 0);
    fd_close(&fd);
    return -1;
}

static int make_socket(const struct source_config *c, struct why *why)
{
    const char *name;
    int dir = folder_make(c->path, c->own_groups, &name, why);
    int fd = dir < 0 ? -1 : listen_in(dir, name, c, why);

    fd_close(&dir);
    return fd;
}

/* --- refusing --- */

static void send_refusal(int fd, const char *why)
{
    char line[WHY_SIZE + 64];
    int n = snprintf(line, sizeof line,
                     "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"%s\"}]}\n", why);

    /* If it fits: a fresh socket is empty. */
    (void)send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void count_refused(struct listener *l, struct ratelimit *limit, const char *why)
{
    const char *collector = origin_collector(l->origin);
    uint64_t left_out;

    l->set->refused++;
    l->refused++;
    if (!ratelimit_take(limit, &REFUSALS, loop_now(l->set->loop), &left_out))
        return;
    log_warn("%s%s: refused a connection: %s",
             collector != NULL ? "collector " : "the shared socket",
             collector != NULL ? collector : "", why);
    if (left_out > 0)
        log_warn("and %" PRIu64 " more since the last such line", left_out);
}

static void refuse_connection(struct listener *l, int fd, struct ratelimit *limit, const char *why)
{
    count_refused(l, limit, why);
    send_refusal(fd, why);
    fdpass_close(&fd);
}

/* --- without descriptors --- */

static void fill_reserve(struct listeners *set)
{
    if (set->reserve < 0)
        set->reserve = eventfd(0, EFD_CLOEXEC);
}

static void watch_all(struct listeners *set, uint32_t events)
{
    struct listener *l;

    LIST_FOREACH (l, &set->all, all)
        loop_fd_mod(set->loop, &l->io, events);
}

static void listen_again(void *arg)
{
    struct listeners *set = arg;

    fill_reserve(set);
    watch_all(set, LOOP_IN);
}

static void pause_listening(struct listener *l, int error)
{
    struct listeners *set = l->set;

    count_refused(l, &set->starved, strerror(error));
    watch_all(set, 0);
    loop_timer_set(set->loop, &set->pause, loop_now(set->loop) + NS_PER_S, listen_again, set);
}

static int accept_one(const struct listener *l)
{
    return accept4(l->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* False: there was nobody after all. */
static bool refuse_by_reserve(struct listener *l, int error)
{
    struct listeners *set = l->set;
    bool had = set->reserve >= 0;
    int fd = -1;

    fd_close(&set->reserve);
    if (had)
        fd = accept_one(l);
    if (fd >= 0)
        refuse_connection(l, fd, &set->starved, "no descriptors left: try again later");
    else if (!had || errno != EAGAIN)
        pause_listening(l, error);
    fill_reserve(set);
    return fd >= 0;
}

/* --- accepting --- */

static void hand_connection(struct listener *l, int fd)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t n = sizeof peer;
    struct why why;

    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
    switch (l->accept(l->arg, fd, &peer, &why)) {
    case LISTENER_TAKEN:
        break;
    case LISTENER_REFUSED:
        refuse_connection(l, fd, &l->refusals, why.text);
        break;
    case LISTENER_NO_MEMORY:
        refuse_connection(l, fd, &l->set->starved, "no memory: try again later");
        break;
    }
}

static void accept_some(struct listener *l, unsigned most)
{
    while (most-- > 0 && !l->set->pause.armed) {
        int fd = accept_one(l);

        if (fd >= 0)
            hand_connection(l, fd);
        else if (errno == EAGAIN)
            return;
        else if (errno == EMFILE || errno == ENFILE) {
            if (!refuse_by_reserve(l, errno))
                return;
        } else if (errno != EINTR && errno != ECONNABORTED)
            pause_listening(l, errno);
    }
}

void listener_accept(struct listener *l)
{
    struct listeners *set = l->set;

    if (set->pause.armed) {
        loop_timer_clear(set->loop, &set->pause);
        listen_again(set);
    }
    accept_some(l, BACKLOG + 1); /* the kernel takes one more than it was told */
}

static void on_listener(void *arg, uint32_t events)
{
    (void)events;
    accept_some(arg, ACCEPTS);
}

bool listener_awaited(const struct listener *l)
{
    struct pollfd p = {.fd = l->io.fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* --- beginning and end --- */

void listeners_init(struct listeners *set, struct loop *l)
{
    *set = (struct listeners){.loop = l, .reserve = -1};
    LIST_INIT(&set->all);
    fill_reserve(set); /* without it all works but the refusal for want of one */
}

void listeners_free(struct listeners *set)
{
    loop_timer_clear(set->loop, &set->pause);
    fd_close(&set->reserve);
}

bool listener_open(struct listener *l, struct listeners *set, const struct origin *origin,
                   const struct source_config *c, listener_accept_fn *accept, void *arg,
                   struct why *why)
{
    int fd = make_socket(c, why);

    *l = (struct listener){.set = set, .origin = origin, .accept = accept, .arg = arg};
    if (fd < 0)
        return false;
    if (loop_fd_add(set->loop, &l->io, fd, set->pause.armed ? 0 : LOOP_IN, on_listener, l) < 0) {
        why_set(why, "cannot watch %s: %s", c->path, strerror(errno));
        folder_remove_socket(c->path, c->own_groups);
        fd_close(&fd);
        return false;
    }
    LIST_INSERT_HEAD(&set->all, l, all);
    set->n++;
    return true;
}

void listener_close(struct listener *l)
{
    int fd = l->io.fd;

    /* nobody else comes, and who has come is not lost */
    folder_remove_socket(origin_path(l->origin), origin_own_groups(l->origin));
    listener_accept(l);
    loop_fd_del(l->set->loop, &l->io);
    fd_close(&fd);
    LIST_REMOVE(l, all);
    l->set->n--;
}
