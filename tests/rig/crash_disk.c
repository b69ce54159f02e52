/* tests/rig/crash_disk.c - nodes, names and open files in arrays; each change is journaled, each call may be the one to fail */
#include "rig/crash_disk.h"

#include <sys/mman.h>

struct disk *disk;
void (*disk_wrote)(int node, size_t from, size_t to);
void (*disk_synced)(int node, bool worked);
bool (*disk_keeps)(int node);
void (*disk_meanwhile)(void);
unsigned disk_meanwhile_in;

void disk_touch(int node)
{
    disk->nodes[node].changed = ++disk->clock;
}

int disk_new(bool folder)
{
    for (int i = 0; i < NODES; i++) {
        struct disk_node *n = &disk->nodes[i];
        if (n->used)
            continue;
        n->used = true;
        n->folder = folder;
        n->opens = 0;
        n->size = n->room = 0;
        n->ino = (ino_t)(1000 + ++disk->clock);
        disk_touch(i);
        return i;
    }
    errno = ENOSPC;
    return -1;
}

void disk_room(struct disk_node *n, size_t to)
{
    size_t room = (to + 511) / 512 * 512;

    n->room = room > n->room ? room : n->room;
}

void disk_reset(void)
{
    if (disk == NULL) {
        disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        cr_assert(disk != MAP_FAILED);
        disk->clock = 1;
    }
    for (int i = 0; i < NODES; i++)
        disk->nodes[i].used = false;
    for (int i = 0; i < ENTRIES; i++)
        disk->entries[i].used = false;
    for (int i = 0; i < OPENS; i++)
        disk->opens[i].node = -1;
    disk->nops = disk->ndata = 0;
    disk->journaling = disk->absent = disk->full = disk->exchanges = false;
    disk->no_fallocate = disk->no_inodes = false;
    disk->faults = (struct disk_faults){0};
    (void)disk_new(true);
}

struct disk_op *disk_log(enum disk_op_kind kind, int in, const char *name, int node)
{
    static struct disk_op nowhere;
    struct disk_op *op = &nowhere;

    if (disk->journaling) {
        MUST(disk->nops < JOURNAL, "the journal is full");
        op = &disk->journal[disk->nops++];
    }
    *op = (struct disk_op){.kind = kind, .in = in, .node = node};
    (void)snprintf(op->name, NAME, "%s", name);
    return op;
}

bool disk_fails(enum disk_call call)
{
    struct disk_faults *f = &disk->faults;
    void (*meanwhile)(void) = disk_meanwhile;

    if (meanwhile && (call == CALL_OPEN || call == CALL_RENAME || call == CALL_SYNC) &&
        --disk_meanwhile_in == 0) {
        disk_meanwhile = NULL;
        meanwhile();
    }
    if (!f->counting || (f->kinds & (1U << call)) == 0)
        return false;
    f->calls++;
    if ((f->fired == 0 || !f->stays) && (f->left == 0 || --f->left > 0))
        return false;
    f->fired++;
    errno = f->error;
    return true;
}

bool disk_fails_io(enum disk_call call, size_t *n)
{
    if (disk->faults.error == SHORT && *n < 2)
        return false;
    if (!disk_fails(call))
        return false;
    if (disk->faults.error != SHORT)
        return true;
    *n /= 2;
    return false;
}

struct disk_open *disk_fd(int fd)
{
    return fd >= FD_BASE && fd < FD_BASE + OPENS ? &disk->opens[fd - FD_BASE] : NULL;
}

struct disk_node *disk_file(int fd)
{
    struct disk_open *o = disk_fd(fd);

    MUST(o != NULL && o->node >= 0, "descriptor %d is not open", fd);
    return &disk->nodes[o->node];
}

struct disk_entry *disk_find(int in, const char *name)
{
    for (int i = 0; i < ENTRIES; i++) {
        struct disk_entry *e = &disk->entries[i];
        if (e->used && e->in == in && strcmp(e->name, name) == 0)
            return e;
    }
    return NULL;
}

void disk_drop(int node)
{
    bool kept = disk->nodes[node].opens > 0;

    for (int i = 0; !kept && i < ENTRIES; i++)
        kept = disk->entries[i].used && disk->entries[i].node == node;
    kept = kept || (disk_keeps && disk_keeps(node));
    if (!kept && !disk->journaling) /* a journal may bring it back */
        disk->nodes[node].used = false;
}

int disk_walk(int fd, const char *path, const char **leaf)
{
    const char *slash = strchr(path, '/');
    struct disk_entry *e;
    char first[NAME];

    *leaf = path;
    if (slash == NULL)
        return disk_fd(fd)->node;
    (void)snprintf(first, sizeof first, "%.*s", (int)(slash - path), path);
    *leaf = slash + 1;
    if ((e = disk_find(disk_fd(fd)->node, first)) != NULL)
        return e->node;
    errno = ENOENT;
    return -1;
}

int disk_link(int in, const char *name, int node)
{
    for (int i = 0; i < ENTRIES; i++) {
        struct disk_entry *e = &disk->entries[i];
        if (e->used)
            continue;
        e->used = true;
        e->in = in;
        e->node = node;
        (void)snprintf(e->name, NAME, "%s", name);
        disk_touch(in);
        return 0;
    }
    errno = ENOSPC;
    return -1;
}

int disk_open_node(int node)
{
    for (int i = 0; i < OPENS; i++)
        if (disk->opens[i].node < 0) {
            disk->opens[i] = (struct disk_open){node, 0};
            disk->nodes[node].opens++;
            return FD_BASE + i;
        }
    errno = EMFILE;
    return -1;
}

bool disk_path(const char *path)
{
    return disk != NULL && strcmp(path, DISK) == 0;
}

ssize_t disk_put(int node, const void *p, size_t n, size_t at)
{
    struct disk_node *f = &disk->nodes[node];
    struct disk_op *op;

    if (at + n > FILE_MAX) {
        errno = ENOSPC;
        return -1;
    }
    if (disk->full && at + n > f->room) {
        if (at >= f->room) {
            errno = ENOSPC;
            return -1;
        }
        n = f->room - at;
    }
    disk_room(f, at + n);
    if (at > f->size)
        memset(f->data + f->size, 0, at - f->size);
    memcpy(f->data + at, p, n);
    f->size = at + n > f->size ? at + n : f->size;
    disk_touch(node);
    if (disk_wrote)
        disk_wrote(node, at, at + n);
    if (!disk->journaling)
        return (ssize_t)n;
    op = disk_log(OP_WRITE, -1, "", node);
    MUST(disk->ndata + n <= JOURNAL_DATA, "the journal is full");
    op->off = at;
    op->n = n;
    op->data = disk->ndata;
    memcpy(disk->journal_data + disk->ndata, p, n);
    disk->ndata += n;
    return (ssize_t)n;
}

void disk_cut(int node, size_t size)
{
    struct disk_node *f = &disk->nodes[node];

    if (size > f->size)
        memset(f->data + f->size, 0, size - f->size);
    if (disk_wrote)
        disk_wrote(node, size < f->size ? size : f->size, size > f->size ? size : f->size);
    f->size = size;
    f->room = 0;
    disk_room(f, size);
    disk_touch(node);
    disk_log(OP_CUT, -1, "", node)->n = size;
}
