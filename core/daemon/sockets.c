/* daemon/sockets.c - two locks, for another daemon may have its socket in the folder of our
 * collectors' own, or the other way round. Locking and opening fail where somebody else has the
 * socket, or has a hand in a folder on the way to it.
 */
#include "daemon/sockets.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/why.h"
#include "intake/folder.h"
#include "intake/lock.h"

struct sockets {
    struct intake *intake;
    struct source *shared;
};

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
        folder_remove_sockets(sample, c->socket.own_groups);
    else
        log_error("socket: %s", why.text);
    arena_free(&a);
    return good;
}

static struct source_config shared_config(const struct conf *c)
{
    return (struct source_config){.path = c->socket.path,
                                  .own_groups = c->socket.own_groups,
                                  .mode = c->socket.mode,
                                  .uid = (uid_t)-1,
                                  .group = c->socket.group,
                                  .tags = {&c->tags, NULL}};
}

struct sockets *sockets_open(struct loop *l, const struct conf *c, intake_commit_fn *commit,
                             void *arg)
{
    struct sockets *s = calloc(1, sizeof *s);
    struct source_config sc = shared_config(c);
    struct why why = {"out of memory"};

    if (s != NULL && (s->intake = intake_new(l, &c->intake, commit, arg)) != NULL &&
        (s->shared = source_open(s->intake, &sc, &why)) != NULL)
        return s;
    log_error("socket: %s", why.text);
    if (s != NULL && s->intake != NULL)
        intake_free(s->intake);
    free(s);
    return NULL;
}

void sockets_configure(struct sockets *s, const struct conf *c)
{
    struct source_config sc = shared_config(c);

    if (!source_update(s->shared, &sc))
        log_error("socket: out of memory: the shared socket keeps its old tags");
    intake_limits(s->intake, &c->intake);
}

struct intake *sockets_intake(const struct sockets *s)
{
    return s->intake;
}

void sockets_close(struct sockets *s)
{
    source_close(s->shared);
    s->shared = NULL;
}

void sockets_free(struct sockets *s)
{
    intake_free(s->intake);
    free(s);
}

void sockets_unlink(const struct conf *c)
{
    folder_remove_socket(c->socket.path, c->socket.own_groups);
}

void sockets_metrics(const struct sockets *s, const struct self_round *round)
{
    struct self_round at = *round;
    const struct intake *in = s->intake;

    self_gauge(&at, FULL, "garnet.intake.connections", "Conn", intake_connections(in));
    self_count(&at, FULL, "garnet.intake.connections_refused", "Conn", NULL,
               intake_refused_connections(in));
    self_count(&at, FULL, "garnet.intake.connections_gave_way", "Conn", NULL, intake_gave_way(in));
    self_count(&at, FULL, "garnet.intake.own_rejected", "Metric", NULL, intake_own_rejected(in));
    at.key = "source", at.val = "shared";
    self_count(&at, BASIC, "garnet.intake.accepted", "Metric", NULL,
               source_counts(s->shared)->accepted);
    self_count(&at, BASIC, "garnet.intake.rejected", "Metric", NULL,
               source_counts(s->shared)->rejected);
}
