/* spool/sync.h - fdatasync in a process of its own
 *
 * The loop must never wait for the disk, so a helper syncs the newest segments (and the folder,
 * when a segment is new) and says how far it came. Requests are coalesced: while one sync runs,
 * only the latest request waits. The helper ends when its pipe closes, and is started again,
 * throttled, when it dies.
 */
#ifndef SPOOL_SYNC_H
#define SPOOL_SYNC_H
#include <stdint.h>

#include "base/loop.h"

struct sync;

/* synced(arg, seq, error): everything below seq is on the disk, or (error = errno) the last sync
 * failed, or died with its helper (EOWNERDEAD). Then the newest segment must be sealed
 * (append_seal()) before the next sync_request(), which writes again what failed, from memory;
 * when that fails too, in another call of synced(), what was not synced before must be assumed
 * lost on power failure. The next request tries once more, unless the error was EBADMSG: it is
 * not in memory any more. NULL with errno. dirfd is borrowed. */
struct sync *sync_start(struct loop *l, int dirfd,
                        void (*synced)(void *arg, uint64_t seq, int error), void *arg);
/* Everything below `seq`, by whatever the caller counts, was written to segments up to the one that
 * begins at `segment`. Never blocks. */
void sync_request(struct sync *s, uint64_t segment, uint64_t seq);
/* The folder behind dirfd is another one: a new helper, which knows nothing of what the old one was
 * asked. */
void sync_renew(struct sync *s);
/* Closes the pipe and waits for the helper, at most `ms`. */
void sync_stop(struct sync *s, int ms);

#endif
