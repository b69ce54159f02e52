/* tests/rig/crash_disk.h - a disk in memory, under the spool: its system calls are wrapped at link time
 *
 * A descriptor from FD_BASE on is of this disk, and so is the path DISK; whatever is of the
 * machine's goes on to the machine, so that the same test can run on both. It is a tenth of the time, and
 * three things become possible: to journal what is asked of the disk (crash_states.h makes of it
 * what a power failure may leave), to fail the n-th call, and to look at a file beside all readers.
 *
 * It is one shared mapping, open descriptors included: a forked sync helper uses the same disk. No
 * locks are needed, since the test waits while the helper works. Small by design: a folder and one
 * below it, files of FILE_MAX bytes; more is ENOSPC, as on any disk.
 */
#pragma once
#include "rig/chance.h"

#define DISK "/disk"
enum { FD_BASE = 1 << 20, NODES = 96, ENTRIES = 96, OPENS = 64, FILE_MAX = 16 << 10, NAME = 48 };

struct disk_node { /* 0 is DISK itself, 1 the folder in it */
    bool used, folder;
    unsigned opens;
    ino_t ino;
    uint64_t changed; /* a clock of its own: no two changes at one time */
    size_t size;
    size_t room; /* bytes that it has on the disk, written or not: whole blocks of 512 */
    uint8_t data[FILE_MAX];
};
struct disk_entry {
    bool used;
    int in, node;
    char name[NAME];
};
struct disk_open {
    int node; /* -1: free */
    off_t at;
};

enum disk_call {
    CALL_OPEN,
    CALL_READ,
    CALL_WRITE,
    CALL_STAT,
    CALL_LIST,
    CALL_CUT,
    CALL_RENAME,
    CALL_UNLINK,
    CALL_SYNC,
    CALL_LOCK,
    CALLS
};
enum { SHORT = -1 }; /* in place of an errno: half of what was asked for */

enum disk_op_kind { OP_LINK, OP_UNLINK, OP_RENAME, OP_WRITE, OP_CUT, OP_SYNC, OP_SYNC_DIR };
struct disk_op {
    enum disk_op_kind kind;
    int node, in;
    char name[NAME], to[NAME];
    size_t off, n;
    size_t data; /* in journal_data */
};
enum { JOURNAL = 256, JOURNAL_DATA = 64 << 10 };

struct disk_faults {
    bool counting;  /* calls are counted, and the one before `left` is 0 fails */
    bool stays;     /* so do all that come after it */
    unsigned kinds; /* of which calls: 1 << CALL_... */
    int error;      /* what with */
    unsigned calls, left;
    int fired; /* calls that failed */
};

struct disk {
    struct disk_node nodes[NODES];
    struct disk_entry entries[ENTRIES];
    struct disk_open opens[OPENS];
    uint64_t clock;
    bool journaling;
    struct disk_op journal[JOURNAL];
    size_t nops, ndata;
    uint8_t journal_data[JOURNAL_DATA];
    struct disk_faults faults;
    bool full;         /* no file gets more room than it has, and none is made */
    bool no_fallocate; /* likewise */
    bool no_inodes;    /* no file is made, though there is room */
    bool exchanges;    /* it has RENAME_EXCHANGE; not every file system has */
    bool absent;       /* nothing leads to DISK; who has it open goes on with it */
};
extern struct disk *disk;

/* For who wants to know (crash_platter.h); NULL: nobody. */
extern void (*disk_wrote)(int node, size_t from, size_t to);
extern void (*disk_synced)(int node, bool worked);
extern bool (*disk_keeps)(int node);
/* What another process does in the middle of this one's work: just before the n-th call, from now
 * on, that opens, renames or syncs. */
extern void (*disk_meanwhile)(void);
extern unsigned disk_meanwhile_in;

void disk_reset(void); /* an empty one, without faults */

/* --- for crash_calls.c, crash_states.c and crash_platter.c --- */

void disk_touch(int node); /* its times */
int disk_new(bool folder);
struct disk_op *disk_log(enum disk_op_kind kind, int in, const char *name, int node);

/* True for the call that is to fail, with errno. */
bool disk_fails(enum disk_call call);

/* As above for a transfer: one that is to fall short gets *n halved instead. */
bool disk_fails_io(enum disk_call call, size_t *n);
struct disk_open *disk_fd(int fd);
struct disk_node *disk_file(int fd);
struct disk_entry *disk_find(int in, const char *name);

/* It has room up to there. */
void disk_room(struct disk_node *n, size_t to);

/* Frees a node that nothing leads to. */
void disk_drop(int node);

/* The folder that `path` leads to, and its last part; -1 with ENOENT. */
int disk_walk(int fd, const char *path, const char **leaf);
int disk_link(int in, const char *name, int node);
int disk_open_node(int node);
bool disk_path(const char *path);

/* Writes at `at`; zeros where it was shorter. What was written. */
ssize_t disk_put(int node, const void *p, size_t n, size_t at);
void disk_cut(int node, size_t size);
