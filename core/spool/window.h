/* spool/window.h - a stretch of a file in memory, for a reader that goes through it once
 *
 * What the disk cannot read is read as zeros, a page at a time. Memory is one buffer of 256 KiB, more only when
 * more is asked for at once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WINDOW_LOOK = 64 };

struct window {
    int fd;       /* its user's: changed with window_drop() */
    uint8_t *buf; /* holds the file's bytes [at, at + n) */
    size_t cap, n;
    uint64_t at;
};

bool window_open(struct window *w); /* false: no memory. No file yet: fd is -1 */
/* At least `want` bytes from `off` on, to the front of the buffer. How many there are: fewer at the end of
 * the file. -1 with errno. Offsets are multiples of 8, and so *p is aligned. */
ssize_t window_fill(struct window *w, uint64_t off, size_t want, const uint8_t **p);
/* 1: the file still has there what is in memory, at most WINDOW_LOOK bytes, or the disk cannot read it; 0: not. -1 with
 * errno. */
int window_stands(const struct window *w, uint64_t off, size_t n);
void window_drop(struct window *w); /* all of it is read afresh */
/* From `from` on to where something may begin: that is at no zero, at a multiple of 8. A file can be made
 * long at no cost, by a crash or by somebody, and must not cost us more. */
uint64_t window_pass_zeros(const struct window *w, uint64_t from);
void window_close(struct window *w); /* the file, too */
