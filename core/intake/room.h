/* intake/room.h - places for connections: who may connect, and who gives way to a newer one
 *
 * The shared socket and the collectors' have a pool each, of `max_connections`, so nobody on the
 * shared one can lock a collector out. A pool has owners, by a number that names one (a user, a
 * collector); each may have `max_connections_per_user` places, one a connection, in the order in
 * which they were last heard. Fails only for the memory of an owner.
 */
#pragma once
#include <sys/socket.h>

#include "base/loop.h"
#include "conf/conf.h"
#include "intake/origin.h"

struct pool_owner;

struct pool_entry {
    struct pool_owner *owner; /* NULL: it has no place */
    void *arg;                /* its user's */
    int64_t heard_at;         /* monotonic ns */
    TAILQ_ENTRY(pool_entry) entries;
};

struct pool_owner { /* lives as long as it has a place */
    struct pool *pool;
    uintptr_t key;
    unsigned connections;
    TAILQ_HEAD(, pool_entry) entries; /* the longest silent first */
    LIST_ENTRY(pool_owner) owners;
};

struct pool { /* all zero: empty */
    unsigned connections;
    LIST_HEAD(, pool_owner) owners;
};

bool pool_enter(struct pool *p, uintptr_t key, struct pool_entry *e, int64_t now);
void pool_heard(struct pool_entry *e, int64_t now);
void pool_leave(struct pool_entry *e);                                 /* no-op without a place */
struct pool_owner *pool_owner_of(const struct pool *p, uintptr_t key); /* NULL: it has no place */
/* The one that has most; of several the one with the entry that has been silent for longest. Or
 * NULL. */
struct pool_owner *pool_largest(const struct pool *p);

struct room { /* set by the owner: the first four; the rest is all zero */
    const struct loop *loop;
    const struct conf_intake *limits;
    /* Whether an entry's user may be closed: it is owed nothing, and has sent nothing. `looks` counts
     * the system calls that this takes. */
    bool (*may_close)(void *arg, unsigned *looks);
    unsigned sockets; /* that listen */
    struct pool users, collectors;
};

struct guest { /* who wants to connect */
    struct origin *origin;
    struct ucred peer;
    int fd;
};

/* The pool in which the guest may have a place; unless *silent is NULL, that one has to be closed for
 * it, and is told why. NULL: in none, and why. */
struct pool *room_for(struct room *r, const struct guest *g, struct pool_entry **silent,
                      struct why *why);
uintptr_t room_key(const struct guest *g); /* of the owner of that place */
