/* tests/rig/sync_rig.h - a writer, the sync helper's process and what it has answered, on a disk that fails when told to
 *
 * TestSuite(x, .init = spool_dir_make, .fini = sync_rig_end); a test begins with sync_rig_start(). */
#pragma once
#include "base/clock.h"
#include "base/loop.h"
#include "rig/spool_dir.h"
#include "spool/sync.h"

extern struct sync_rig {
    struct append *writer;
    struct loop *loop;
    struct sync *sync; /* NULL: stopped */
    struct {           /* the last answer, and how many there were */
        uint64_t seq;
        enum sync_verdict verdict;
        int error;
        unsigned calls;
    } answer;
    struct reserve_file reserved; /* the last file of the reserve that it has told of */
    void (*before_seal)(
        void);            /* when a sync has failed, just before its segment is written again */
    struct failing_disk { /* shared with the helper: what its fdatasync() does */
        int works_first, fails; /* so many work, then so many fail with EIO, then all work */
        int synced;             /* that worked */
        bool dies;              /* who fails is killed before it can say so */
    } * disk;
} sync_rig;

/* A writer of segments of that size, and a helper. */
void sync_rig_start(int64_t segment_size);
/* A helper alone, for what is in that folder up to `seq`. */
void sync_rig_start_helper(int dirfd, uint64_t seq);
void sync_rig_stop(int timeout_ms);
void sync_rig_end(void); /* the folder, too */

/* Asks for a sync of all that is written. */
void ask_sync(void);
void put_frame_and_ask_sync(uint32_t count);
void wait_synced(uint64_t seq);
void wait_answers(unsigned calls);

pid_t helper_pid(void); /* the one child of this process; 0: none */
void wait_helper_reaped(pid_t pid);
