/* intake/pool.h - places for connections: who has how many, and which of his has been silent for longest
 *
 * A pool has owners, by a number that names one (a user, a collector); an owner has entries, one a
 * connection, in the order in which they were last heard. Knows no connection, no limit and no clock.
 * Fails only for the memory of an owner.
 */
#ifndef INTAKE_POOL_H
#define INTAKE_POOL_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct pool_owner;

struct pool_entry {
    struct pool_owner *owner; /* NULL: it has no place */
    void *arg;                /* its user's */
    int64_t heard_at;         /* monotonic ns */
    TAILQ_ENTRY(pool_entry) entries;
};

struct pool_owner {
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

#endif
