/* spool/retain.c - from the oldest on; what cannot be removed is logged once, and tried again */
#include "spool/retain.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "spool/begin.h"
#include "spool/segment.h"

uint64_t retain_oldest(const struct inventory *v)
{
    uint64_t first = v->n > 0 ? v->held[0].first_seq : v->next_seq;

    return first > v->oldest ? first : v->oldest;
}

/* That is no older than the next segment. `bytes` are those of all that stay with it. */
static bool is_over(const struct inventory *v, const struct retain_rules *rules, size_t i,
                    uint64_t bytes, int64_t wall_ns)
{
    if (rules->max_size > 0 && bytes > (uint64_t)rules->max_size)
        return true;
    return rules->max_age > 0 && clock_between(v->held[i + 1].created_ns, wall_ns) > rules->max_age;
}

size_t retain_count(const struct inventory *v, const struct retain_rules *rules, uint64_t needed,
                    int64_t wall_ns, unsigned *lost)
{
    uint64_t bytes = v->bytes + v->reserve.wanted; /* whether it is there or not */
    size_t n = 0;

    *lost = 0;
    for (; n + 1 < v->n; n++) {
        uint64_t end = v->held[n + 1].first_seq;

        if (end > needed && end > v->oldest && !is_over(v, rules, n, bytes, wall_ns))
            break;
        *lost += end > needed && end > v->oldest;
        bytes -= v->held[n].bytes;
    }
    return n;
}

/* `keep`: its room is not to go to whoever has filled the disk. */
static bool remove_segment(struct inventory *v, const struct held_segment *s, bool keep)
{
    char name[SEGMENT_NAME];

    segment_name(name, s->first_seq);
    if (!((keep || reserve_short(&v->reserve)) && reserve_give(&v->reserve, v->dirfd, name)) &&
        unlinkat(v->dirfd, name, 0) < 0 && errno != ENOENT) {
        if (!v->stuck)
            log_warn("spool: segment %s cannot be removed, and is tried again: %m%s", name,
                     errno == EISDIR ? "; remove it" : "");
        v->stuck = true;
        return false;
    }
    v->bytes -= s->bytes;
    return true;
}

void retain_give_up(struct inventory *v, uint64_t before)
{
    if (before > retain_oldest(v)) {
        v->oldest = before;
        if (v->ev.begins != NULL)
            v->ev.begins(v->ev.arg, v->oldest);
    }
}

static void remove_first(struct inventory *v, size_t n, bool keep)
{
    size_t kept = 0;

    if (n > 0)
        retain_give_up(v, v->held[n].first_seq);
    for (size_t i = 0; i < n; i++)
        if (!remove_segment(v, &v->held[i], keep))
            v->held[kept++] = v->held[i];
    v->stuck = kept > 0;
    v->n -= n - kept;
    memmove(v->held + kept, v->held + n, (v->n - kept) * sizeof *v->held);
}

void retain_remove(struct inventory *v, size_t n)
{
    remove_first(v, n, false);
}

uint64_t retain_room(const struct inventory *v, const struct held_segment *s)
{
    char name[SEGMENT_NAME];

    segment_name(name, s->first_seq);
    return begin_room_named(v->dirfd, name);
}

/* What has been given up and is still there could not be removed, and would not be now. */
void retain_give_way(struct inventory *v, uint64_t need)
{
    for (size_t n = 1; n < v->n; n++)
        if (v->held[n].first_seq > v->oldest && retain_room(v, &v->held[n - 1]) >= need) {
            remove_first(v, n, true);
            return;
        }
}
