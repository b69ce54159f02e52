/* cli/follow.c - a tail, the records of its frames, and where to go on when the folder is not the same any more
 *
 * A folder was replaced if another one is there under its name. It was emptied while no garnetd ran if its numbers end
 * before ours: that is looked for when nothing has come for a while, and files have come or gone.
 * Fails with FOLLOW_ERROR, keeping its place.
 */
#include "cli/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/spool_folder.h"
#include "model/record.h"
#include "spool/segment.h"

static const int64_t QUIET = NS_PER_S;

static bool gap(struct follow *f, uint64_t end, const char *reason)
{
    if (end <= f->next)
        return false;
    f->seq = f->next;
    f->lost = end - f->next;
    f->reason = reason;
    f->next = end;
    return true;
}

void follow_seek(struct follow *f, uint64_t seq)
{
    f->left = 0;
    f->next = seq;
    tail_seek(f->tail, seq);
}

void follow_release(struct follow *f)
{
    follow_seek(f, f->next);
}

/* --- where to begin --- */

/* False with errno. */
static bool begin_at_end(struct follow *f)
{
    uint64_t end;
    int found = spool_end(f->dirfd, &end);

    if (found < 0)
        return false;
    f->anywhere = found == 0;
    follow_seek(f, end);
    f->end_ns = clock_mono();
    return true;
}

static bool begin_at_oldest(struct follow *f)
{
    uint64_t first = 0;
    int found = segment_oldest(f->dirfd, &first);

    if (found < 0)
        return false;
    f->anywhere = found == 0;
    follow_seek(f, first);
    return true;
}

bool follow_open(struct follow *f, const char *dir, bool oldest, struct why *why)
{
    *f = (struct follow){.dir = dir, .came_ns = clock_mono()};
    f->dirfd = spool_folder(dir, why);
    if (f->dirfd < 0)
        return false;
    f->tail = tail_open(f->dirfd, 0);
    if (f->tail == NULL)
        return spool_fault(why, errno);
    return (oldest ? begin_at_oldest(f) : begin_at_end(f)) || spool_fault(why, errno);
}

void follow_close(struct follow *f)
{
    tail_close(f->tail);
    f->tail = NULL;
    fd_close(&f->dirfd);
}

/* --- what comes --- */

static void take_frame(struct follow *f)
{
    if (f->anywhere)
        f->next = f->frame.seq;
    f->anywhere = false;
    f->at = 0;
    f->number = f->frame.seq;
    f->left = f->frame.count;
    f->came_ns = clock_ticks();
}

/* Of the frame: false: there is none that was not handed out. */
static bool next_record(struct follow *f, enum follow_result *result)
{
    size_t size;

    while (f->left > 0) {
        size =
            record_get((const char *)f->frame.payload + f->at, f->frame.length - f->at, &f->metric);
        if (size == 0) {
            f->number += f->left;
            f->left = 0;
            *result = FOLLOW_GAP;
            return gap(f, f->number, "damaged");
        }
        f->at += size;
        f->left--;
        if (f->number++ < f->next)
            continue;
        f->seq = f->number - 1;
        f->next = f->number;
        *result = FOLLOW_METRIC;
        return true;
    }
    return false;
}

static bool take_loss(struct follow *f)
{
    uint64_t end = f->frame.seq + f->frame.lost;

    if (!f->anywhere)
        return gap(f, end, f->frame.reason == TAIL_EXPIRED ? "expired" : "damaged");
    f->next = end;
    return false;
}

enum follow_result follow_next(struct follow *f)
{
    enum follow_result result;

    for (;;) {
        if (next_record(f, &result))
            return result;
        if (f->moved)
            return FOLLOW_WAIT;
        switch (tail_next(f->tail, &f->frame)) {
        case TAIL_FRAME:
            take_frame(f);
            break;
        case TAIL_LOST:
            if (take_loss(f))
                return FOLLOW_GAP;
            break;
        case TAIL_WAIT:
            f->end_ns = clock_mono();
            return FOLLOW_WAIT;
        case TAIL_ERROR:
            return FOLLOW_ERROR;
        }
    }
}

int64_t follow_behind(const struct follow *f)
{
    return f->end_ns == 0 ? 0 : clock_ticks() - f->end_ns;
}

bool follow_skip(struct follow *f)
{
    uint64_t from = f->next;

    if (!begin_at_end(f) || f->next <= from) { /* it is not the same spool any more */
        f->end_ns = clock_mono();
        follow_seek(f, from);
        f->anywhere = false;
        return false;
    }
    f->seq = from;
    f->lost = f->next - from;
    f->reason = "too slow";
    return true;
}

/* --- whether it is the same spool --- */

static enum follow_news open_again(struct follow *f)
{
    struct stat here, there;
    struct tail *t;
    int fd;

    if (stat(f->dir, &there) < 0)
        return FOLLOW_GONE;
    if (fstat(f->dirfd, &here) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino)
        return FOLLOW_SAME;
    fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return FOLLOW_GONE;
    t = tail_open(fd, f->next);
    if (t == NULL) {
        fd_close(&fd);
        return FOLLOW_GONE;
    }
    follow_close(f);
    f->dirfd = fd;
    f->tail = t;
    f->left = 0;
    f->moved = !f->anywhere;
    return FOLLOW_BACK;
}

/* Where its numbers are, if there are any. */
static enum follow_news compare_numbers(struct follow *f)
{
    uint64_t end;
    int found = spool_end(f->dirfd, &end);

    if (found <= 0)
        return FOLLOW_SAME;
    if (end < f->next) {
        f->moved = !begin_at_oldest(f); /* then once more */
        return f->moved ? FOLLOW_SAME : FOLLOW_ANEW;
    }
    f->moved = false;
    follow_seek(f, f->next);
    return FOLLOW_SAME;
}

/* Files have come or gone since the last look, and nothing else has. A change within two seconds of another may leave
 * the same mtime, so a young one proves nothing. */
static bool is_suspect(struct follow *f)
{
    struct stat st;
    int64_t mtime;

    if (f->anywhere || clock_mono() - f->came_ns < QUIET || fstat(f->dirfd, &st) < 0)
        return false;
    mtime = clock_ns(st.st_mtim);
    if (mtime == f->mtime_ns)
        return false;
    if (clock_between(mtime, clock_wall()) > 2 * NS_PER_S)
        f->mtime_ns = mtime;
    return true;
}

enum follow_news follow_look(struct follow *f)
{
    enum follow_news news = open_again(f), more = FOLLOW_SAME;

    if (news == FOLLOW_GONE)
        return news;
    if (f->moved || is_suspect(f))
        more = compare_numbers(f);
    return more != FOLLOW_SAME ? more : news;
}
