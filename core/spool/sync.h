/* spool/sync.h - fdatasync, and fallocate, in a process of its own
 *
 * The loop must never wait for the disk, so a helper syncs the newest segments (and the folder,
 * when a segment is new) and says how far it came. Requests are coalesced: while one sync runs,
 * only the latest request waits. The helper ends when its socket closes, and is started again,
 * throttled, when it dies.
 */
#pragma once
#include "base/loop.h"
#include "spool/unsynced.h"

struct sync;

struct sync_events {
    void *arg;
    /* What became of a request: spool/unsynced.h. `error` is an errno, EOWNERDEAD when the helper
     * died. SYNC_AGAIN needs nothing to be done; after SYNC_UNSAFE the next request tries once
     * more. */
    void (*answered)(void *arg, enum sync_verdict v, uint64_t seq, int error);
    /* A sync has failed. The number returned: no segment that begins below it is appended to any
     * more, from now on (append_seal()). */
    uint64_t (*seal)(void *arg);
    /* The file of sync_make() has been made, with so much room; 0: it could not be. */
    void (*reserved)(void *arg, const struct reserve_file *file);
};

/* NULL with errno. dirfd is borrowed. Segments from `first` on are asked about, those before are of an
 * earlier life (append_begun()). */
struct sync *sync_start(struct loop *l, int dirfd, uint64_t first, const struct sync_events *ev);
/* Everything up to `seq`, by whatever the caller counts, was written to segments up to the one that
 * begins at `segment`. Never blocks. */
void sync_request(struct sync *s, uint64_t segment, uint64_t seq);
/* After its answer to the next order the helper makes spares (spool/cursor.h), and that file of the reserve, if
 * its id is not 0; to be said again until `reserved` tells. */
void sync_make(struct sync *s, const struct reserve_file *file);
/* The seq of the last request that was handed to the helper: what comes now belongs to another. */
uint64_t sync_asked(const struct sync *s);
/* The folder behind dirfd is gone: whatever was asked about it, no answer comes any more. */
void sync_forget(struct sync *s);
/* And now there is another one: a new helper, which knows nothing of the old. */
void sync_renew(struct sync *s, uint64_t first);
/* Waits for what was asked, and for the helper's end, at most `ms`; there may be calls of answered(). */
void sync_stop(struct sync *s, int ms);
