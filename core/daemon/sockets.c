/* daemon/sockets.c - two locks, for another daemon may have its socket in the folder of our
 * collectors' own, or the other way round. Locking and opening fail where somebody else has the
 * socket, or has a hand in a folder on the way to it, and for want of descriptors or memory; handing
 * a socket to another user, for want of the privilege.
 */
#include "daemon/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/socket_file.h"

bool sockets_lock(const struct conf *c)
{
    struct why why = {"out of memory"};
    struct arena a = {0};
    char *sample = conf_collector_socket(&a, c, "x");
    char *slash = sample != NULL ? strrchr(sample, '/') : NULL;
    bool good = slash != NULL;

    if (good) {
        *slash = '\0'; /* the folder */
        good =
            socket_lock(c->socket.path, c->socket.own_groups, &why) >= 0 &&
            socket_lock(sample, c->socket.own_groups, &why) >= 0; /* the descriptors are not kept */
        *slash = '/';
    }
    if (good)
        socket_remove_all(sample, c->socket.own_groups);
    else
        log_error("socket: %s", why.text);
    arena_free(&a);
    return good;
}

/* --- the shared one --- */

static struct source_config shared_config(const struct conf *c)
{
    return (struct source_config){.socket = {.path = c->socket.path,
                                             .own_groups = c->socket.own_groups,
                                             .mode = c->socket.mode,
                                             .uid = (uid_t)-1,
                                             .group = c->socket.group},
                                  .tags = {&c->tags, NULL}};
}

struct source *sockets_open(struct intake *in, const struct conf *c)
{
    const struct source_config sc = shared_config(c);
    struct why why = {"out of memory"};
    struct source *s = source_open(in, &sc, &why);

    if (s == NULL)
        log_error("socket: %s", why.text);
    return s;
}

void sockets_configure(struct intake *in, struct source *shared, const struct conf *c)
{
    const struct source_config sc = shared_config(c);

    if (!source_update(shared, &sc))
        log_error("socket: out of memory: the shared socket keeps its old tags");
    intake_limits(in, &c->intake);
}

/* Of one user, or of those without a row of their own. Its first row says 0, or the first increment
 * would show in no rate. */
static void write_refusals(struct self_round at, struct user_refusals *r, bool others)
{
    char user[24];

    if (user_refusals_sum(r) == 0)
        return;
    (void)snprintf(user, sizeof user, "%lu", (unsigned long)r->uid);
    at.key = "user", at.val = others ? "others" : user;
    at.zero = at.zero || (!r->told && !at.look);
    r->told = r->told || !at.look;
    for (unsigned w = 0; w < USER_LIMITS; w++)
        self_count(&at, BASIC, "garnet.intake.limited", "Metric", user_limit_key(w), r->n[w]);
}

void sockets_metrics(const struct intake *in, const struct source *shared,
                     const struct self_round *round)
{
    const struct intake_counts *all = intake_counts(in);
    const struct origin_counts *n = source_counts(shared);
    struct self_round at = *round;

    self_gauge(&at, FULL, "garnet.intake.connections", "Conn", intake_connections(in));
    self_count(&at, FULL, "garnet.intake.connections_refused", "Conn", NULL, all->refused);
    self_count(&at, FULL, "garnet.intake.connections_gave_way", "Conn", NULL, all->gave_way);
    self_count(&at, FULL, "garnet.intake.own_rejected", "Metric", NULL, all->own_rejected);
    at.key = "source", at.val = "shared";
    self_count(&at, BASIC, "garnet.intake.accepted", "Metric", NULL, n->accepted);
    self_count(&at, BASIC, "garnet.intake.rejected", "Metric", NULL, n->rejected);
    for (unsigned i = 0; i <= USERS_TOLD; i++)
        write_refusals(*round, &all->users[i], i == USERS_TOLD);
}

/* --- the control socket --- */

bool sockets_open_control(struct control *control, const struct conf_control *c, bool *locked,
                          struct why *why)
{
    bool grouped = c->group != (gid_t)-1;
    const struct socket_config sc = {.path = c->path,
                                     .own_groups = c->own_groups,
                                     .mode = grouped ? 0660 : 0600,
                                     .uid = (uid_t)-1,
                                     .group = c->group};

    *locked = *locked || socket_lock(c->path, c->own_groups, why) >= 0;
    return *locked && control_listen(control, &sc, why);
}

/* --- a collector's own --- */

/* A socket that stays gets the owner that the collector now runs as. */
static bool hand_over(const struct socket_config *s, struct why *why)
{
    uid_t uid = s->uid != (uid_t)-1 ? s->uid : geteuid();
    gid_t gid = s->group != (gid_t)-1 ? s->group : getegid();
    const char *name;
    int dir = folder_open(s->path, s->own_groups, false, &name, why);
    bool good;

    if (dir < 0)
        return false;
    good = fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0;
    if (!good)
        why_set(why, "cannot give %s to its user: %s", s->path, strerror(errno));
    fd_close(&dir);
    return good;
}

bool sockets_open_own(struct source **s, struct intake *in, const struct conf *c,
                      const struct conf_collector *k, struct why *why)
{
    struct source_config sc = {.socket = {.path = k->socket,
                                          .own_groups = c->socket.own_groups,
                                          .mode = 0600,
                                          .uid = k->identity.uid,
                                          .group = k->identity.gid},
                               .name = k->name,
                               .prefix = k->prefix,
                               .tags = {&c->tags, &k->tags},
                               .interval_ns = k->interval,
                               .quota = k->quota,
                               .window_ns = k->mode == MODE_DAEMON ? k->interval : 0};

    why_set(why, "out of memory");
    if (*s != NULL)
        return source_update(*s, &sc) && hand_over(&sc.socket, why);
    *s = source_open(in, &sc, why);
    return *s != NULL;
}
