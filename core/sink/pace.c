/* sink/pace.c - arithmetic only: it cannot fail, and a clock that jumps costs at most one bucket */
#include "sink/pace.h"

#include "base/clock.h"

static const int64_t BLOCKED = 2 * NS_PER_S; /* for so long: what waits then is a backlog */
static const int64_t BUCKET = 100 * NS_PER_MS;

void pace_init(struct pace *p, int64_t rate, int64_t now)
{
    *p = (struct pace){.rate = rate};
    pace_behind(p, now);
}

void pace_behind(struct pace *p, int64_t now)
{
    p->backlog = true;
    p->moved_ns = p->filled_ns = now;
    p->tokens = 0;
}

void pace_at_end(struct pace *p, int64_t now)
{
    p->backlog = false;
    p->moved_ns = now;
}

void pace_moved(struct pace *p, int64_t now)
{
    p->moved_ns = now;
}

static int64_t one(const struct pace *p)
{
    return NS_PER_S / p->rate > 0 ? NS_PER_S / p->rate : 1;
}

/* Whole metrics only: the rest of the time stays for the next look. */
static void fill_bucket(struct pace *p, int64_t now)
{
    int64_t longest = BUCKET > one(p) ? BUCKET : one(p), most = longest / one(p), more;

    if (now - p->filled_ns > longest)
        p->filled_ns = now - longest;
    more = (now - p->filled_ns) / one(p);
    p->filled_ns += more * one(p);
    p->tokens = p->tokens + more < most ? p->tokens + more : most;
}

uint64_t pace_allows(struct pace *p, int64_t now)
{
    if (p->rate == 0)
        return UINT64_MAX;
    if (!p->backlog && now - p->moved_ns >= BLOCKED)
        pace_behind(p, now);
    if (!p->backlog)
        return UINT64_MAX;
    fill_bucket(p, now);
    return (uint64_t)p->tokens;
}

void pace_took(struct pace *p, uint64_t metrics)
{
    if (p->rate > 0 && p->backlog)
        p->tokens -= metrics < (uint64_t)p->tokens ? (int64_t)metrics : p->tokens;
}

int64_t pace_due(const struct pace *p, int64_t now)
{
    int64_t at;

    if (p->rate == 0 || !p->backlog || p->tokens > 0)
        return 0;
    at = p->filled_ns + one(p);
    return at > now ? at - now : 0;
}
