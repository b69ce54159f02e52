/* sink/position.h - how far a sink has come: marks in the stream of bytes, and the cursor behind
 * them
 *
 * What was sent is remembered as marks: at this offset of the transport's stream everything up to
 * that point of the spool is out. When the transport knows more to have arrived, marks are passed,
 * and the point of the last one passed is what the cursor stores: at most every 100 ms or each 1
 * MiB, and on the disk at most once a second. The position never goes back: what is sent again
 * passes marks that say nothing new.
 *
 * It also remembers where the position was some time ago, since what a peer had read but not kept
 * is sent again from there; garnetd keeps the spool from that point on (cursor_state.keep). That
 * trail is stored with the position: a worker that dies early must not cost the next one more. How
 * far what is sent again has come is `again`: a replay that is itself cut short goes back there,
 * however late, and over a restart too (cursor_state.owed). What is sent from there may depend on a
 * stretch of log before it, which is kept, too (`window_ns`, spool/segment.h); and so is what the next
 * worker begins with, though it has arrived (`warm_ns`).
 *
 * What may yet be refused, and must not come twice over a restart, is passed before it is sure: the
 * position moves, and `again` stays behind until it is. What is refused is then read from there again,
 * by this worker and no other.
 */
#pragma once
#include "spool/cursor.h"

enum { POSITION_MARKS = 1024, POSITION_MARKS_FINE = 16384 };

/* A place in the spool: all before seq is delivered, or dropped as counted since the beginning. */
struct point {
    uint64_t seq;
    uint64_t dropped[DROP_COUNT];
};

struct mark {
    uint64_t offset;
    struct point at;
};

struct marks { /* a ring of `cap` */
    struct mark *v;
    unsigned cap, head, n;
};

struct position_rules {
    int64_t replay_ns; /* how far back a replay goes */
    int64_t warm_ns;   /* how much log before that a start begins with; 0: none */
    int64_t window_ns; /* how much log before all that is needed; 0: none */
    bool fine;         /* there is a mark for each metric */
    bool never_twice;  /* what is to be sent again is not left to the next worker */
};

struct position {
    struct position_rules rules;
    struct cursor cursor; /* its state is the last point passed, and the trail, stored or not */
    struct marks marks;   /* not passed yet */
    struct marks unsure;  /* passed, and may yet be refused */
    struct point sure;    /* nothing before can be */
    int dirfd;
    uint64_t horizon; /* where the window began at horizon_ns, which is earlier than it does now */
    int64_t horizon_ns;
    uint64_t again;   /* all before has arrived since it was last in doubt; at most the position */
    uint64_t passed;  /* offset of the last mark passed */
    uint64_t unsaved; /* bytes passed since the cursor was stored */
    bool dirty;       /* passed something that is not stored */
    bool noted;       /* something changed that is stored, and no reason to wait for the disk */
    bool unsynced;
    bool sick; /* the last store or sync failed: it is in the log */
    int64_t stored_ns, synced_ns;
};

/* Opens and locks the cursor; -1 with errno as cursor_open(): nothing is to be closed then. */
int position_open(struct position *p, int dirfd, const char *name,
                  const struct position_rules *rules, int64_t now);
/* Whether there is room for so many more marks, or none is left to wait for. */
bool position_room(const struct position *p, unsigned n);
struct point position_point(const struct position *p);       /* the last one passed */
const struct point *position_last(const struct position *p); /* marked; NULL: no mark is left */
/* When there are too many, every other one is forgotten: the position then moves in larger steps. */
void position_mark(struct position *p, uint64_t offset, const struct point *at);
/* `n` more metrics before `offset` are dropped: what only came out after it was marked. */
void position_drop(struct position *p, uint64_t offset, enum drop_reason reason, uint64_t n);
/* Everything before `offset` has arrived, though what is beyond `sure` may yet be refused: true if
 * that moves the position. */
bool position_pass(struct position *p, uint64_t offset, uint64_t sure, int64_t now);
/* What is stored beside the position, for others to read (spool/cursor.h). */
void position_note(struct position *p, uint64_t taken, uint64_t lost, uint64_t in_doubt,
                   uint64_t sent);
/* All that was marked is passed, and sure. */
bool position_settled(const struct position *p);
/* The stream begins anew at offset 0, and at what is returned: behind what has arrived or, with
 * `doubt`, at where that was replay_ns ago. The marks are forgotten. */
uint64_t position_rewind(struct position *p, bool doubt, int64_t now);
/* Stores and syncs if it is time. Failures are logged once until one succeeds, and tried again. */
void position_save(struct position *p, int64_t now);
/* Stores now, and with `sync` waits for the disk. False: logged. */
bool position_flush(struct position *p, bool sync, int64_t now);
int64_t position_due(const struct position *p,
                     int64_t now); /* ns until save() wants to be called; -1: no need */
void position_close(struct position *p);
