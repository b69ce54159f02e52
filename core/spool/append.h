/* spool/append.h - the one writer of a spool
 *
 * Owns the folder's lock for life, the newest segment and the next sequence number, which is
 * derived from the segments (and the sinks' cursors): there is no ledger. Never appends after a
 * torn tail: opening starts a new segment, but for a full disk, where it goes on in one that has none
 * (spool/resume.h). Damage is never a reason not to start. A write is
 * one writev into the page cache and survives kill -9; against power loss spool/sync.h syncs in a
 * process of its own, since fdatasync may take as long as the disk likes.
 *
 * When the disk is full it goes on in its reserve (spool/reserve.h), to which retention gives what it removes.
 * When that is used up the oldest segments give way, as if the spool were too large.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"
#include "spool/retain.h"
#include "spool/segment.h"

struct append_config {
    const char *dir;      /* created when missing; nobody else may look into it */
    int64_t segment_size; /* a segment is closed once it is this long */
    int64_t max_size, max_age;
    int64_t reserve; /* bytes, within max_size; 0: none, and nothing gives way */
};

struct append {
    int64_t segment_size;
    struct retain_rules rules;
    struct inventory folder; /* its `ev` is its owner's to set */
    int fd; /* the newest segment, while it may be appended to; -1: the next append starts one */
    struct segment_header head; /* of that */
    uint64_t room; /* that its file has, for certain, where that is known; else UINT64_MAX */
    bool tight;    /* the last frame has found no room, or failed: the newest may be all there is */
    int64_t wall_ahead; /* the wall clock, of the monotonic one, at the last append */
};

/* NULL and a sentence in why[] when the folder cannot be used: "is in use by process 123", ... */
struct append *append_open(const struct append_config *c, struct why *why);
void append_close(struct append *a);
/* Whether the folder at `dir` is still the one that was opened, lock and all. A newest segment that
 * is gone alone is no reason to say no: the next append starts another. */
bool append_there(struct append *a, const char *dir);
/* Opens and locks it anew, made again when missing, after append_there() said no; in which nothing
 * is appended until this has worked. append_dirfd() stays the same number, and sequence numbers go
 * on. False and a sentence as above. */
bool append_reopen(struct append *a, const char *dir, struct why *why);
int append_dirfd(const struct append *a);
uint64_t append_next_seq(const struct append *a);
/* Where the segment begins that the next append goes to, or would: after the start, what is before is of an earlier
 * life. */
uint64_t append_begun(const struct append *a);
/* Where the newest segment begins, for spool/sync.h. */
uint64_t append_segment(const struct append *a);
/* Appends one frame of `count` metrics; *end = the sequence number after its last one. 0, or -1
 * with errno: then nothing of it will ever be read. */
int append_frame(struct append *a, const void *payload, size_t n, uint32_t count, uint64_t *end);
/* Likewise, of what was accepted at accepted_ns (wall clock) and has waited since. */
int append_held(struct append *a, const void *payload, size_t n, uint32_t count,
                int64_t accepted_ns, uint64_t *end);
/* The next append starts a new segment: after a failed sync nothing is added to pages of which
 * nobody knows whether they are on the disk, and the sync helper writes it again as it is. Returns
 * where that one will begin: none with a frame in it that begins before is appended to any more. */
uint64_t append_seal(struct append *a);
void append_configure(struct append *a,
                      const struct append_config *c); /* all but its dir, from now on */
/* Where the spool begins now: what is before is gone, or retention has said so and could not unlink it yet. */
uint64_t append_oldest(const struct append *a);
/* Removes whole segments from the oldest: those below `needed` (the lowest position of any cursor),
 * and while the spool is over max_size or a segment over max_age, those too. Never the newest; but
 * that becomes the next one when all of it is below `needed` and there was no room for another. Cheap when
 * there is nothing to do. Returns the number beyond `needed`: somebody loses metrics. What
 * cannot be unlinked is gone all the same, logged, and tried again; what is behind it goes. */
unsigned append_retain(struct append *a, uint64_t needed, int64_t wall_ns);
uint64_t append_bytes(const struct append *a); /* of all segments, as far as they are written */
/* Where the oldest segment begins of those that are so many bytes together, from the newest on. */
uint64_t append_within(const struct append *a, uint64_t bytes);
/* What the sync helper has made, that reserve_ask() had for it (spool/reserve.h). */
void append_reserved(struct append *a, const struct reserve_file *file);
