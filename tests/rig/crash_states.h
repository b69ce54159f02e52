/* tests/rig/crash_states.h - from a journal of what was asked of a disk to what it may hold after a crash
 *
 * POSIX promises nothing but this: what a file held when fdatasync returned is in it, and what a
 * folder held when fsync returned. Of everything else, each piece may or may not have got there, in
 * any order: a write by sectors of 512 bytes, a cut, a link, a rename, an unlink (these whole). A
 * file whose size has grown before its data came has zeros there. Real file systems keep more order
 * among names; a state is therefore often made so, too.
 */
#pragma once
#include "rig/crash_disk.h"

enum { SECTOR = 512, PIECES = 256 };

struct piece { /* of what may have come to the disk or not */
    const struct disk_op *op;
    size_t off, n; /* of a write: the part in one sector */
};
struct pending {
    struct disk before; /* what is certain */
    struct piece pieces[PIECES];
    size_t n;
    size_t sizes[NODES]; /* of each file, as it was last asked for */
};

/* Ends the journal and keeps it; how many operations it has. */
size_t journal_take(void);

/* What is certain and what is not, when power fails after the first `end` operations. The nodes are
 * those of `disk` when the journal began, with what was made since. */
void pending_make(struct pending *p, const struct disk *begin, size_t end);

/* The nodes, the names and what is open. */
void disk_copy(struct disk *to, const struct disk *from);

/* A state by chance, on `disk`: each piece with some likelihood; `ordered`: names in order. */
void state_make(const struct pending *p, uint64_t *rng);

/* Every state of few pieces, in turn: bit i of `mask` for the i-th. */
void state_of(const struct pending *p, uint64_t mask);
