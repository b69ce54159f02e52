/* spool/cursor.c - the layout of a cursor file, its two slots, and its lock
 *
 * One slot, 512 bytes, at offset 512 * (generation % 2):
 *    0  "GARNCURS"         8  u32 format version, u32 points of the trail
 *   16  u64 generation    24  u64 start     32  u64 position
 *   40  u64 dropped[16]  168  u64 keep     176  u64 owed    184  u64 window
 *  192  i64 moved        200  i64 stored   208  i64 wall
 *  216  16 times i64 when, u64 seq         472  zero        504  u64 sum (XXH3) of all before
 * A store overwrites the older slot: whatever becomes of it, the newer one stands.
 *
 * Nothing in here syncs but cursor_sync(). After a power failure a cursor may be old (metrics are
 * sent again) or gone (EBADMSG, ENOENT: its sink starts at the oldest); neither loses anything.
 *
 * The lock is a POSIX record lock, see spool/append.c: it goes with the first close of ANY
 * descriptor of that file in its process. So a worker must never call cursor_read() on the cursor
 * it holds open.
 */
#include "spool/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/fd.h"
#include "spool/le.h"
#include "spool/opener.h"
#include "spool/rights.h"
#include "spool/segment.h"

enum {
    FORMAT = 1,
    SLOT = 512,
    TRAIL_AT = 216,
    SUM_AT = 504,
    PATH = NAME_MAX + 32,
    LIST_MAX = 1 << 20
};
static const char MAGIC[8] = {'G', 'A', 'R', 'N', 'C', 'U', 'R', 'S'};

const char *drop_reason_name(unsigned reason)
{
    static const char *const names[] = {"expired",     "damaged", "skipped",   "rejected",
                                        "quarantined", "stale",   "deselected"};
    _Static_assert(sizeof names / sizeof *names == DROP_COUNT, "a reason has no name");

    return reason < sizeof names / sizeof *names ? names[reason] : NULL;
}

/* --- slots --- */

static void times_put(uint8_t out[SLOT], const struct cursor_state *s)
{
    le32_put(out + 12, (uint32_t)s->ntrail);
    le64_put(out + 192, (uint64_t)s->moved_ns);
    le64_put(out + 200, (uint64_t)s->stored_ns);
    le64_put(out + 208, (uint64_t)s->wall_ns);
    for (size_t i = 0; i < CURSOR_TRAIL; i++) {
        le64_put(out + TRAIL_AT + 16 * i, (uint64_t)s->trail[i].at_ns);
        le64_put(out + TRAIL_AT + 16 * i + 8, s->trail[i].seq);
    }
}

static bool times_get(const uint8_t in[SLOT], struct cursor_state *s)
{
    s->ntrail = le32_get(in + 12);
    s->moved_ns = (int64_t)le64_get(in + 192);
    s->stored_ns = (int64_t)le64_get(in + 200);
    s->wall_ns = (int64_t)le64_get(in + 208);
    for (size_t i = 0; i < CURSOR_TRAIL; i++) {
        s->trail[i].at_ns = (int64_t)le64_get(in + TRAIL_AT + 16 * i);
        s->trail[i].seq = le64_get(in + TRAIL_AT + 16 * i + 8);
    }
    return s->ntrail <= CURSOR_TRAIL;
}

static void slot_put(uint8_t out[SLOT], uint64_t generation, const struct cursor_state *s)
{
    memset(out, 0, SLOT);
    memcpy(out, MAGIC, sizeof MAGIC);
    le32_put(out + 8, FORMAT);
    le64_put(out + 16, generation);
    le64_put(out + 24, s->start);
    le64_put(out + 32, s->position);
    for (size_t i = 0; i < DROP_REASONS; i++)
        le64_put(out + 40 + 8 * i, s->dropped[i]);
    le64_put(out + 168, s->keep);
    le64_put(out + 176, s->owed);
    le64_put(out + 184, s->window);
    times_put(out, s);
    le64_put(out + SUM_AT, XXH3_64bits(out, SUM_AT));
}

static bool slot_get(const uint8_t in[SLOT], uint64_t *generation, struct cursor_state *s)
{
    if (memcmp(in, MAGIC, sizeof MAGIC) != 0 || le32_get(in + 8) != FORMAT ||
        le64_get(in + SUM_AT) != XXH3_64bits(in, SUM_AT))
        return false;
    *generation = le64_get(in + 16);
    s->start = le64_get(in + 24);
    s->position = le64_get(in + 32);
    for (size_t i = 0; i < DROP_REASONS; i++)
        s->dropped[i] = le64_get(in + 40 + 8 * i);
    s->keep = le64_get(in + 168);
    s->owed = le64_get(in + 176);
    s->window = le64_get(in + 184);
    return s->position <= SEQ_MAX && s->start <= s->position && s->keep <= s->position &&
           s->owed <= s->position && s->window <= s->position - s->keep && times_get(in, s);
}

static ssize_t read_at(int fd, void *p, size_t n, off_t off)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = pread(fd, (char *)p + done, n - done, off + (off_t)done);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

static int write_at(int fd, const void *p, size_t n, off_t off)
{
    size_t done = 0;

    while (done < n) {
        ssize_t w = pwrite(fd, (const char *)p + done, n - done, off + (off_t)done);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        done += (size_t)w;
    }
    return 0;
}

/* The newest valid slot of an open cursor. */
static int read_slots(int fd, uint64_t *generation, struct cursor_state *s)
{
    uint8_t bytes[2 * SLOT] = {0};
    struct cursor_state one;
    uint64_t g;
    bool found = false;

    if (read_at(fd, bytes, sizeof bytes, 0) < 0)
        return -1;
    for (size_t i = 0; i < 2; i++)
        if (slot_get(bytes + i * SLOT, &g, &one) && (!found || g > *generation)) {
            found = true;
            *generation = g;
            *s = one;
        }
    if (found)
        return 0;
    errno = EBADMSG;
    return -1;
}

/* --- files --- */

static int cursor_path(char out[PATH], const char *before, const char *name, const char *after)
{
    int n = snprintf(out, PATH, "cursors/%s%s%s", before, name, after);

    if (n >= 0 && n < PATH)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

int cursor_create(int dirfd, const char *name, uint64_t start)
{
    struct cursor_state s = {.start = start, .keep = start, .position = start};

    return cursor_restore(dirfd, name, &s);
}

int cursor_restore(int dirfd, const char *name, const struct cursor_state *s)
{
    uint8_t bytes[2 * SLOT];
    char temp[PATH], path[PATH];

    if (cursor_path(temp, ".", name, ".tmp") < 0 || cursor_path(path, "", name, "") < 0)
        return -1;
    if (mkdirat(dirfd, "cursors", SPOOL_FOLDER) < 0 && errno != EEXIST)
        return -1;
    slot_put(bytes, 0, s);
    slot_put(bytes + SLOT, 1, s);
    return publish_bytes(dirfd, temp, path, bytes, sizeof bytes);
}

int cursor_read(int dirfd, const char *name, struct cursor_state *s)
{
    char path[PATH];
    uint64_t generation;
    int fd, r;

    if (cursor_path(path, "", name, "") < 0)
        return -1;
    if ((fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) < 0)
        return -1;
    r = read_slots(fd, &generation, s);
    fd_close(&fd);
    return r;
}

bool cursor_believed(const struct cursor_state *s, uint64_t next)
{
    return s->position <= SEQ_BELIEVED || s->position <= next;
}

bool cursor_passing(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR;
}

int cursor_remove(int dirfd, const char *name)
{
    char path[PATH];

    return cursor_path(path, "", name, "") < 0 ? -1 : unlinkat(dirfd, path, 0);
}

/* --- the list of sinks --- */

int cursor_list_write(int dirfd, const char *const *names, unsigned n)
{
    struct buf b = {0};
    int r = -1;

    for (unsigned i = 0; i < n; i++) {
        buf_puts(&b, names[i]);
        buf_putc(&b, '\n');
    }
    if (buf_ok(&b))
        r = publish_bytes(dirfd, ".sinks.tmp", "sinks", b.p, b.n);
    else
        errno = ENOMEM;
    buf_free(&b);
    return r;
}

static int list_load(int dirfd, struct buf *b)
{
    int fd = openat(dirfd, "sinks", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = -1;

    if (fd < 0)
        return errno == ENOENT ? 0 : -1; /* a new spool */
    if (buf_room(b, LIST_MAX) == NULL)
        errno = ENOMEM;
    else
        n = read_at(fd, b->p, LIST_MAX, 0);
    fd_close(&fd);
    if (n < 0)
        return -1;
    b->n = (size_t)n;
    return 0;
}

/* Damage in the list must not lead out of the folder. */
static bool is_safe_name(const char *s, size_t n)
{
    return n > 0 && n <= NAME_MAX && s[0] != '.' && memchr(s, '/', n) == NULL &&
           memchr(s, '\0', n) == NULL;
}

int cursor_list_each(int dirfd, void (*fn)(void *arg, const char *name), void *arg)
{
    struct buf b = {0};
    char name[NAME_MAX + 1];
    int r = list_load(dirfd, &b);

    for (size_t i = 0, n; r == 0 && i < b.n; i += n + 1) {
        const char *s = b.p + i, *nl = memchr(s, '\n', b.n - i);
        n = nl != NULL ? (size_t)(nl - s) : b.n - i;
        if (!is_safe_name(s, n))
            continue;
        memcpy(name, s, n);
        name[n] = '\0';
        fn(arg, name);
    }
    buf_free(&b);
    return r;
}

struct search {
    const char *name;
    bool found;
};

static void compare_name(void *arg, const char *name)
{
    struct search *s = arg;

    s->found = s->found || strcmp(s->name, name) == 0;
}

bool cursor_listed(int dirfd, const char *name)
{
    struct search s = {name, false};

    return cursor_list_each(dirfd, compare_name, &s) == 0 && s.found;
}

/* --- the worker's side --- */

int cursor_open(struct cursor *c, int dirfd, const char *name)
{
    char path[PATH];

    *c = (struct cursor){.fd = -1};
    if (cursor_path(path, "", name, "") < 0)
        return -1;
    if ((c->fd = opener_open(dirfd, path, O_RDWR)) < 0)
        return -1;
    if (fd_lock(c->fd) < 0)
        c->holder = errno == EAGAIN ? fd_lock_holder(c->fd) : 0;
    else if (read_slots(c->fd, &c->generation, &c->state) == 0)
        return 0;
    fd_close(&c->fd);
    return -1;
}

int cursor_store(struct cursor *c)
{
    uint8_t slot[SLOT];
    uint64_t next = c->generation + 1;

    slot_put(slot, next, &c->state);
    if (write_at(c->fd, slot, sizeof slot, (off_t)(next % 2) * SLOT) < 0)
        return -1;
    c->generation = next;
    return 0;
}

int cursor_sync(struct cursor *c)
{
    return fdatasync(c->fd);
}

void cursor_close(struct cursor *c)
{
    fd_close(&c->fd);
}
