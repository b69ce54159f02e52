/* tests/rig/spool_model.h - what test_recovery.c knows of the spool: frames, segments, readers
 *
 * What each operation must leave true is checked here, as it is done. */
#pragma once
#include "rig/crash_disk.h"
#include "spool/append.h"
#include "spool/cursor.h"
#include "spool/segment.h"
#include "spool/tail.h"

enum {
    FRAMES = 64,
    SEGMENTS = 64,
    READERS = 2,
    SEQUENCES = 100000,
    PAYLOAD = 96,
    COPY = SEGMENT_HEADER / 2
};

struct seg {
    uint64_t first;
    bool deleted;
    bool hurt;   /* nothing in it need be readable: neither copy of its header is what it was */
    bool hit[2]; /* a copy of its header */
    ino_t inode;
    uint64_t synced; /* its length when it was synced */
};
struct frame {
    uint64_t seq, id;
    uint32_t count;
    size_t seg; /* index */
    uint64_t begin, end;
    unsigned flips;
    bool cut; /* some of its bytes are missing */
};
struct reader {
    struct tail *tail;
    struct cursor cursor;
    struct cursor_state stored, before; /* the two newest stores */
    uint64_t next, read, lost[2];
};

extern struct model_dir {
    char path[64];
    int fd;
} model_dir;

extern struct world {
    uint64_t rng, ids;
    struct append *a;
    struct seg segs[SEGMENTS];
    size_t nsegs;
    struct frame frames[FRAMES];
    size_t nframes;
    uint64_t next;
    struct reader readers[READERS];
    size_t nreaders;
    bool damaged; /* beyond what retention does */
    bool full;    /* the disk is, for the writer: where it is one in memory */
} world;

/* --- the files --- */

struct seg *seg_of(uint64_t first); /* the newest entry of that name */
struct seg *any_seg(void);          /* one that is there, or NULL */
struct seg *newest_seg(void);
/* Those whose names have gone, or are another file's: by retention, or since they gave way. `lost`: whoever
 * needed them. */
void see_removed(uint64_t needed, bool lost);
struct stat stat_of(uint64_t first);
int seg_open(uint64_t first);

/* --- the writer --- */

void model_open_writer(void);
void model_reopen_writer(void); /* checks where it goes on */
/* Appends; the model learns of it, or the caller decides. False when the model is full. */
void append_and_note(void);
bool append_one(struct frame *f);
uint64_t newest_bytes(void); /* written in it */

/* --- readers --- */

const char *name_of(const struct reader *r);
/* A new sink, or one whose cursor is lost: it begins at `start`. */
void reader_create(struct reader *r, uint64_t start);
void reader_start(struct reader *r); /* a worker goes on from its cursor */
void reader_stop(struct reader *r);
bool reader_step(struct reader *r); /* false when there is nothing more yet */
void reader_store(struct reader *r);
/* A cursor that damage has reached: what it says now, or a new one at the oldest. */
void reader_again(struct reader *r, bool lost, bool older);
