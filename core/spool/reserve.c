/* spool/reserve.c - a list of files, in no order
 *
 * What has become of a file is looked at when it is needed: one that somebody has removed, or linked, or that cannot be
 * written, is forgotten, and the next is tried: one bad file must not cost what the others are for. Without
 * memory for the list a file is not given, and one that the helper made is found at the next start.
 */
#include "spool/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/random.h"
#include "spool/begin.h"

enum { LEAST = 64 << 10 /* bytes to ask for */ };
static const char BEFORE[] = ".reserve-", AFTER[] = ".seg.tmp";
static const int64_t AGAIN = 5 * NS_PER_S;

void reserve_name(char out[RESERVE_NAME], uint64_t id)
{
    (void)snprintf(out, RESERVE_NAME, "%s%016" PRIx64 "%s", BEFORE, id, AFTER);
}

/* --- the list --- */

static bool has_place(struct reserve *r)
{
    size_t cap = r->cap > 0 ? 2 * r->cap : 8;
    struct reserve_file *v = r->n < r->cap ? r->v : reallocarray(r->v, cap, sizeof *v);

    if (v == NULL)
        return false;
    r->cap = r->n < r->cap ? r->cap : cap;
    r->v = v;
    return true;
}

static void note_file(struct reserve *r, uint64_t id, uint64_t bytes)
{
    r->v[r->n++] = (struct reserve_file){id, bytes, 0};
    r->bytes += bytes;
}

static void drop_file(struct reserve *r, size_t i)
{
    r->bytes -= r->v[i].bytes;
    r->v[i] = r->v[--r->n];
}

/* The smallest that has room for so many bytes: the large ones are for what fits nowhere else. r->n: none has. */
static size_t file_for(const struct reserve *r, uint64_t need)
{
    size_t best = r->n;

    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].bytes >= need && (best == r->n || r->v[i].bytes < r->v[best].bytes))
            best = i;
    return best;
}

void reserve_free(struct reserve *r)
{
    free(r->v);
    *r = (struct reserve){0};
}

/* --- what there is, and what is wanted --- */

bool reserve_adopt(struct reserve *r, int dirfd, const char *name)
{
    char same[RESERVE_NAME];
    struct stat st;
    uint64_t id;

    if (sscanf(name, ".reserve-%16" SCNx64, &id) != 1)
        return false;
    reserve_name(same, id);
    if (strcmp(name, same) != 0 || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISREG(st.st_mode) || !has_place(r))
        return false;
    note_file(r, id, begin_room(&st));
    return true;
}

void reserve_want(struct reserve *r, uint64_t wanted, uint64_t each)
{
    r->wanted = wanted;
    r->each = each;
}

bool reserve_short(const struct reserve *r)
{
    return r->bytes < r->wanted;
}

/* As long as the disk has room for one that is not. */
static bool is_too_large(const struct reserve *r, const struct reserve_file *file)
{
    return !r->full && file->bytes > r->wanted + r->wanted / 2 + LEAST;
}

void reserve_trim(struct reserve *r, int dirfd)
{
    char name[RESERVE_NAME];

    for (size_t i = 0; i < r->n;) {
        if (r->bytes - r->v[i].bytes < r->wanted && !is_too_large(r, &r->v[i])) {
            i++;
            continue;
        }
        reserve_name(name, r->v[i].id);
        if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
            return;
        drop_file(r, i);
    }
}

/* --- from a segment, to a segment --- */

bool reserve_give(struct reserve *r, int dirfd, const char *segment)
{
    uint64_t id = random_u64(), room = begin_room_named(dirfd, segment);
    char name[RESERVE_NAME];

    reserve_name(name, id);
    if (!has_place(r) || room == 0 || renameat(dirfd, segment, dirfd, name) < 0)
        return false;
    note_file(r, id, room);
    return true;
}

/* What another file would meet as well; all else is this file's own. */
static bool of_all_files(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR ||
           error == EROFS || fd_no_room(error);
}

static void leave_out(struct reserve *r, size_t i, const char *name)
{
    if (errno != ENOENT && !r->said)
        log_warn("spool: %s, a file of the reserve, is left out, since it cannot be used: %m",
                 name);
    r->said = r->said || errno != ENOENT;
    drop_file(r, i);
}

int reserve_take(struct reserve *r, int dirfd, uint64_t need, struct segment_header *h,
                 uint64_t *room)
{
    char name[RESERVE_NAME];
    size_t i;
    int fd;

    while ((i = file_for(r, need)) < r->n) {
        reserve_name(name, r->v[i].id);
        fd = begin_over(dirfd, name, h, room);
        if (fd >= 0) {
            drop_file(r, i);
            return fd;
        }
        if (of_all_files(errno)) {
            /* no room to write over what is there; for a name in the folder there may be some when the oldest goes */
            r->elsewhere = fd_no_room(errno) && *room == 0;
            return -1;
        }
        leave_out(r, i, name);
    }
    errno = ENOSPC;
    return -1;
}

/* --- from the helper --- */

bool reserve_ask(struct reserve *r, struct reserve_file *file)
{
    uint64_t lacks = reserve_short(r) ? r->wanted - r->bytes : 0;
    uint64_t bytes = lacks > 0 && lacks < r->each ? lacks : r->each;

    if (r->asked.id == 0) {
        if ((lacks == 0 && !(r->full && r->wanted > 0)) || clock_mono() < r->again_ns)
            return false;
        r->asked = (struct reserve_file){random_u64() | 1, bytes > LEAST ? bytes : LEAST, r->bytes};
    }
    *file = r->asked;
    return true;
}

bool reserve_made(struct reserve *r, const struct reserve_file *file)
{
    bool whole = file->bytes >= r->asked.bytes;

    if (r->asked.id == 0 || file->id != r->asked.id)
        return false;
    r->asked.id = 0;
    if (file->bytes > 0 && has_place(r))
        note_file(r, file->id, file->bytes);
    if (!whole)
        r->again_ns = clock_mono() + AGAIN;
    return whole;
}
