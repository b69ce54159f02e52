/* spool/append.c - one frame at a time, and when the next segment begins
 *
 * A frame's header has the time of acceptance, counted from when its segment was made. So a wall
 * clock that is stepped begins a new segment, and so do 49 days.
 *
 * The new segment is made by the first append, so that restarts without traffic leave nothing
 * behind; it appears under its name by rename, header included.
 *
 * An append that fails leaves no frame: the segment is cut back to its last whole frame and given
 * up. If the cut fails, too, a torn frame stays at the end of a segment that is not appended to,
 * and readers step over it without counting anything lost, as the next segment begins with the same
 * number. A segment in which no frame, and no trailer of one, is valid may stand in the way of a new
 * one of the same name: it is replaced.
 *
 * On a full disk a file is all there is (spool/choose.h): it is written to as far as it has room, whatever the clock
 * does, and stays the newest while there is no other, for a frame that still fits.
 */
#include "spool/append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/random.h"
#include "base/why.h"
#include "spool/begin.h"
#include "spool/choose.h"
#include "spool/resume.h"
#include "spool/segment.h"

enum { BATCH = (1 << 20) + 4096 /* bytes of a segment with as large a frame as is usual */ };
static const int64_t STEP = NS_PER_S; /* less from one append to the next is a clock being slewed */

/* NULL: none. */
static struct held_segment *newest_of(const struct append *a)
{
    return a->folder.n > 0 ? &a->folder.held[a->folder.n - 1] : NULL;
}

/* So long is the newest now. */
static void resize_newest(struct append *a, uint64_t bytes)
{
    struct held_segment *newest = newest_of(a);

    a->folder.bytes += bytes - newest->bytes;
    newest->bytes = bytes;
}

/* --- its folder --- */

/* On a full disk: in the newest segment, if that can be. */
static void go_on_in_newest(struct append *a)
{
    struct inventory *v = &a->folder;

    choose_full(v, true);
    if (v->whole_end == 0)
        return;
    a->fd = resume_open(v->dirfd, newest_of(a)->first_seq, v->whole_end, &a->head, &a->room);
    a->wall_ahead = clock_wall() - clock_mono();
    if (a->fd >= 0)
        resize_newest(a, v->whole_end);
}

struct append *append_open(const struct append_config *c, struct why *why)
{
    struct append *a = calloc(1, sizeof *a);

    if (a == NULL) {
        why_set(why, "cannot be used: out of memory");
        return NULL;
    }
    append_configure(a, c);
    a->fd = a->folder.dirfd = a->folder.lock = -1;
    if (!inventory_open(&a->folder, c->dir, why)) {
        append_close(a);
        return NULL;
    }
    if (a->folder.cramped)
        go_on_in_newest(a);
    return a;
}

void append_close(struct append *a)
{
    if (a == NULL)
        return;
    fd_close(&a->fd);
    inventory_close(&a->folder);
    free(a);
}

bool append_there(struct append *a, const char *dir)
{
    if (a->fd >= 0 && fd_unlinked(a->fd))
        fd_close(&a->fd);
    return inventory_there(&a->folder, dir);
}

/* The old lock goes first: should its file be the new one after all, its close would take ours
 * along. */
bool append_reopen(struct append *a, const char *dir, struct why *why)
{
    struct inventory *v = &a->folder, next = {-1, -1, .next_seq = v->next_seq};
    bool good;

    fd_close(&a->fd);
    fd_close(&v->lock);
    good = inventory_open(&next, dir, why);
    if (good && dup3(next.dirfd, v->dirfd, O_CLOEXEC) < 0)
        good = why_set(why, "cannot be opened: %m");
    if (!good) {
        inventory_close(&next);
        return false;
    }
    fd_close(&next.dirfd);
    next.dirfd = v->dirfd;
    reserve_want(&next.reserve, v->reserve.wanted, v->reserve.each);
    next.oldest = append_oldest(a);
    next.ev = v->ev;
    free(v->held);
    reserve_free(&v->reserve);
    *v = next;
    return true;
}

void append_configure(struct append *a, const struct append_config *c)
{
    a->segment_size = c->segment_size;
    a->rules = (struct retain_rules){c->max_size, c->max_age};
    reserve_want(&a->folder.reserve, (uint64_t)c->reserve,
                 (uint64_t)(c->segment_size > BATCH ? c->segment_size : BATCH));
}

int append_dirfd(const struct append *a)
{
    return a->folder.dirfd;
}

uint64_t append_next_seq(const struct append *a)
{
    return a->folder.next_seq;
}

uint64_t append_begun(const struct append *a)
{
    return a->fd >= 0 ? newest_of(a)->first_seq : a->folder.next_seq;
}

uint64_t append_segment(const struct append *a)
{
    const struct held_segment *newest = newest_of(a);

    return newest != NULL ? newest->first_seq : a->folder.next_seq;
}

uint64_t append_bytes(const struct append *a)
{
    return a->folder.bytes;
}

void append_reserved(struct append *a, const struct reserve_file *file)
{
    if (reserve_made(&a->folder.reserve, file))
        choose_full(&a->folder, false);
}

uint64_t append_seal(struct append *a)
{
    fd_close(&a->fd);
    return a->folder.next_seq;
}

/* --- the newest segment --- */

/* It has been begun: `h` is in its file. */
static void hold_newest(struct append *a, const struct segment_header *h, int fd, uint64_t room)
{
    struct inventory *v = &a->folder;

    a->fd = fd;
    a->room = room;
    a->head = *h;
    a->wall_ahead = h->created_ns - clock_mono();
    v->held[v->n++] = (struct held_segment){
        .first_seq = h->first_seq, .bytes = SEGMENT_HEADER, .created_ns = h->created_ns};
    v->bytes += SEGMENT_HEADER;
}

/* Until there is another, the newest stays what it is. */
static int start_segment(struct append *a, uint64_t need, bool last)
{
    struct inventory *v = &a->folder;
    struct segment_header h = {v->next_seq, random_u64(), clock_wall(), 0};
    uint64_t room;
    int fd;

    if (!inventory_room(v)) /* and errno is ENOMEM */
        return -1;
    if (choose_spares_newest(v))
        fd_close(&a->fd);
    if ((fd = choose_file(v, &h, need, last, &room)) < 0)
        return -1;
    fd_close(&a->fd);
    if (v->n > 0 && newest_of(a)->first_seq == h.first_seq)
        inventory_drop_newest(v); /* it is replaced */
    hold_newest(a, &h, fd, room);
    return 0;
}

/* Cuts what a failed write left, so that it takes no room on a full disk, and closes the segment. */
static void give_up_segment(struct append *a)
{
    struct stat st;
    int e = errno;

    if (ftruncate(a->fd, (off_t)newest_of(a)->bytes) < 0 && fstat(a->fd, &st) == 0)
        resize_newest(a, (uint64_t)st.st_size);
    fd_close(&a->fd);
    errno = e;
}

static int put_frame(struct append *a, const void *payload, size_t n, uint32_t count,
                     int64_t accepted_ns)
{
    static const uint8_t zero[8];
    const struct held_segment *newest = newest_of(a);
    uint64_t salt = a->head.salt;
    struct frame_header h = {a->folder.next_seq, count, (uint32_t)n, frame_sum(payload, n, salt),
                             frame_accepted_put(&a->head, accepted_ns)};
    uint8_t head[FRAME_HEADER], trailer[FRAME_TRAILER], mark[FRAME_END];
    size_t size = frame_size(h.length);
    bool marked = frame_end_needed(&a->head, newest->bytes + size);
    struct iovec v[5] = {
        {head, sizeof head},
        {(void *)(uintptr_t)payload, n},
        {(void *)(uintptr_t)zero, size - FRAME_HEADER - FRAME_TRAILER - n},
        {trailer, sizeof trailer},
        {mark, marked ? sizeof mark : 0},
    };

    frame_header_put(head, &h, salt);
    frame_trailer_put(trailer, &h, salt);
    if (marked)
        frame_end_put(mark, h.seq + count, salt);
    if (fd_writev_at(a->fd, v, 5, (off_t)newest->bytes) < 0)
        return -1;
    resize_newest(a, newest->bytes + size);
    a->folder.next_seq += count;
    return 0;
}

static bool clock_stepped(struct append *a, int64_t wall)
{
    int64_t ahead = wall - clock_mono(), by = ahead - a->wall_ahead;

    a->wall_ahead = ahead;
    return by > STEP || by < -STEP;
}

/* Frames in the newest can tell of now. */
static bool tells_of(struct append *a, int64_t wall)
{
    return !clock_stepped(a, wall) && frame_accepted_put(&a->head, wall) != 0;
}

/* The newest may be appended to, and is not long enough yet: on a full disk it is when its room is used up. */
static bool takes_more(const struct append *a, size_t size)
{
    const struct held_segment *newest = newest_of(a);

    if (a->fd < 0)
        return false;
    if (a->folder.reserve.full && a->room < UINT64_MAX)
        return newest->bytes + size <= a->room;
    return newest->bytes < (uint64_t)a->segment_size;
}

int append_frame(struct append *a, const void *payload, size_t n, uint32_t count, uint64_t *end)
{
    return append_held(a, payload, n, count, clock_wall(), end);
}

static int try_append(struct append *a, const void *payload, size_t n, uint32_t count,
                      int64_t accepted_ns, bool last)
{
    size_t size = frame_size((uint32_t)n);

    if (!takes_more(a, size) && start_segment(a, SEGMENT_HEADER + size, last) < 0)
        return -1;
    if (put_frame(a, payload, n, count, accepted_ns) == 0)
        return 0;
    give_up_segment(a);
    return -1;
}

/* --- the newest becomes the next --- */

/* Its file becomes the next segment, at once: its room is what the next one lacks. The header is written first, so
 * that a reader finds no segment by that name that it cannot read; the cursors keep the number meanwhile. What
 * fails is tried again by the next call; nothing is added behind a header that is another's. */
static bool reuse_newest(struct append *a)
{
    struct inventory *v = &a->folder;
    struct segment_header h = {v->next_seq, random_u64(), clock_wall(), 0};
    const struct held_segment *s = newest_of(a);
    char name[SEGMENT_NAME];
    uint64_t room;
    int fd;

    if (s == NULL || (a->fd >= 0 && s->first_seq == v->next_seq) || v->next_seq > SEQ_BELIEVED)
        return false;
    segment_name(name, s->first_seq);
    if ((fd = begin_over(v->dirfd, name, &h, &room)) < 0) {
        if (room > 0)
            fd_close(&a->fd);
        return false;
    }
    fd_close(&a->fd);
    inventory_drop_newest(v);
    hold_newest(a, &h, fd, room);
    return true;
}

/* It is all there is, and nobody has to read it but to send it once more, after a failure: that is worth less than what
 * comes, and is counted as where the oldest give way. */
static bool newest_gives_way(struct append *a, uint64_t need)
{
    struct inventory *v = &a->folder;

    if (v->n == 0 || v->reserve.wanted == 0 || v->reserve.elsewhere || v->ev.passed == NULL ||
        newest_of(a)->first_seq == v->next_seq || retain_room(v, newest_of(a)) < need ||
        v->ev.passed(v->ev.arg) < v->next_seq)
        return false;
    retain_give_up(v, v->next_seq);
    return reuse_newest(a);
}

/* Once more where there was no room: then the oldest may give way, or the newest. */
static int append_somewhere(struct append *a, const void *payload, size_t n, uint32_t count,
                            int64_t accepted_ns)
{
    int r = try_append(a, payload, n, count, accepted_ns, false), why = errno;

    if (r == 0 || !fd_no_room(why))
        return r;
    choose_full(&a->folder, true);
    r = try_append(a, payload, n, count, accepted_ns, true);
    if (r < 0 && fd_no_room(errno) && newest_gives_way(a, SEGMENT_HEADER + frame_size((uint32_t)n)))
        r = try_append(a, payload, n, count, accepted_ns, true);
    if (r < 0 && fd_no_room(errno))
        errno = why;
    return r;
}

int append_held(struct append *a, const void *payload, size_t n, uint32_t count,
                int64_t accepted_ns, uint64_t *end)
{
    if (n == 0 || n > FRAME_MAX || count == 0) {
        errno = EINVAL;
        return -1;
    }
    if (count > SEQ_MAX - a->folder.next_seq) {
        errno = EOVERFLOW;
        return -1;
    }
    if (a->fd >= 0 && !tells_of(a, clock_wall()) && !a->folder.reserve.full)
        fd_close(&a->fd);
    a->tight = append_somewhere(a, payload, n, count, accepted_ns) < 0;
    if (a->tight)
        return -1;
    *end = a->folder.next_seq;
    return 0;
}

/* --- retention --- */

uint64_t append_oldest(const struct append *a)
{
    return retain_oldest(&a->folder);
}

uint64_t append_within(const struct append *a, uint64_t bytes)
{
    const struct inventory *v = &a->folder;
    uint64_t from = v->next_seq, all = 0;

    for (size_t i = v->n; i > 0 && (all += v->held[i - 1].bytes) <= bytes; i--)
        from = v->held[i - 1].first_seq;
    return from;
}

unsigned append_retain(struct append *a, uint64_t needed, int64_t wall_ns)
{
    struct inventory *v = &a->folder;
    unsigned lost;

    retain_remove(v, retain_count(v, &a->rules, needed, wall_ns, &lost));
    reserve_trim(&v->reserve, v->dirfd);
    if (v->reserve.full && (a->fd < 0 || a->tight) && needed >= v->next_seq)
        (void)reuse_newest(a);
    return lost;
}
