/* tests/rig/crash_states.c - the journal is applied piece by piece to a copy of the disk */
#include "rig/crash_states.h"

static struct disk_op journal[JOURNAL];
static uint8_t journal_data[JOURNAL_DATA];

size_t journal_take(void)
{
    memcpy(journal, disk->journal, sizeof journal);
    memcpy(journal_data, disk->journal_data, sizeof journal_data);
    disk->journaling = false;
    return disk->nops;
}

static void apply(struct disk *d, const struct disk_op *op, size_t off, size_t n)
{
    struct disk *real = disk;
    struct disk_entry *e;

    disk = d;
    if (op->kind == OP_WRITE)
        (void)disk_put(op->node, journal_data + op->data + (off - op->off), n, off);
    else if (op->kind == OP_CUT)
        disk_cut(op->node, op->n);
    else if (op->kind <= OP_RENAME) {
        const char *name = op->kind == OP_RENAME ? op->to : op->name;
        if (op->kind != OP_LINK && (e = disk_find(op->in, op->name)) != NULL)
            e->used = e->node != op->node;
        if (op->kind != OP_UNLINK && (e = disk_find(op->in, name)) != NULL)
            e->used = false;
        if (op->kind != OP_UNLINK)
            (void)disk_link(op->in, name, op->node);
    }
    disk = real;
}

static void apply_all(struct disk *d, const struct disk_op *op)
{
    apply(d, op, op->off, op->n);
}

/* Whether something after `at` and before `end` has made it certain. */
static bool is_synced(size_t at, size_t end)
{
    bool data = journal[at].kind == OP_WRITE || journal[at].kind == OP_CUT;

    for (size_t i = at + 1; i < end; i++)
        if (data ? journal[i].kind == OP_SYNC && journal[i].node == journal[at].node
                 : journal[i].kind == OP_SYNC_DIR && journal[i].node == journal[at].in)
            return true;
    return false;
}

static void add_pieces(struct pending *p, const struct disk_op *op)
{
    size_t end = op->off + op->n;

    if (op->kind == OP_SYNC || op->kind == OP_SYNC_DIR)
        return;
    if (op->kind != OP_WRITE) {
        MUST(p->n < PIECES, "too much is unsynced");
        p->pieces[p->n++] = (struct piece){.op = op};
        return;
    }
    for (size_t off = op->off, next; off < end; off = next) {
        next = (off / SECTOR + 1) * SECTOR;
        next = next < end ? next : end;
        MUST(p->n < PIECES, "too much is unsynced");
        p->pieces[p->n++] = (struct piece){op, off, next - off};
    }
}

void pending_make(struct pending *p, const struct disk *begin, size_t end)
{
    memcpy(&p->before, begin, sizeof p->before);
    p->n = 0;
    for (size_t i = 0; i < end; i++) {
        const struct disk_op *op = &journal[i];
        if (op->kind == OP_LINK && !p->before.nodes[op->node].used) {
            p->before.nodes[op->node] = (struct disk_node){.used = true,
                                                           .folder = disk->nodes[op->node].folder,
                                                           .ino = disk->nodes[op->node].ino};
        }
        if (is_synced(i, end))
            apply_all(&p->before, op);
        else
            add_pieces(p, op);
    }
    for (int i = 0; i < NODES; i++)
        p->sizes[i] = p->before.nodes[i].size;
    for (size_t i = 0; i < p->n; i++) {
        const struct piece *c = &p->pieces[i];
        size_t *size = &p->sizes[c->op->node];
        if (c->op->kind == OP_CUT)
            *size = c->op->n;
        else if (c->op->kind == OP_WRITE)
            *size = c->off + c->n > *size ? c->off + c->n : *size;
    }
}

/* Only what is in use is copied: the arrays are mostly empty. */
void disk_copy(struct disk *to, const struct disk *from)
{
    memcpy(to->entries, from->entries, sizeof to->entries);
    memcpy(to->opens, from->opens, sizeof to->opens);
    to->clock = from->clock;
    for (int i = 0; i < NODES; i++) {
        const struct disk_node *n = &from->nodes[i];
        if (n->used)
            memcpy(&to->nodes[i], n, offsetof(struct disk_node, data) + n->size);
        to->nodes[i].used = n->used;
    }
}

void state_make(const struct pending *p, uint64_t *rng)
{
    uint64_t likely = random_below(rng, 5); /* of 4: none, few, half, most, all */
    bool ordered = random_below(rng, 2) == 0, stopped = false;

    disk_copy(disk, &p->before);
    for (size_t i = 0; i < p->n; i++) {
        const struct piece *c = &p->pieces[i];
        bool is_name = c->op->kind <= OP_RENAME, comes = random_below(rng, 4) < likely;
        if (is_name && ordered) {
            stopped = stopped || (!comes && random_below(rng, 2) == 0);
            comes = !stopped;
        }
        if (comes)
            apply(disk, c->op, c->off, c->n);
    }
    for (int i = 0; i < NODES; i++) { /* sizes may come before what is to fill them */
        struct disk_node *f = &disk->nodes[i];
        if (!f->used || f->folder || f->size >= p->sizes[i] || random_below(rng, 3) > 0)
            continue;
        memset(f->data + f->size, 0, p->sizes[i] - f->size);
        f->size = p->sizes[i];
    }
}

void state_of(const struct pending *p, uint64_t mask)
{
    disk_copy(disk, &p->before);
    for (size_t i = 0; i < p->n; i++)
        if (mask >> i & 1)
            apply(disk, p->pieces[i].op, p->pieces[i].off, p->pieces[i].n);
}
