/* daemon/collector_socket.c - one source of the intake, which a collector's keys decide. Making it
 * fails for a path that is taken and for want of descriptors or memory; handing it to another user,
 * for want of the privilege.
 */
#include "daemon/collector_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/why.h"
#include "intake/folder.h"

/* A socket that stays gets the owner that the collector now runs as. */
static bool hand_over(const struct source_config *s, struct why *why)
{
    uid_t uid = s->uid != (uid_t)-1 ? s->uid : geteuid();
    gid_t gid = s->group != (gid_t)-1 ? s->group : getegid();
    const char *name;
    int dir = folder_find(s->path, s->own_groups, &name, why);
    bool good;

    if (dir < 0)
        return false;
    good = fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0;
    if (!good)
        why_set(why, "cannot give %s to its user: %s", s->path, strerror(errno));
    fd_close(&dir);
    return good;
}

bool collector_socket_open(struct collector_socket *s, struct intake *in, const struct conf *c,
                           const struct conf_collector *k, const char *path, struct why *why)
{
    struct source_config sc = {.path = path,
                               .own_groups = c->socket.own_groups,
                               .mode = 0600,
                               .uid = k->identity.uid,
                               .group = k->identity.gid,
                               .name = k->name,
                               .prefix = k->prefix,
                               .tags = {&c->tags, &k->tags},
                               .interval_ns = k->interval,
                               .window_ns = k->mode == MODE_DAEMON ? k->interval : 0,
                               .series_limit = k->quota.series_limit,
                               .metrics_limit = k->quota.metrics_limit,
                               .bytes_limit = k->quota.bytes_limit};

    why_set(why, "out of memory");
    if (path == NULL)
        return false;
    if (s->source != NULL)
        return source_update(s->source, &sc) && hand_over(&sc, why);
    s->source = source_open(in, &sc, why);
    return s->source != NULL;
}

void collector_socket_close(struct collector_socket *s)
{
    if (s->source != NULL)
        source_close(s->source);
    s->source = NULL;
}

void collector_socket_run(struct collector_socket *s, int64_t slot_ns)
{
    source_run(s->source, slot_ns);
}

/* Its metrics went elsewhere, and nobody misses them: it ended well. */
static void note_fruitless(struct collector_socket *s, const char *name, bool good)
{
    const struct origin_counts *n = source_counts(s->source);
    bool nothing = n->accepted == 0 && n->rejected == 0;

    if (nothing && !s->brought_nothing && good)
        log_info("collector %s has ended with exit status 0 and has sent no metric yet: what it "
                 "prints only goes to this log; send metrics to the socket that is its last "
                 "argument and "
                 "in GARNET_SOCKET, for example by `garnet emit`",
                 name);
    s->brought_nothing = nothing && (s->brought_nothing || good);
}

void collector_socket_run_end(struct collector_socket *s, const char *name, bool good,
                              uint64_t *accepted, uint64_t *rejected)
{
    source_run_end(s->source, accepted, rejected);
    note_fruitless(s, name, good);
}

uint64_t collector_socket_taken(const struct collector_socket *s)
{
    return source_counts(s->source)->taken;
}

int64_t collector_socket_withheld(const struct collector_socket *s)
{
    return source_withheld(s->source);
}

void collector_socket_metrics(const struct collector_socket *s, const struct self_round *at)
{
    const struct origin_counts *n = source_counts(s->source);
    const struct quota_refused *limited = source_limited(s->source);

    self_count(at, BASIC, "garnet.collector.accepted", "Metric", NULL, n->accepted);
    self_count(at, BASIC, "garnet.collector.rejected", "Metric", NULL, n->rejected);
    self_count(at, FULL, "garnet.collector.limited", "Event", "series", limited->series);
    self_count(at, FULL, "garnet.collector.limited", "Event", "metrics", limited->metrics);
    self_count(at, FULL, "garnet.collector.limited", "Event", "bytes", limited->bytes);
    self_count(at, FULL, "garnet.collector.connections_refused", "Conn", NULL,
               source_refused_connections(s->source));
    self_gauge(at, BASIC, "garnet.collector.brought_nothing", "", s->brought_nothing);
}
