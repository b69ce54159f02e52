/* intake/pool.c - owners and their entries: lists
 *
 * An owner lives as long as it has a place.
 */
#include "intake/pool.h"

#include <stdlib.h>

struct pool_owner *pool_owner_of(const struct pool *p, uintptr_t key)
{
    struct pool_owner *o = NULL;

    LIST_FOREACH (o, &p->owners, owners)
        if (o->key == key)
            break;
    return o;
}

static struct pool_owner *new_owner(struct pool *p, uintptr_t key)
{
    struct pool_owner *o = calloc(1, sizeof *o);

    if (o == NULL)
        return NULL;
    o->pool = p;
    o->key = key;
    TAILQ_INIT(&o->entries);
    LIST_INSERT_HEAD(&p->owners, o, owners);
    return o;
}

bool pool_enter(struct pool *p, uintptr_t key, struct pool_entry *e, int64_t now)
{
    struct pool_owner *o = pool_owner_of(p, key);

    if (o == NULL && (o = new_owner(p, key)) == NULL)
        return false;
    e->owner = o;
    e->heard_at = now;
    TAILQ_INSERT_TAIL(&o->entries, e, entries);
    o->connections++;
    p->connections++;
    return true;
}

void pool_heard(struct pool_entry *e, int64_t now)
{
    e->heard_at = now;
    if (e->owner == NULL)
        return;
    TAILQ_REMOVE(&e->owner->entries, e, entries);
    TAILQ_INSERT_TAIL(&e->owner->entries, e, entries);
}

void pool_leave(struct pool_entry *e)
{
    struct pool_owner *o = e->owner;

    if (o == NULL)
        return;
    e->owner = NULL;
    TAILQ_REMOVE(&o->entries, e, entries);
    o->pool->connections--;
    if (--o->connections > 0)
        return;
    LIST_REMOVE(o, owners);
    free(o);
}

static int64_t longest_silent(const struct pool_owner *o)
{
    return TAILQ_FIRST(&o->entries)->heard_at;
}

struct pool_owner *pool_largest(const struct pool *p)
{
    struct pool_owner *most = LIST_FIRST(&p->owners), *o;

    LIST_FOREACH (o, &p->owners, owners)
        if (o->connections > most->connections ||
            (o->connections == most->connections && longest_silent(o) < longest_silent(most)))
            most = o;
    return most;
}
