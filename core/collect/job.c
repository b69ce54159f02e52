/* collect/job.c - a head of fixed size, the groups, then strings, each with its NUL. What of the
 * collector's configuration its process is made by is in it, and nothing else. One that is missing
 * is sent as an empty string. A job whose sender has gone meanwhile is not begun.
 */
#include "collect/job.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "keep/keeping.h"

enum { PACKET = 32 << 10, FDS = 5 }; /* stdout, stderr; stdin, status; the memfd of a long one */

struct head {
    int64_t timeout, grace, nice, no_new_privs, allow_writable, output;
    struct conf_limits limits;
    int64_t group_processes, group_memory;
    uid_t uid;
    gid_t gid;
    pid_t garnetd;
    uint32_t ngroups, nargv, nenv;
    uint32_t in, status, apart; /* there is such a descriptor; what follows is in the memfd */
};

/* --- garnetd's side --- */

static uint32_t count(const char *const *v)
{
    uint32_t n = 0;

    while (v[n] != NULL)
        n++;
    return n;
}

static void put_text(struct buf *b, const char *s)
{
    s = s != NULL ? s : "";
    buf_put(b, s, strlen(s) + 1);
}

static void pack(struct buf *b, const struct keeper_job *job)
{
    const struct conf_collector *c = job->launch.conf;
    const struct conf_identity *id = &c->identity;
    const struct head h = {.timeout = job->timeout,
                           .grace = job->grace,
                           .nice = c->nice,
                           .no_new_privs = c->no_new_privs,
                           .allow_writable = c->allow_writable,
                           .output = c->output,
                           .limits = c->limits,
                           .group_processes = c->cgroup.processes,
                           .group_memory = c->cgroup.memory,
                           .uid = id->uid,
                           .gid = id->gid,
                           .garnetd = job->garnetd,
                           .ngroups = (uint32_t)id->ngroups,
                           .nargv = count(job->launch.argv),
                           .nenv = count(job->launch.env),
                           .in = job->launch.in > 0,
                           .status = job->launch.status > 0};

    buf_put(b, &h, sizeof h);
    if (id->ngroups > 0)
        buf_put(b, id->groups, id->ngroups * sizeof *id->groups);
    put_text(b, c->name);
    put_text(b, c->cgroup.dir);
    put_text(b, c->own_groups);
    put_text(b, job->launch.cwd);
    for (uint32_t i = 0; i < h.nargv; i++)
        put_text(b, job->launch.argv[i]);
    for (uint32_t i = 0; i < h.nenv; i++)
        put_text(b, job->launch.env[i]);
}

/* The head, which tells it from a word, goes in the packet, the whole in a memfd. */
static ssize_t send_apart(int control, const struct buf *b, int *fds, unsigned nfds)
{
    struct head h;
    ssize_t sent = -1;
    int apart = memfd_create("job", MFD_CLOEXEC);

    memcpy(&h, b->p, sizeof h);
    h.apart = 1;
    fds[nfds] = apart;
    if (apart >= 0 && fd_write_all(apart, b->p, b->n) == 0)
        sent = fd_send(control, &h, sizeof h, fds, nfds + 1, MSG_DONTWAIT);
    fd_close(&apart);
    return sent;
}

int job_send(int control, const struct keeper_job *job)
{
    const struct launch *l = &job->launch;
    int fds[FDS] = {l->out, l->err};
    unsigned n = 2;
    struct buf b = {0};
    ssize_t sent = -1;

    if (l->in > 0)
        fds[n++] = l->in;
    if (l->status > 0)
        fds[n++] = l->status;
    pack(&b, job);
    if (!buf_ok(&b))
        errno = ENOMEM;
    else if (b.n <= PACKET)
        sent = fd_send(control, b.p, b.n, fds, n, MSG_DONTWAIT);
    else
        sent = send_apart(control, &b, fds, n);
    buf_free(&b);
    return sent < 0 ? -1 : 0;
}

/* --- the keeper's --- */

static const char *take_text(struct str *rest)
{
    size_t n = strnlen(rest->s, rest->n);
    const char *s = n < rest->n ? rest->s : "";

    n += n < rest->n;
    rest->s += n;
    rest->n -= n;
    return s;
}

static const char *take_optional(struct str *rest)
{
    const char *s = take_text(rest);

    return s[0] != 0 ? s : NULL;
}

static const char *const *take_list(struct arena *a, struct str *rest, uint32_t n)
{
    const char **v = arena_alloc(a, ((size_t)n + 1) * sizeof *v);

    for (uint32_t i = 0; v != NULL && i < n; i++)
        v[i] = take_text(rest);
    return v;
}

/* `bytes` stay where they are. False: no memory, or they are no job. */
static bool unpack(struct arena *a, struct str bytes, struct keeper_job *job)
{
    struct conf_collector *c = arena_alloc(a, sizeof *c);
    struct head h;
    gid_t *groups;

    errno = EINVAL;
    if (bytes.n < sizeof h)
        return false;
    memcpy(&h, bytes.s, sizeof h);
    bytes = (struct str){bytes.s + sizeof h, bytes.n - sizeof h};
    if (bytes.n < h.ngroups * sizeof *groups)
        return false;
    groups = arena_alloc(a, h.ngroups * sizeof *groups);
    errno = ENOMEM;
    if (c == NULL || groups == NULL)
        return false;
    memcpy(groups, bytes.s, h.ngroups * sizeof *groups);
    bytes =
        (struct str){bytes.s + h.ngroups * sizeof *groups, bytes.n - h.ngroups * sizeof *groups};
    *c = (struct conf_collector){
        .name = take_text(&bytes),
        .nice = h.nice,
        .no_new_privs = h.no_new_privs,
        .allow_writable = h.allow_writable,
        .output = h.output,
        .limits = h.limits,
        .identity = {.uid = h.uid, .gid = h.gid, .groups = groups, .ngroups = h.ngroups}};
    c->cgroup = (struct conf_cgroup){take_optional(&bytes), h.group_processes, h.group_memory};
    c->own_groups = take_optional(&bytes);
    job->launch.conf = c;
    job->launch.cwd = take_text(&bytes);
    job->launch.argv = take_list(a, &bytes, h.nargv);
    job->launch.env = take_list(a, &bytes, h.nenv);
    job->timeout = h.timeout;
    job->grace = h.grace;
    job->garnetd = h.garnetd;
    return arena_ok(a) && h.nargv > 0;
}

/* The descriptors in the order in which they were sent. The memfd; -1: there is none. */
static int take_descriptors(const struct head *h, const int *fds, struct launch *l)
{
    l->out = fds[0];
    l->err = fds[1];
    fds += 2;
    l->in = h->in ? *fds++ : 0;
    l->status = h->status ? *fds++ : 0;
    return h->apart ? *fds : -1;
}

enum job_taken job_take(int control, struct arena *a, struct keeper_job *job)
{
    static char packet[PACKET]; /* what a run does not write, its keeper need not copy */
    int fds[FDS], apart;
    struct buf whole = {0};
    struct head h;
    bool good, cut;
    ssize_t n = fd_receive(control, packet, sizeof packet, fds, FDS, MSG_DONTWAIT, &cut);
    char *bytes;

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || keeping_deserted(control)) {
        for (int i = 0; i < FDS; i++)
            fd_close(&fds[i]);
        return JOB_END;
    }
    if (n < (ssize_t)sizeof h)
        return JOB_NONE;
    memcpy(&h, packet, sizeof h);
    apart = take_descriptors(&h, fds, &job->launch);
    good = !cut && (!h.apart || fd_read_all(apart, 0, &whole) == 0);
    if (!h.apart)
        buf_put(&whole, packet, (size_t)n);
    fd_close(&apart);
    bytes = good && buf_ok(&whole) ? arena_alloc(a, whole.n) : NULL;
    if (bytes != NULL)
        memcpy(bytes, whole.p, whole.n);
    good = bytes != NULL && unpack(a, (struct str){bytes, whole.n}, job);
    buf_free(&whole);
    if (cut)
        errno = EMFILE;
    return good && job->launch.err >= 0 ? JOB_TAKEN : JOB_BAD;
}
