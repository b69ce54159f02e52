/* sink/horizon.c - where the stretch of log begins that a place depends on
 *
 * Reads the headers of as many segments as the window has, and one more. A segment whose header
 * cannot be read says nothing, and the one before it counts: rather too much is read than too
 * little.
 */
#include "sink/horizon.h"

#include "base/clock.h"
#include "base/fd.h"
#include "spool/segment.h"

/* When it was made; false if that cannot be known. */
static bool created(int dirfd, uint64_t first_seq, int64_t *ns)
{
    struct segment_header h;
    enum segment_state state;
    int fd = segment_open(dirfd, first_seq, &h, &state);

    if (fd < 0)
        return false;
    fd_close(&fd);
    *ns = h.created_ns;
    return state == SEGMENT_GOOD;
}

uint64_t horizon_find(int dirfd, uint64_t at, int64_t window_ns)
{
    struct segment_list l;
    int64_t end = 0, made;
    uint64_t found = 0;
    bool known = false;
    size_t i;

    if (segment_list(dirfd, &l) < 0)
        return 0;
    for (i = l.n; i > 0 && l.first_seq[i - 1] > at; i--)
        ;
    for (; i > 0 && found == 0; i--) {
        if (!created(dirfd, l.first_seq[i - 1], &made))
            continue;
        if (known && clock_between(made, end) >= window_ns)
            found = l.first_seq[i - 1];
        end = known ? end : made;
        known = true;
    }
    segment_list_free(&l);
    return found;
}
