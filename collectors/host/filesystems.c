/* filesystems - how full each mounted file system is
 *
 * /proc/self/mountinfo says what is mounted, statvfs() how full it is. That may never return: a server is gone, or a FUSE
 * program hangs; and the way to a sound mount may lead over a dead one. So they are asked in other processes (asking.h).
 *
 * Left out are file systems that the kernel makes up (proc, cgroup2, ..., and all below /sys and /proc), images that are
 * always full (squashfs), overlays but for `/`, what another mount covers, the second and further mounts of the same device
 * (bind mounts), and what this user may not look at. A second mount is asked where the one before it is such a one; where
 * that does not answer it is not, or a dead server with a hundred mounts would hold a hundred processes.
 *
 * With --root, as in a container that has the host's / there, the host's mounts are asked below that folder. What of them
 * cannot be seen there is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/text.h"
#include "host/asking.h"
#include "host/reading.h"

#define FILE_NAME "/proc/self/mountinfo"
#define FIGURE(key, of_unit, in_file, of_diamond, of_collectd, of_node)                            \
    {                                                                                              \
        .name = "filesystem." key, .unit = (of_unit), .type = "gauge",                             \
        .tags = {"mount", "fstype"}, .file = FILE_NAME, .field = "statvfs() " in_file,             \
        .diamond = "diskspace.MOUNT." of_diamond, .collectd = (of_collectd),                       \
        .node_exporter = "node_filesystem_" of_node                                                \
    }

static const struct figure FIGURES[] = {
    FIGURE("size", "B", "f_blocks", "byte_size", NULL, "size_bytes"),
    FIGURE("used", "B", "f_blocks - f_bfree", "byte_used", "df-MOUNT/df_complex-used",
           "size_bytes - node_filesystem_free_bytes"),
    FIGURE("free", "B", "f_bfree", "byte_free", NULL, "free_bytes"),
    FIGURE("available", "B", "f_bavail", "byte_avail", "df-MOUNT/df_complex-free", "avail_bytes"),
    FIGURE("inodes", "ino", "f_files", "inodes_size", NULL, "files"),
    FIGURE("inodes_free", "ino", "f_ffree", "inodes_free", "df-MOUNT/df_inodes-free", "files_free"),
};
enum { SIZE, USED, FREE, AVAILABLE, INODES, INODES_FREE };

enum {
    MOUNTS = 256, /* the most that are asked in a round */
    PIECE = 32,   /* of them at the same time */
};
static const int64_t PATIENCE = 2 * NS_PER_S;

struct mount {
    uint64_t id;                    /* as statx() has it */
    struct str device, point, type; /* in the file's text; point as the kernel writes it */
    enum { WAITS, ASKED, KNOWN, UNREACHABLE } state; /* KNOWN: of its device no other is asked */
};

struct answer {
    int error; /* errno; 0: the rest is known */
    uint64_t block, blocks, free, available, inodes, inodes_free;
};

struct place { /* what a process is told */
    uint64_t id;
    bool elsewhere;      /* there is a root */
    char path[PATH_MAX]; /* that of its point, below the root */
};
_Static_assert(sizeof(struct place) <= ASKING_ABOUT, "it would take a process for each");

struct asked { /* a mount, by a process */
    struct mount *of;
    struct place place;
    const char *point; /* in its path */
    struct asking asking;
};

/* --- what is mounted --- */

static bool starts_with(struct str s, const char *start)
{
    size_t n = strlen(start);

    return s.n >= n && memcmp(s.s, start, n) == 0;
}

static bool is_left_out(const struct mount *m)
{
    static const char *const TYPES[] = {
        "autofs",    "binfmt_misc", "bpf",      "cgroup",  "cgroup2", "configfs",   "debugfs",
        "devpts",    "devtmpfs",    "efivarfs", "erofs",   "fusectl", "hugetlbfs",  "iso9660",
        "mqueue",    "nsfs",        "proc",     "pstore",  "ramfs",   "rpc_pipefs", "securityfs",
        "selinuxfs", "squashfs",    "sysfs",    "tracefs",
    };

    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (field_is(m->type, TYPES[i]))
            return true;
    return (field_is(m->type, "overlay") && !field_is(m->point, "/")) ||
           starts_with(m->point, "/sys/") || starts_with(m->point, "/proc/");
}

/* "26 1 254:0 / /home rw,relatime shared:1 - ext4 /dev/vda1 rw": the optional fields end at the hyphen. */
static bool take_mount(struct str line, struct mount *m)
{
    struct str word;

    if (!field_next(&line, &m->id) || !field_word(&line, &word) || !field_word(&line, &m->device) ||
        !field_word(&line, &word) || !field_word(&line, &m->point))
        return false;
    do
        if (!field_word(&line, &word))
            return false;
    while (!field_is(word, "-"));
    return field_word(&line, &m->type);
}

/* Whether the n mounts behind it have one that covers it. */
static bool is_covered(const struct mount *m, size_t n)
{
    for (size_t i = 1; i <= n; i++)
        if (str_eq(m[i].point, m->point))
            return true;
    return false;
}

/* Those that may be asked, in `list`. Returns how many. */
static size_t list_mounts(struct host *h, struct str text, struct buf *list)
{
    struct mount m = {.state = WAITS}, *all;
    struct str line;
    char path[512];
    size_t n, kept = 0;

    while (field_line(&text, &line))
        if (take_mount(line, &m))
            buf_put(list, &m, sizeof m);
        else
            host_complain(h, "%s: a line without a mount",
                          host_path(h, FILE_NAME, path, sizeof path));
    reading_end(h, FILE_NAME, text);
    if (!buf_ok(list)) {
        host_complain(h, "out of memory");
        return 0;
    }
    all = (struct mount *)(void *)list->p;
    n = list->n / sizeof m;
    for (size_t i = 0; i < n; i++)
        if (!is_covered(&all[i], n - i - 1) && !is_left_out(&all[i]))
            all[kept++] = all[i];
    return kept;
}

/* Whether it is to be asked now: it waits, and no other of its device is asked or known. */
static bool is_next(const struct mount *list, size_t n, const struct mount *m)
{
    if (m->state != WAITS)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((list[i].state == ASKED || list[i].state == KNOWN) && str_eq(list[i].device, m->device))
            return false;
    return true;
}

/* --- asking --- */

/* What is found there may be another one, which was mounted over a folder on the way. Elsewhere mounts have other ids; what
 * is no mount there is a folder of another file system, as the host's mount was not taken over. */
static bool is_this(const struct place *p)
{
    struct statx x;

    if (statx(AT_FDCWD, p->path, AT_NO_AUTOMOUNT, STATX_MNT_ID, &x) < 0)
        return true;
    if (p->elsewhere)
        return (x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0 ||
               (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    return (x.stx_mask & STATX_MNT_ID) == 0 || x.stx_mnt_id == p->id;
}

static void ask(const void *about, void *answer)
{
    const struct place *p = about;
    struct answer *out = answer;
    struct statvfs v;

    if (!is_this(p))
        out->error = ENOENT;
    else if (statvfs(p->path, &v) == 0)
        *out = (struct answer){.block = v.f_frsize,
                               .blocks = v.f_blocks,
                               .free = v.f_bfree,
                               .available = v.f_bavail,
                               .inodes = v.f_files,
                               .inodes_free = v.f_ffree};
    else
        out->error = errno;
}

static void begin(struct host *h, struct asked *a, struct mount *m)
{
    struct place *p = &a->place;
    size_t root = (size_t)snprintf(p->path, sizeof p->path, "%s", h->root);
    struct str point = {0};

    if (root < sizeof p->path)
        point = field_unescape(m->point, p->path + root, sizeof p->path - 1 - root);
    p->id = m->id;
    p->elsewhere = root > 0;
    a->of = m;
    a->point = point.n > 0 ? point.s : p->path;
    a->asking = (struct asking){.pid = -1, .fd = -1};
    m->state = ASKED;
    if (point.n == 0) {
        host_complain(h, "a mount point of %zu bytes: it cannot be asked", m->point.n);
        return;
    }
    p->path[root + point.n] = 0;
    asking_begin(h, &a->asking,
                 &(struct question){.shown = a->point,
                                    .key = p->path,
                                    .id = m->id, /* another one may be there by now */
                                    .ask = ask,
                                    .about = p,
                                    .bytes = offsetof(struct place, path) + root + point.n + 1,
                                    .size = sizeof(struct answer)});
}

static void put_bytes(struct host *h, const struct figure *f, uint64_t blocks, uint64_t block)
{
    if (__builtin_mul_overflow(blocks, block, &blocks))
        host_complain(h, "%s: %s is beyond 64 bits", f->name, f->field);
    else
        host_u64(h, f, blocks);
}

/* Not for this user, behind another mount, or gone meanwhile. */
static bool is_unreachable(const struct answer *a)
{
    return a->error == EACCES || a->error == EPERM || a->error == ENOENT || a->error == ENOTDIR;
}

static void put_mount(struct host *h, const struct asked *of, const struct answer *a)
{
    if (a->error != 0) {
        errno = a->error;
        host_complain(h, "%s: %m", of->point);
        return;
    }
    if (a->blocks == 0 ||
        !host_tags(h, (const struct str[FIGURE_TAGS]){str_of(of->point), of->of->type}))
        return;
    put_bytes(h, &FIGURES[SIZE], a->blocks, a->block);
    if (a->free <= a->blocks)
        put_bytes(h, &FIGURES[USED], a->blocks - a->free, a->block);
    put_bytes(h, &FIGURES[FREE], a->free, a->block);
    put_bytes(h, &FIGURES[AVAILABLE], a->available, a->block);
    if (a->inodes == 0) /* it makes them as they are needed */
        return;
    host_u64(h, &FIGURES[INODES], a->inodes);
    host_u64(h, &FIGURES[INODES_FREE], a->inodes_free);
}

static void end(struct host *h, struct asked *a, int64_t until)
{
    struct answer answer;

    a->of->state = KNOWN;
    if (!asking_end(h, &a->asking, until, &answer))
        return;
    if (is_unreachable(&answer))
        a->of->state = UNREACHABLE;
    else
        put_mount(h, a, &answer);
}

/* As many as can be asked at once. Returns how many; 0: all are known. */
static size_t ask_some(struct host *h, struct mount *list, size_t n, size_t most)
{
    struct asked asked[PIECE];
    int64_t until;
    size_t size = 0;

    for (size_t i = 0; i < n && size < PIECE; i++) {
        if (!is_next(list, n, &list[i]))
            continue;
        if (size == most) {
            host_complain(h, "more than %d file systems: what is beyond is left out", MOUNTS);
            break;
        }
        begin(h, &asked[size++], &list[i]);
    }
    until = clock_mono() + PATIENCE;
    for (size_t i = 0; i < size; i++)
        end(h, &asked[i], until);
    until = clock_mono() + ASKING_KILLED;
    for (size_t i = 0; i < size; i++)
        asking_reap(&asked[i].asking, until);
    return size;
}

static void filesystems_read(struct host *h)
{
    struct buf list = {0};
    struct str text;
    size_t n, size, left = MOUNTS;

    if (!host_text(h, FILE_NAME, &text))
        return;
    n = list_mounts(h, text, &list);
    while ((size = ask_some(h, (struct mount *)(void *)list.p, n, left)) > 0)
        left -= size;
    buf_free(&list);
}

const struct subject filesystems_subject = {
    .name = "filesystems",
    .about = "how full each file system is: filesystem.available, filesystem.inodes_free, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = filesystems_read,
    .rooted = true,
};
