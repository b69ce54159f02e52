/* spool/tail.h - a reader of the spool, from a sequence number on; any number of them at once
 *
 * Reads only; never blocks on the writer and never trusts what it reads. A bad or missing frame at
 * the live end means "wait"; with a valid frame or a newer segment behind it, it means damage: the
 * reader goes on at the next valid frame, and the gap in the sequence says exactly how many metrics
 * are lost.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct tail;

enum tail_result {
    TAIL_FRAME, /* *f is filled                                              */
    TAIL_WAIT,  /* nothing more yet                                          */
    TAIL_LOST,  /* f->seq .. f->seq + f->lost - 1 can no longer be read: see `reason` */
    TAIL_ERROR, /* errno: the folder or a file cannot be read now; try again later */
};
enum tail_reason { TAIL_EXPIRED, TAIL_DAMAGED }; /* unlinked by retention; unreadable */

struct tail_frame {
    uint64_t seq;        /* of the first metric in payload (or of the first one lost) */
    uint32_t count;      /* metrics in payload */
    const void *payload; /* 8-byte aligned, valid until the next call */
    size_t length;
    uint64_t segment;    /* that the payload is in: the first number of it */
    int64_t accepted_ns; /* wall clock: when the metrics were; 0: not known (an older version's) */
    uint64_t lost;
    enum tail_reason reason;
};

struct tail *tail_open(int dirfd, uint64_t seq); /* NULL with errno; dirfd is borrowed */
/* The first frame returned is the one that holds `seq`: it may begin before it, skip those. */
enum tail_result tail_next(struct tail *t, struct tail_frame *f);
void tail_seek(struct tail *t, uint64_t seq); /* as after tail_open() */
/* The sequence number after the last frame seen whole, its payload good or bad: for the writer,
 * which finds its own position by reading like everybody else. 0 before the first. */
uint64_t tail_seen(const struct tail *t);
/* Where in the segment at hand the last whole frame ends, with all before it good, too, and the number that comes next;
 * 0 where that is not so. After TAIL_WAIT. */
uint64_t tail_whole(const struct tail *t, uint64_t *next);
void tail_close(struct tail *t);
