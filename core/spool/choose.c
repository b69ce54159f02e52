/* spool/choose.c - the order in which files are tried; what is full is kept in the reserve's `full`
 *
 * Fails as the system does: with no room, where nothing had any.
 */
#include "spool/choose.h"

#include <errno.h>

#include "base/fd.h"
#include "base/log.h"
#include "spool/begin.h"

void choose_full(struct inventory *v, bool full)
{
    struct reserve *r = &v->reserve;

    if (full && !r->full && r->wanted > 0)
        log_warn("spool: the disk is full: metrics go into what the spool has there, %llu KiB of "
                 "reserve for now; when no sink has done with any more, the oldest give way",
                 (unsigned long long)r->bytes >> 10);
    if (!full && r->full && r->wanted > 0)
        log_info("spool: there is room on the disk again");
    r->full = full;
    r->elsewhere = r->elsewhere && full;
}

bool choose_spares_newest(struct inventory *v)
{
    const struct held_segment *newest = v->n > 0 ? &v->held[v->n - 1] : NULL;
    char name[SEGMENT_NAME];

    if (!v->reserve.full || v->reserve.wanted == 0 || newest == NULL ||
        newest->first_seq != v->next_seq)
        return false;
    segment_name(name, newest->first_seq);
    if (!reserve_give(&v->reserve, v->dirfd, name))
        return false;
    inventory_drop_newest(v);
    return true;
}

/* Of the reserve, to which the oldest give way where nothing else has helped. */
static int take_reserved(struct inventory *v, struct segment_header *h, uint64_t need, bool last,
                         uint64_t *room)
{
    int fd = reserve_take(&v->reserve, v->dirfd, need, h, room);

    if (fd >= 0 || !fd_no_room(errno) || !last || v->reserve.wanted == 0 || v->reserve.elsewhere)
        return fd;
    retain_give_way(v, need);
    return reserve_take(&v->reserve, v->dirfd, need, h, room);
}

int choose_file(struct inventory *v, struct segment_header *h, uint64_t need, bool last,
                uint64_t *room)
{
    bool was_full = v->reserve.full;
    int fd, why = ENOSPC;

    *room = UINT64_MAX;
    if (!was_full && ((fd = begin_new(v->dirfd, h)) >= 0 || !fd_no_room(why = errno)))
        return fd;
    choose_full(v, true);
    if ((fd = take_reserved(v, h, need, last, room)) >= 0 || !fd_no_room(errno))
        return fd;
    *room = UINT64_MAX;
    if (was_full && !last && ((fd = begin_new(v->dirfd, h)) >= 0 || !fd_no_room(why = errno))) {
        v->reserve.full = fd < 0 || v->reserve.wanted > 0; /* the helper finds out */
        return fd;
    }
    errno = why;
    return -1;
}
