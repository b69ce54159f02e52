/* spool/cursor.c - the layout of a cursor file, its two slots, and its lock
 *
 * One slot, 512 bytes, at offset 512 * (generation % 2):
 *    0  "GARNCURS"         8  u32 format version, u32 points of the trail
 *   16  u64 generation
 *   24  struct cursor_state in its order, a u64 each:
 *       24 start   32 position   40 dropped[16]   168 keep   176 owed   184 window
 *      192 moved  200 stored    208 wall          216 trail, 16 times when and seq
 *  472 taken   480 lost   488 in doubt   496 sent   504  u64 sum (XXH3) of all before
 * A store overwrites the older slot: whatever becomes of it, the newer one stands.
 *
 * Nothing in here syncs but cursor_sync(). After a power failure a cursor may be old (metrics are
 * sent again) or gone (EBADMSG, ENOENT: its sink starts at the oldest); neither loses anything.
 *
 * The lock is a POSIX record lock, see spool/inventory.c: it goes with the first close of ANY
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
#include "base/le.h"
#include "spool/opener.h"
#include "spool/segment.h"

enum {
    SPARES = 8,      /* for cursors: no sink has a name with a plus, */
    ALL_SPARES = 12, /* and for the list */
    SPARE = 4096,    /* bytes: a block of most file systems, which takes one file or the other */
    FORMAT = 1,
    SLOT = 512,
    STATE_AT = 24,
    SUM_AT = 504,
    WORD = sizeof(uint64_t),
    WORDS = offsetof(struct cursor_state, ntrail) / WORD,
    PATH = NAME_MAX + 32,
    LIST_MAX = 1 << 20
};
_Static_assert(STATE_AT + WORD * WORDS == SUM_AT && offsetof(struct cursor_state, trail) == 192,
               "the layout of a cursor's slot");
static const char MAGIC[8] = {'G', 'A', 'R', 'N', 'C', 'U', 'R', 'S'};

/* --- slots --- */

static void slot_put(uint8_t out[SLOT], uint64_t generation, const struct cursor_state *s)
{
    uint64_t words[WORDS];

    memcpy(words, s, sizeof words);
    memset(out, 0, SLOT);
    memcpy(out, MAGIC, sizeof MAGIC);
    le32_put(out + 8, FORMAT);
    le32_put(out + 12, (uint32_t)s->ntrail);
    le64_put(out + 16, generation);
    for (size_t i = 0; i < WORDS; i++)
        le64_put(out + STATE_AT + WORD * i, words[i]);
    le64_put(out + SUM_AT, XXH3_64bits(out, SUM_AT));
}

static bool slot_get(const uint8_t in[SLOT], uint64_t *generation, struct cursor_state *s)
{
    uint64_t words[WORDS];

    if (memcmp(in, MAGIC, sizeof MAGIC) != 0 || le32_get(in + 8) != FORMAT ||
        le64_get(in + SUM_AT) != XXH3_64bits(in, SUM_AT))
        return false;
    *generation = le64_get(in + 16);
    for (size_t i = 0; i < WORDS; i++)
        words[i] = le64_get(in + STATE_AT + WORD * i);
    memcpy(s, words, sizeof words);
    s->ntrail = le32_get(in + 12);
    return s->position <= SEQ_MAX && s->start <= s->position && s->keep <= s->position &&
           s->owed <= s->position && s->window <= s->position - s->keep &&
           s->ntrail <= CURSOR_TRAIL;
}

/* The newest valid slot of an open cursor. */
static int read_slots(int fd, uint64_t *generation, struct cursor_state *s)
{
    uint8_t bytes[2 * SLOT] = {0};
    struct cursor_state one;
    uint64_t g;
    bool found = false;

    if (fd_read_at(fd, bytes, sizeof bytes, 0) < 0)
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

/* --- room for new files --- */

static void spare_path(char out[PATH], unsigned i)
{
    (void)snprintf(out, PATH, i < SPARES ? "cursors/.spare+%u.tmp" : ".sinks-%u.tmp", i);
}

void cursor_make_spares(int dirfd)
{
    static const char zeros[SPARE];
    char path[PATH];
    struct stat st;

    (void)mkdirat(dirfd, "cursors", SPOOL_FOLDER);
    for (unsigned i = 0; i < ALL_SPARES; i++) {
        spare_path(path, i);
        if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_blocks == 0)
            (void)publish_bytes(dirfd, i < SPARES ? "cursors/.spare+.tmp" : ".spare+.tmp", path,
                                zeros, sizeof zeros);
    }
}

/* The spare gets the name, and what had it before becomes the spare. Zeros at the end mean nothing in
 * a cursor or a list. */
static int use_spare(int dirfd, unsigned i, const char *name, const void *p, size_t n)
{
    char bytes[SPARE] = "", path[PATH];
    int fd, r;

    spare_path(path, i);
    if (n > sizeof bytes ||
        (fd = openat(dirfd, path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) < 0) {
        errno = ENOSPC;
        return -1;
    }
    if (n > 0) /* an empty list is nowhere */
        memcpy(bytes, p, n);
    r = fd_write_at(fd, bytes, sizeof bytes, 0);
    fd_close(&fd);
    if (r == 0 && renameat2(dirfd, path, dirfd, name, RENAME_EXCHANGE) < 0)
        r = renameat(dirfd, path, dirfd, name);
    return r;
}

/* As publish_bytes(), on a full disk, too, where there is still one of those spares. */
static int publish_always(int dirfd, const char *temp, const char *name, const void *p, size_t n,
                          unsigned from, unsigned to)
{
    int r = publish_bytes(dirfd, temp, name, p, n);

    for (unsigned i = from; r < 0 && fd_no_room(errno) && i < to; i++)
        r = use_spare(dirfd, i, name, p, n);
    return r;
}

/* --- a cursor --- */

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
    return publish_always(dirfd, temp, path, bytes, sizeof bytes, 0, SPARES);
}

static int open_to_read(int dirfd, const char *name)
{
    char path[PATH];

    if (cursor_path(path, "", name, "") < 0)
        return -1;
    return openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

int cursor_read(int dirfd, const char *name, struct cursor_state *s)
{
    uint64_t generation;
    int fd = open_to_read(dirfd, name), r;

    if (fd < 0)
        return -1;
    r = read_slots(fd, &generation, s);
    fd_close(&fd);
    return r;
}

pid_t cursor_holder(int dirfd, const char *name)
{
    int fd = open_to_read(dirfd, name);
    pid_t holder = fd < 0 ? 0 : fd_lock_holder(fd);

    fd_close(&fd);
    return holder;
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
        r = publish_always(dirfd, ".sinks.tmp", "sinks", b.p, b.n, SPARES, ALL_SPARES);
    else
        errno = ENOMEM;
    buf_free(&b);
    return r;
}

static int list_load(int dirfd, struct buf *b)
{
    int fd = openat(dirfd, "sinks", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

    if (fd < 0)
        return errno == ENOENT ? 0 : -1; /* a new spool */
    r = fd_read_all(fd, 0, b);
    fd_close(&fd);
    return r < 0 && errno != EFBIG ? -1 : 0;
}

/* Damage in the list must not lead out of the folder. */
static bool is_safe_name(const char *s, size_t n)
{
    return n > 0 && n <= NAME_MAX && s[0] != '.' && memchr(s, '/', n) == NULL &&
           memchr(s, '\0', n) == NULL;
}

int cursor_list_each(int dirfd, void (*fn)(void *arg, const char *name), void *arg)
{
    struct buf b = {.max = LIST_MAX};
    char name[NAME_MAX + 1];
    int r = list_load(dirfd, &b);
    struct str rest = {b.p, r == 0 ? b.n : 0}, line;

    while (str_line(&rest, &line)) {
        if (!is_safe_name(line.s, line.n))
            continue;
        memcpy(name, line.s, line.n);
        name[line.n] = '\0';
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
    if (fd_write_at(c->fd, slot, sizeof slot, (off_t)(next % 2) * SLOT) < 0)
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
