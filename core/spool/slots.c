/* spool/slots.c - 32 records a page, each with a checksum of its own: a write that is torn costs one of
 * them. Its place is found again at each write, by its name: so a file that is taken away, or a folder,
 * is noticed, and no descriptor is kept. A record of a name that nobody has any more is given to
 * another one when its pages are full.
 */
#include "spool/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/fd.h"
#include "base/le.h"
#include "base/log.h"
#include "spool/opener.h"

/* Of a record: checksum of what follows, slot, name. */
enum { PAGE = 4096, RECORD = 128, PER_PAGE = PAGE / RECORD, SLOT_AT = 8, NAME_AT = 16 };
enum { MOST = 256 * PAGE /* bytes that are read, and written */, SEED = 1 /* of this format */ };

_Static_assert((int)SLOTS_NAME + NAME_AT <= RECORD, "a name fits into its record");

/* --- a record as bytes --- */

static void encode_record(const struct slots_record *r, char *out)
{
    if (r->name[0] == 0)
        return;
    le64_put(out + SLOT_AT, (uint64_t)r->slot);
    memcpy(out + NAME_AT, r->name, strlen(r->name));
    le64_put(out, XXH3_64bits_withSeed(out + SLOT_AT, RECORD - SLOT_AT, SEED));
}

static void decode_record(const char *in, struct slots_record *r)
{
    if (le64_get(in) != XXH3_64bits_withSeed(in + SLOT_AT, RECORD - SLOT_AT, SEED) ||
        memchr(in + NAME_AT, 0, SLOTS_NAME) == NULL)
        return; /* free, torn, or of a later format */
    r->slot = (int64_t)le64_get(in + SLOT_AT);
    (void)snprintf(r->name, sizeof r->name, "%s", in + NAME_AT);
}

/* --- the file --- */

static void report_failure(struct slots *s, int error)
{
    bool in_the_way = error == EISDIR || error == ELOOP || error == ENOTSUP || error == ENXIO;

    s->behind = error != 0;
    if (error != 0 && !s->failing)
        log_error("spool: the last runs of collectors cannot be recorded in its file \"slots\": "
                  "%s%s; trying again: until then, a restart may repeat the last run of those that "
                  "are `persistent`",
                  strerror(error),
                  in_the_way ? ": what is in its place is no file: remove it" : "");
    else if (error == 0 && s->failing)
        log_info("spool: the last runs of collectors are recorded again");
    s->failing = error != 0;
}

/* Nothing but a plain file: no FIFO waits, no link leads out. -1 with errno. */
static int open_plain(const struct slots *s, int flags, struct stat *st)
{
    int fd = openat(s->dirfd, "slots", flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, SPOOL_FILE);

    if (fd < 0 || (fstat(fd, st) == 0 && S_ISREG(st->st_mode)))
        return fd;
    fd_close(&fd);
    errno = ENOTSUP;
    return -1;
}

/* An inode's number may be given again at once, so that alone would not tell. */
static bool as_left(const struct slots *s, const struct stat *st)
{
    const struct stat *l = &s->left;

    return st->st_dev == l->st_dev && st->st_ino == l->st_ino && st->st_size == l->st_size &&
           st->st_ctim.tv_sec == l->st_ctim.tv_sec && st->st_ctim.tv_nsec == l->st_ctim.tv_nsec;
}

static int write_page(const struct slots *s, int fd, size_t page)
{
    char out[PAGE] = "";

    for (size_t i = 0; i < PER_PAGE; i++)
        encode_record(&s->v[page * PER_PAGE + i], out + i * RECORD);
    return fd_write_at(fd, out, sizeof out, (off_t)(page * PAGE));
}

/* The one page, if the file has the others; else all of it. */
static int write_file(struct slots *s, size_t page)
{
    size_t end = page + 1;
    struct stat st;
    int fd = open_plain(s, O_RDWR | O_CREAT, &st), r = 0;

    if (fd < 0)
        return -1;
    if (s->behind || !as_left(s, &st))
        page = 0, end = s->n / PER_PAGE;
    for (; page < end && r == 0; page++)
        r = write_page(s, fd, page);
    if (r == 0)
        r = fstat(fd, &s->left);
    fd_close(&fd);
    return r;
}

static void write_now(struct slots *s, size_t page)
{
    if (s->dirfd >= 0)
        report_failure(s, write_file(s, page) == 0 ? 0 : errno);
}

void slots_look(struct slots *s)
{
    struct stat st;
    bool there;

    if (s->n == 0 || s->dirfd < 0)
        return;
    there = fstatat(s->dirfd, "slots", &st, AT_SYMLINK_NOFOLLOW) == 0 && as_left(s, &st);
    s->behind |= !there;
    if (s->behind)
        write_now(s, 0);
}

/* --- records --- */

static bool add_page(struct slots *s)
{
    struct slots_record *v = NULL;

    if (s->n < MOST / RECORD)
        v = realloc(s->v, (s->n + PER_PAGE) * sizeof *v);
    if (v == NULL)
        return false;
    memset(v + s->n, 0, PER_PAGE * sizeof *v);
    s->v = v;
    s->n += PER_PAGE;
    return true;
}

static struct slots_record *find_record(const struct slots *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].name, name) == 0)
            return &s->v[i];
    return NULL;
}

/* A free one; else that of a name that is not in use, the one that ran longest ago. */
static struct slots_record *spare_record(const struct slots *s)
{
    struct slots_record *r = find_record(s, "");

    for (size_t i = 0; i < s->n && (r == NULL || r->name[0] != 0); i++)
        if (!s->v[i].used && (r == NULL || s->v[i].slot < r->slot))
            r = &s->v[i];
    return r;
}

int64_t slots_get(struct slots *s, const char *name)
{
    struct slots_record *r = find_record(s, name);

    if (r == NULL)
        return SLOTS_NONE;
    r->used = true;
    return r->slot;
}

void slots_put(struct slots *s, const char *name, int64_t slot)
{
    struct slots_record *r = find_record(s, name);

    if (r == NULL && slot == SLOTS_NONE)
        return;
    if (r == NULL && (r = spare_record(s)) == NULL)
        r = add_page(s) ? &s->v[s->n - PER_PAGE] : NULL;
    if (r == NULL && s->full)
        return;
    if (r == NULL) {
        s->full = true;
        log_error("spool: the last run of collector %s cannot be recorded: no room in memory, or "
                  "more than %d collectors; a restart may repeat it",
                  name, MOST / RECORD);
        return;
    }
    *r = (struct slots_record){.slot = slot, .used = slot != SLOTS_NONE};
    if (slot != SLOTS_NONE)
        (void)snprintf(r->name, sizeof r->name, "%s", name);
    write_now(s, (size_t)(r - s->v) / PER_PAGE);
}

/* --- beginning and end --- */

static void take_bytes_of(struct slots *s, const struct buf *b)
{
    for (size_t at = 0; at + RECORD <= b->n; at += RECORD) {
        if (at % PAGE == 0 && !add_page(s))
            return;
        decode_record(b->p + at, &s->v[at / RECORD]);
    }
}

void slots_open(struct slots *s, int dirfd)
{
    struct buf b = {.max = MOST};
    int fd, r;

    *s = (struct slots){.dirfd = dirfd};
    if ((fd = open_plain(s, O_RDONLY, &s->left)) < 0 && errno == ENOENT)
        return; /* nothing has ever run */
    r = fd < 0 ? -1 : fd_read_all(fd, 0, &b);
    if (r < 0 && errno != EFBIG)
        log_error("spool: the last runs of collectors cannot be read from its file \"slots\": %m; "
                  "those that are `persistent` run once");
    else
        take_bytes_of(s, &b);
    fd_close(&fd);
    buf_free(&b);
}

void slots_close(struct slots *s)
{
    if (s->behind)
        write_now(s, 0);
    free(s->v);
    *s = (struct slots){.dirfd = -1};
}
