/* spool/sync.c - fdatasync in a process of its own
 *
 * The parent's side is a few lines of state: at most one request is on its way, and the latest of
 * those that came meanwhile waits. The helper's side is a loop: receive, sync every segment since
 * the last one synced, answer. They share a SOCK_SEQPACKET pair, whose end of file ends the helper;
 * killed or crashed, it is started again, throttled. A request that it has not answered counts as
 * failed: the kernel tells of a failure once, and it may have been told.
 *
 * A helper that has just begun cannot know what was synced before it and syncs all there is: clean
 * files cost next to nothing. It never believes a second fdatasync where the first failed: that
 * error is reported, the caller seals the segment, and with the next request all segments from the
 * one that failed up to that are written again (spool/rewrite.h) before anything is called synced.
 * Which those are the parent remembers: the helper may die.
 *
 * Fails at the start only (descriptors, fork). Later on everything is retried, and until then
 * nothing is reported as synced.
 */
#include "spool/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/spawn.h"
#include "base/throttle.h"
#include "spool/cursor.h"
#include "spool/rewrite.h"
#include "spool/segment.h"

struct range { /* of segments, both included */
    uint64_t from, to;
};
struct request {
    uint64_t segment, seq;
    bool again; /* write these again before: */
    struct range failed;
};
struct reply {
    uint64_t seq;
    int error;
    uint64_t failed; /* the first segment that did */
};

struct sync {
    struct loop *loop;
    int dirfd;
    void (*synced)(void *arg, uint64_t seq, int error);
    void *arg;
    int fd; /* our end; -1: no helper */
    struct loop_fd watch;
    struct loop_child child;
    struct loop_timer restart;
    struct throttle throttle;
    struct request sent, latest;
    bool busy;    /* `sent` is not answered yet */
    bool waiting; /* `latest` is not sent yet */
    bool failed;  /* a sync has, and what it was about is to be written again: */
    bool sealed;  /* the end of the range is known */
    struct range range;
    bool begun;     /* there has been a request, and */
    uint64_t clean; /* all before this segment is on the disk, or of an earlier life */
};

/* ---- the helper ---- */

struct helper {
    int fd, dirfd;
    uint64_t segment; /* all before it, and the folder up to it, is on the disk */
    ino_t inode;      /* its inode, 0: nothing is known yet */
    struct stat list,
        cursors; /* the list of sinks and the folder of cursors, as they were synced */
};

/* 0 or an errno. Gone is no failure: retention, or whoever removed a sink, was there first. */
static int sync_file(int dirfd, const char *path, ino_t *inode)
{
    struct stat st;
    int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), e = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    if (fdatasync(fd) < 0 || fstat(fd, &st) < 0)
        e = errno;
    else
        *inode = st.st_ino;
    close_fd(&fd);
    return e;
}

static int sync_segment(int dirfd, uint64_t first_seq, ino_t *inode)
{
    char name[SEGMENT_NAME];

    segment_name(name, first_seq);
    return sync_file(dirfd, name, inode);
}

/* Everything from h->segment up to `last`; goes on after an error, and returns the first. */
static int sync_range(const struct helper *h, uint64_t last, ino_t *inode, uint64_t *failed)
{
    struct segment_list l;
    int first = 0;

    *failed = last;
    if (h->inode != 0 && h->segment == last)
        return sync_segment(h->dirfd, last, inode);
    if (segment_list(h->dirfd, &l) < 0)
        return errno;
    for (size_t i = 0; i < l.n && l.first_seq[i] <= last; i++) {
        int e = 0;
        if (h->inode == 0 || l.first_seq[i] >= h->segment)
            e = sync_segment(h->dirfd, l.first_seq[i], inode);
        if (first == 0 && e != 0) {
            first = e;
            *failed = l.first_seq[i];
        }
    }
    segment_list_free(&l);
    return first;
}

/* What is not in memory any more (EBADMSG) keeps the others from nothing. The folder is synced by
 * serve(): the newest segment is another, or another file. */
static int write_again(const struct helper *h, const struct range *r, uint64_t *failed)
{
    struct segment_list l;
    int worst = 0;

    *failed = r->from;
    if (segment_list(h->dirfd, &l) < 0)
        return errno;
    for (size_t i = 0; i < l.n && l.first_seq[i] <= r->to; i++) {
        int e = l.first_seq[i] < r->from ? 0 : segment_rewrite(h->dirfd, l.first_seq[i]);
        if (e != 0 && (worst == 0 || worst == EBADMSG))
            worst = e;
    }
    segment_list_free(&l);
    return worst;
}

/* Inodes are used again, and a list lives no longer than until the next. */
static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

struct cursors {
    int dirfd, error;
};

static void sync_cursor(void *arg, const char *name)
{
    struct cursors *c = arg;
    ino_t inode;
    int e = sync_file(c->dirfd, name, &inode);

    c->error = c->error != 0 ? c->error : e;
}

/* Where the sinks begin. The list is published by a rename that may get to the disk before what is
 * in it, and a sink that is neither in the list nor has a cursor is a new one, which begins at the
 * end: so the cursors are made safe as well. */
static int sync_cursors(const struct helper *h)
{
    struct cursors c = {.dirfd = openat(h->dirfd, "cursors", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

    if (c.dirfd < 0)
        return errno == ENOENT ? 0 : errno;
    if (cursor_list_each(h->dirfd, sync_cursor, &c) < 0 || fsync(c.dirfd) < 0)
        c.error = c.error != 0 ? c.error : errno;
    close_fd(&c.dirfd);
    return c.error;
}

static int sync_sinks(struct helper *h)
{
    struct stat list, cursors;
    ino_t inode;
    int e;

    if (fstatat(h->dirfd, "sinks", &list, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstatat(h->dirfd, "cursors", &cursors, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : errno;
    if (same_file(&list, &h->list) && same_file(&cursors, &h->cursors))
        return 0;
    if ((e = sync_cursors(h)) == 0 && (e = sync_file(h->dirfd, "sinks", &inode)) == 0 &&
        fsync(h->dirfd) < 0)
        e = errno;
    if (e == 0) {
        h->list = list;
        h->cursors = cursors;
    }
    return e;
}

static int serve(struct helper *h, const struct request *q, uint64_t *failed)
{
    uint64_t last = q->segment;
    ino_t inode = 0;
    int e = q->again ? write_again(h, &q->failed, failed) : 0;

    if (e == 0)
        e = sync_range(h, last, &inode, failed);
    if (e == 0 && (inode != h->inode || last != h->segment) && fsync(h->dirfd) < 0)
        e = errno;
    if (e == 0) {
        h->segment = last;
        h->inode = inode;
        e = sync_sinks(h);
    }
    return e;
}

static int helper_main(void *arg)
{
    struct helper *h = arg;
    struct request q;
    ssize_t n;

    signals_ignore_ends(); /* the last sync comes after them */
    signals_release();
    for (;;) {
        n = recv(h->fd, &q, sizeof q, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof q)
            return n != 0;
        struct reply r = {.seq = q.seq};
        r.error = serve(h, &q, &r.failed);
        do
            n = send(h->fd, &r, sizeof r, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return errno != EPIPE;
    }
}

/* ---- the parent ---- */

static void send_latest(struct sync *s)
{
    if (s->fd < 0 || s->busy || !s->waiting || (s->failed && !s->sealed))
        return;
    s->latest.again = s->failed;
    s->latest.failed = s->range;
    /* With one request in flight there is always room; a dead helper's exit puts everything
     * right.
     * */
    if (send(s->fd, &s->latest, sizeof s->latest, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
    s->sent = s->latest;
    s->busy = true;
    s->waiting = false;
}

/* To be written again from segment `from` on, once the caller has said up to where. */
static void fail_from(struct sync *s, uint64_t from)
{
    s->range.from = s->failed && s->range.from < from ? s->range.from : from;
    s->failed = true;
    s->sealed = false;
}

/* False at the end of file. */
static bool take_reply(struct sync *s)
{
    struct reply r;
    ssize_t n = recv(s->fd, &r, sizeof r, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n != (ssize_t)sizeof r)
        return false;
    s->busy = false;
    throttle_ok(&s->throttle);
    if (r.error == 0)
        s->clean = s->sent.segment;
    if (s->sent.again && (r.error == 0 || r.error == EBADMSG))
        s->failed = false; /* done, or there is nothing left to do it from */
    else if (r.error)
        fail_from(s, r.failed);
    send_latest(s); /* before the callback, which may call sync_request() or sync_stop() */
    s->synced(s->arg, r.seq, r.error);
    return true;
}

static void on_socket(void *arg, uint32_t events)
{
    struct sync *s = arg;

    (void)events;
    if (!take_reply(s))
        loop_fd_del(s->loop, &s->watch); /* its exit will be reported */
}

static void on_restart(void *arg);

static void restart_later(struct sync *s)
{
    int64_t wait = throttle_next(&s->throttle, random_u64());

    loop_timer_set(s->loop, &s->restart, loop_now(s->loop) + wait, on_restart, s);
}

static void drop_socket(struct sync *s)
{
    loop_fd_del(s->loop, &s->watch);
    close_fd(&s->fd);
    s->busy = false;
}

static void on_helper_end(void *arg, int status, const struct rusage *ru)
{
    struct sync *s = arg;

    (void)ru;
    if (WIFSIGNALED(status))
        log_warn("spool: the sync helper was killed by signal %d and will be started again",
                 WTERMSIG(status));
    else
        log_warn("spool: the sync helper ended with status %d and will be started again",
                 WEXITSTATUS(status));
    bool unanswered =
        s->busy && (!take_reply(s) || s->busy); /* its last word may still be in there */
    drop_socket(s);
    restart_later(s);
    if (!unanswered)
        return;
    fail_from(s, s->clean);
    s->synced(s->arg, s->sent.seq, EOWNERDEAD);
}

static int start_helper(struct sync *s)
{
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    struct helper h = {.fd = pair[1], .dirfd = s->dirfd};
    int keep[] = {pair[1], s->dirfd};
    s->fd = pair[0];
    if (loop_fd_add(s->loop, &s->watch, s->fd, LOOP_IN, on_socket, s) < 0 ||
        (pid = spawn_helper("garnetd-sync", keep, 2, helper_main, &h)) < 0) {
        close_fd(&pair[1]);
        drop_socket(s);
        return -1;
    }
    close_fd(&pair[1]);
    loop_child_add(s->loop, &s->child, pid, on_helper_end, s);
    send_latest(s);
    return 0;
}

static void on_restart(void *arg)
{
    struct sync *s = arg;

    if (start_helper(s) == 0)
        return;
    log_warn("spool: the sync helper cannot be started: %m");
    restart_later(s);
}

struct sync *sync_start(struct loop *l, int dirfd,
                        void (*synced)(void *arg, uint64_t seq, int error), void *arg)
{
    struct sync *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->loop = l;
    s->dirfd = dirfd;
    s->synced = synced;
    s->arg = arg;
    s->fd = -1;
    s->throttle = (struct throttle){.base = 100 * NS_PER_MS, .cap = 60 * NS_PER_S};
    loop_fd_init(&s->watch);
    if (start_helper(s) < 0) {
        int e = errno;
        free(s);
        errno = e;
        return NULL;
    }
    return s;
}

void sync_renew(struct sync *s)
{
    pid_t pid = s->child.pid;

    loop_timer_clear(s->loop, &s->restart);
    drop_socket(s);
    s->waiting = s->failed = s->begun = false;
    loop_child_del(s->loop, &s->child);
    if (pid > 0)
        kill(pid, SIGKILL); /* the loop reaps it */
    on_restart(s);
}

void sync_request(struct sync *s, uint64_t segment, uint64_t seq)
{
    if (s->failed && !s->sealed) {
        s->range.to = segment;
        s->sealed = true;
    }
    if (!s->begun)
        s->clean = segment;
    s->begun = true;
    s->latest = (struct request){.segment = segment, .seq = seq};
    s->waiting = true;
    send_latest(s);
}

/* Reads answers nobody waits for until the helper has gone; false when it has not within `ms`. */
static bool await_end(int fd, int ms)
{
    int64_t end = clock_mono() + ms * NS_PER_MS;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct reply r;

    for (;;) {
        int64_t left = (end - clock_mono() + NS_PER_MS - 1) / NS_PER_MS;
        if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR))
            return false;
        ssize_t n = recv(fd, &r, sizeof r, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return true;
    }
}

/* Its socket is closed by its end, so the wait for the rest of that end is short. A sync that hangs
 * is killed; the loop, or init, reaps it. */
static void reap(pid_t pid, bool ended)
{
    if (!ended)
        kill(pid, SIGKILL);
    while (waitpid(pid, NULL, ended ? 0 : WNOHANG) < 0 && errno == EINTR)
        ;
}

void sync_stop(struct sync *s, int ms)
{
    pid_t pid;

    if (!s)
        return;
    pid = s->child.pid;
    loop_timer_clear(s->loop, &s->restart);
    loop_fd_del(s->loop, &s->watch);
    loop_child_del(s->loop, &s->child);
    if (s->fd >= 0 && pid > 0) {
        s->busy = false; /* the last request goes too: the socket keeps it until its turn */
        send_latest(s);
        shutdown(s->fd, SHUT_WR);
        reap(pid, await_end(s->fd, ms));
    }
    close_fd(&s->fd);
    free(s);
}
