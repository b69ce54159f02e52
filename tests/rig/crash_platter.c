/* tests/rig/crash_platter.c - a copy of each file and of each name, which the disk's three callbacks keep */
#include "rig/crash_platter.h"

struct platter_file {
    size_t size;
    size_t from, to; /* dirty: from < to */
    ino_t ino;       /* of the file that this is about */
    uint8_t data[FILE_MAX];
};
static struct platter_file platter[NODES];
static struct disk_entry platter_names[ENTRIES];

static struct platter_file *platter_of(int node)
{
    struct platter_file *p = &platter[node];

    if (p->ino != disk->nodes[node].ino) { /* another file has the number */
        p->ino = disk->nodes[node].ino;
        p->size = p->from = p->to = 0;
    }
    return p;
}

static void platter_dirty(int node, size_t from, size_t to)
{
    struct platter_file *p = platter_of(node);

    p->from = p->from < p->to && p->from < from ? p->from : from;
    p->to = p->to > to ? p->to : to;
}

static void platter_sync(int node, bool works)
{
    struct platter_file *p = platter_of(node);
    const struct disk_node *f = &disk->nodes[node];

    if (f->folder) {
        for (int i = 0; works && i < ENTRIES; i++) {
            if (platter_names[i].used && platter_names[i].in == node)
                platter_names[i].used = false;
            if (disk->entries[i].used && disk->entries[i].in == node)
                platter_names[i] = disk->entries[i];
        }
        return;
    }
    if (works) {
        size_t to = p->to < f->size ? p->to : f->size;
        if (p->size < f->size)
            memset(p->data + p->size, 0, f->size - p->size);
        if (to > p->from)
            memcpy(p->data + p->from, f->data + p->from, to - p->from);
        p->size = f->size;
    }
    p->from = p->to = 0;
}

static bool platter_keeps(int node)
{
    for (int i = 0; i < ENTRIES; i++)
        if (platter_names[i].used && platter_names[i].node == node)
            return true;
    return false;
}

void platter_reset(void)
{
    for (int i = 0; i < NODES; i++)
        platter[i].ino = 0;
    for (int i = 0; i < ENTRIES; i++)
        platter_names[i].used = false;
    disk_wrote = platter_dirty;
    disk_synced = platter_sync;
    disk_keeps = platter_keeps;
}

static void platter_read(int node, bool dirty_too)
{
    struct platter_file *p = platter_of(node);
    struct disk_node *f = &disk->nodes[node];

    for (size_t i = 0; i < f->size; i++)
        if (dirty_too || i < p->from || i >= p->to)
            f->data[i] = i < p->size ? p->data[i] : 0;
}

void platter_evict(void)
{
    for (int i = 0; i < NODES; i++)
        if (disk->nodes[i].used && !disk->nodes[i].folder)
            platter_read(i, false);
}

void platter_only(void)
{
    memcpy(disk->entries, platter_names, sizeof platter_names);
    for (int i = 0; i < NODES; i++)
        if (disk->nodes[i].used && !disk->nodes[i].folder) {
            disk->nodes[i].size = platter_of(i)->size;
            platter_read(i, true);
        }
}

void platter_lose_names(void)
{
    for (int i = 0; i < ENTRIES; i++) {
        int node = disk->entries[i].node;
        bool used = disk->entries[i].used;
        disk->entries[i].used = platter_names[i].used = false;
        if (used)
            disk_drop(node);
    }
}
