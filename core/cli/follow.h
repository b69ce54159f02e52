/* cli/follow.h - the metrics of a spool as they come, for somebody who only looks
 *
 * Reads as a worker does, but without a cursor, so nothing waits for it: what retention takes meanwhile is left out, and
 * said. As there is no garnetd that starts it anew, it finds out by itself, in follow_look(), that the folder was
 * replaced. follow_release() lets go of the file that is being read: who does not read for a while calls it, since a file
 * that is open keeps its room on the disk though retention has removed it. All of it is bounded in memory by one frame.
 */
#pragma once
#include "model/metric.h"
#include "spool/tail.h"

enum follow_result {
    FOLLOW_METRIC, /* `metric`, number `seq`, valid until the next call */
    FOLLOW_GAP,    /* `lost` from `seq` on, for `reason` */
    FOLLOW_WAIT,   /* nothing more yet */
    FOLLOW_ERROR,  /* errno: it cannot be read now; may be tried again */
};
enum follow_news {
    FOLLOW_SAME,
    FOLLOW_GONE, /* the folder is not there, or cannot be opened: errno */
    FOLLOW_BACK, /* it is another one, where the numbers go on */
    FOLLOW_ANEW, /* its numbers are smaller than those before: it is read from its beginning */
};

struct follow {
    const char *dir;
    int dirfd;
    struct tail *tail;
    uint64_t next; /* the number of what comes next */
    bool anywhere; /* that is not known: there was nothing yet */
    bool moved;    /* the folder is another one, and it is not known yet where its numbers are */
    struct tail_frame frame;
    size_t at;        /* in the frame: the next record, */
    uint64_t number;  /* its number, */
    uint32_t left;    /* and how many there are */
    int64_t came_ns;  /* mono: when the last frame did */
    int64_t end_ns;   /* mono: when the end was last seen; 0: not yet */
    int64_t mtime_ns; /* of the folder, when the numbers were last looked at */
    uint64_t seq, lost;
    const char *reason;   /* "expired", "damaged" or "too slow" */
    struct metric metric; /* too large for a stack */
};

/* From the oldest metric on, or from now on. False, and why: a clause about the folder. follow_close() either way. */
bool follow_open(struct follow *f, const char *dir, bool oldest, struct why *why);
enum follow_result follow_next(struct follow *f);
/* How long the end was not reached, by one that had reached it: ns; 0 for one that had not. */
int64_t follow_behind(const struct follow *f);
/* Goes on at the end, and says what that leaves out: false: nothing. */
bool follow_skip(struct follow *f);
/* Goes back to `seq`. */
void follow_seek(struct follow *f, uint64_t seq);
void follow_release(struct follow *f);
/* After FOLLOW_WAIT or FOLLOW_ERROR, once a second or less often. */
enum follow_news follow_look(struct follow *f);
void follow_close(struct follow *f);
