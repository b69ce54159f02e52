/* intake/source.c - one listening socket: made safely, accepting without end or hurry
 *
 * Opening fails as its system calls do, with a sentence, and leaves nothing behind; what stands in
 * the way and is no socket is never removed. Accepting never fails for good: without descriptors
 * all sources stop listening for a second, and a client too many is told so and closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/spawn.h"
#include "intake/conn.h"
#include "intake/folder.h"

enum { BACKLOG = 1024, ACCEPTS = 64 /* a turn */, WHY = 256 };

/* --- accepting --- */

static void listen_again(void *arg)
{
    struct intake *in = arg;

    for (struct source *s = in->sources; s != NULL; s = s->next)
        loop_fd_mod(in->loop, &s->listener, LOOP_IN);
}

/* There is no descriptor, or no memory: waiting clients stay in the backlog. */
static void pause_listening(struct intake *in)
{
    in->refused++;
    if (!in->paused_said)
        log_warn("cannot accept a connection: %m: trying again every second");
    in->paused_said = true;
    for (struct source *s = in->sources; s != NULL; s = s->next)
        loop_fd_mod(in->loop, &s->listener, 0);
    loop_timer_set(in->loop, &in->pause, loop_now(in->loop) + NS_PER_S, listen_again, in);
}

static void refuse(struct intake *in, int fd)
{
    char line[128];
    int n =
        snprintf(line, sizeof line,
                 "{\"accepted\":0,\"rejected\":0,\"errors\":[{\"error\":\"too many connections: at "
                 "most %lld\"}]}\n",
                 (long long)in->limits.max_connections);

    in->refused++;
    if (!in->full_said)
        log_warn("refused a connection: there are %u, the limit", in->nclients);
    in->full_said = true;
    (void)send(fd, line, (size_t)n,
               MSG_DONTWAIT | MSG_NOSIGNAL); /* if it fits: a fresh socket is empty */
    close_fd(&fd);
}

static void take_connection(struct source *s, int fd)
{
    struct intake *in = s->in;

    in->paused_said = false;
    if (in->nclients >= in->limits.max_connections) {
        refuse(in, fd);
        return;
    }
    in->full_said = false;
    if (conn_new(s, fd)) {
        intake_sweep(in);
        return;
    }
    in->refused++;
    log_warn("cannot take a connection: no memory");
}

static void accept_some(struct source *s, unsigned most)
{
    while (most-- > 0 && !s->in->pause.armed) {
        int fd = accept4(s->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            take_connection(s, fd);
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR && errno != ECONNABORTED)
            pause_listening(s->in);
    }
}

static void on_connection(void *arg, uint32_t events)
{
    (void)events;
    accept_some(arg, ACCEPTS);
}

void source_run(struct source *s, int64_t slot_ns)
{
    s->run_accepted = s->run_rejected = 0;
    s->slot_ns = slot_ns;
}

void source_accept(struct source *s)
{
    accept_some(s, BACKLOG);
}

/* --- settings --- */

static bool add_tags(struct arena *a, struct source *s, const struct pairs *tags)
{
    for (size_t i = 0; tags != NULL && i < tags->n; i++) {
        const char *key = arena_strdup(a, tags->v[i].key), *val = arena_strdup(a, tags->v[i].val);

        if (key == NULL || val == NULL ||
            !metric_tag(s->tags, &s->ntags, str_of(key), str_of(val), true))
            return false;
    }
    return true;
}

/* Fills *s with copies of all that c says. False when there is no memory, or too many tags. */
static bool configure(struct source *s, const struct source_config *c, const char *path,
                      const char *name)
{
    struct arena a = {0};

    s->ntags = 0;
    s->path = arena_strdup(&a, path);
    s->name = name != NULL ? arena_strdup(&a, name) : NULL;
    s->prefix = c->prefix != NULL ? arena_strdup(&a, c->prefix) : NULL;
    s->interval_ns = c->interval_ns;
    if (!add_tags(&a, s, c->tags[0]) || !add_tags(&a, s, c->tags[1]) || !arena_ok(&a)) {
        arena_free(&a);
        return false;
    }
    arena_free(&s->memory);
    s->memory = a;
    return true;
}

bool source_update(struct source *s, const struct source_config *c)
{
    struct source old = *s;

    if (configure(s, c, old.path, old.name))
        return true;
    s->path = old.path;
    s->name = old.name;
    s->prefix = old.prefix;
    s->interval_ns = old.interval_ns;
    s->ntags = old.ntags;
    memcpy(s->tags, old.tags, sizeof s->tags);
    return false;
}

/* --- the socket --- */

static bool failed(char why[WHY], const char *what, const char *path)
{
    (void)snprintf(why, WHY, "cannot %s %s: %s", what, path, strerror(errno));
    return false;
}

static bool fill_address(struct sockaddr_un *sa, const char *path, char why[WHY])
{
    size_t n = strlen(path);

    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n == 0 || n >= sizeof sa->sun_path) {
        (void)snprintf(why, WHY, "%.140s: the path of a socket has 1 to %zu bytes, not %zu", path,
                       sizeof sa->sun_path - 1, n);
        return false;
    }
    memcpy(sa->sun_path, path, n);
    return true;
}

/* The caller holds the lock, so a socket that is there belongs to nobody any more. */
static bool remove_stale(const char *path, char why[WHY])
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT || failed(why, "look at", path);
    if (!S_ISSOCK(st.st_mode)) {
        (void)snprintf(why, WHY,
                       "%s is there and is not a socket: remove it, or choose another path", path);
        return false;
    }
    return unlink(path) == 0 || failed(why, "remove the old socket", path);
}

static bool bind_private(int fd, const struct sockaddr_un *sa)
{
    mode_t keep = umask(0177);
    int r = bind(fd, (const struct sockaddr *)sa, sizeof *sa);

    (void)umask(keep);
    return r == 0;
}

/* Nobody can connect before listen(), and by then group and mode are what they should be. */
static bool open_up(int fd, const struct source_config *c, char why[WHY])
{
    if (c->group != (gid_t)-1 && lchown(c->path, (uid_t)-1, c->group) < 0)
        return failed(why, "set the group of", c->path);
    if (chmod(c->path, c->mode) < 0)
        return failed(why, "set the mode of", c->path);
    return listen(fd, BACKLOG) == 0 || failed(why, "listen on", c->path);
}

static int make_socket(const struct source_config *c, char why[WHY])
{
    struct sockaddr_un sa;
    int fd;

    if (!fill_address(&sa, c->path, why) || !make_folder_of(c->path, why) ||
        !remove_stale(c->path, why))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_private(fd, &sa)) {
        (void)failed(why, "make the socket", c->path);
        close_fd(&fd);
        return -1;
    }
    if (open_up(fd, c, why))
        return fd;
    (void)unlink(c->path);
    close_fd(&fd);
    return -1;
}

static bool start_listening(struct source *s, const struct source_config *c, char why[WHY])
{
    struct intake *in = s->in;
    int fd = make_socket(c, why);

    if (fd < 0)
        return false;
    if (loop_fd_add(in->loop, &s->listener, fd, in->pause.armed ? 0 : LOOP_IN, on_connection, s) ==
        0)
        return true;
    (void)failed(why, "watch", c->path);
    (void)unlink(c->path);
    close_fd(&fd);
    return false;
}

/* --- beginning and end --- */

struct source *source_open(struct intake *in, const struct source_config *c, char why[WHY])
{
    struct source *s = calloc(1, sizeof *s);

    if (s == NULL || !configure(s, c, c->path, c->name)) {
        (void)snprintf(why, WHY, "%s: no memory, or more than %d tags", c->path, METRIC_MAX_TAGS);
        free(s);
        return NULL;
    }
    s->in = in;
    s->users = 1;
    if (!start_listening(s, c, why)) {
        source_unuse(s);
        return NULL;
    }
    s->next = in->sources;
    s->link = &in->sources;
    if (s->next != NULL)
        s->next->link = &s->next;
    in->sources = s;
    return s;
}

void source_unuse(struct source *s)
{
    if (--s->users > 0)
        return;
    arena_free(&s->memory);
    free(s);
}

void source_close(struct source *s)
{
    int fd = s->listener.fd;

    (void)unlink(s->path);
    loop_fd_del(s->in->loop, &s->listener);
    close_fd(&fd);
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    source_unuse(s);
}
