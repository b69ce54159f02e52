/* tests/rig/crash_full.h - a writer on a disk that may be full, and a reader who began with it
 *
 * On the disk in memory of rig/crash_disk.h, where full means: no file gets more room than it has, and none is
 * made.
 */
#pragma once
#include "rig/crash_disk.h"
#include "spool/append.h"
#include "spool/tail.h"

enum { PAYLOAD = 100, SIZE = 1024 /* of a segment */, RESERVE = 2 * SIZE };

extern struct full {
    struct append *a;
    struct tail *tail;
    uint64_t next, read, expired, damaged; /* the reader */
    uint64_t begins;                       /* said to be where the spool begins */
    unsigned asked;                        /* what has been passed */
} full;

void full_begin(int64_t reserve); /* with its reserve made */
void full_end(void);              /* nothing may be left open */
void full_open(int64_t reserve);  /* the next garnetd */
void full_make_reserve(void);     /* as the helper does */
int full_put(void);               /* a frame of three: 0, or -1 with errno */
void full_put_many(unsigned n);   /* all of them are taken */
void full_read_on(void);          /* all that is there, in order */
void full_all_is_read(void);      /* and that is all; nothing was damaged */
unsigned full_files(void);        /* of segments and the reserve */
