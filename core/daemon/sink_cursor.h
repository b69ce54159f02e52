/* daemon/sink_cursor.h - a sink's place in the spool, from garnetd's side
 *
 * garnetd makes the cursor and removes it; the worker alone moves it (spool/cursor.h). Here it is
 * made before each start of a worker, looked at once a second, and made again as it was last seen
 * when the spool's folder is another one.
 */
#pragma once
#include "conf/conf.h"
#include "daemon/row.h"
#include "model/scoreboard.h"
#include "spool/account.h"
#include "spool/append.h"

struct sink_cursor {
    const struct append *spool; /* borrowed, like the next */
    const char *dir;            /* of the spool: for messages */
    char name[72];              /* the sink's, which has 64 at most */
    bool begun;                 /* it exists, or did once */
    uint64_t begin;             /* where it starts, when there is none */
    struct cursor_state known;  /* as last seen */
    bool knows;                 /* it has been seen */
    bool unread;                /* it cannot be read, which is in the log */
    bool restore;               /* its file went with the folder: made again from that */
    uint64_t still_at;          /* so far its sink has come, */
    int64_t still_ns;           /* mono: since then, although there is more; 0: there is not */
    int64_t made_ns;            /* wall: when it was made, until that is asked */
    /* A worker of a garnetd that was killed may go on for 2 s, and confirm what it has in memory, of which
     * nobody here knows. Until it lets go there are no rows. */
    bool ours;
    bool accounts;    /* it has been derived, of the cursor that */
    uint64_t start;   /* began here; another begins an account of its own */
    uint64_t expired; /* as last derived, and it does not go back */
    struct sink_loss {
        uint64_t logged;        /* of what has expired */
        uint64_t total, said;   /* since this began, and of that in the log; total 0: it is over */
        int64_t last_ns, at_ns; /* mono: of the last loss, of the last line */
    } loss;
    struct sink_progress { /* by the looks at it, once a second */
        uint64_t confirmed, dropped;
        int64_t dropped_wall; /* when that grew last; 0: not since this garnetd's start */
        int64_t
            waiting_since; /* mono: something is to be confirmed, and nothing has been; 0: it is not so */
    } progress;
};

/* Where a new one begins is decided now, as the sink's configuration says, however long it takes to
 * make. */
void sink_cursor_init(struct sink_cursor *c, const struct append *spool, const char *dir,
                      const struct conf_sink *s);
/* Whether there is one that a worker can go on at, made if need be. False: logged; try again. */
bool sink_cursor_ensure(struct sink_cursor *c);
/* Before the next worker it is made again, as it was last seen. */
void sink_cursor_lost(struct sink_cursor *c);
/* Looks at the file, once a second, and logs what the sink has lost since. `b`: what its worker says; NULL where none has begun. False: it is
 * not known now; else from known.keep on the sink still needs the spool. */
bool sink_cursor_look(struct sink_cursor *c, const struct scoreboard *b);
void sink_cursor_end(struct sink_cursor *c); /* likewise, for the last time: no worker is left */
/* Without a worker, now: what still can be read for it. 0 too while it cannot be known. */
uint64_t sink_cursor_queued(const struct sink_cursor *c);
/* Its lag, and the rows of spool/account.h. False, and none of these: they cannot be known now. */
bool sink_cursor_metrics(struct sink_cursor *c, const struct self_round *at,
                         const struct scoreboard *b);
/* When it was made, wall, by this garnetd; 0 when it was not, or that was asked before. */
int64_t sink_cursor_take_made(struct sink_cursor *c);

/* Writes the list of those that there are; logs when it cannot. `names` NULL: there was no memory. */
void sink_cursor_list(const struct append *spool, const char *dir, const char *const *names,
                      unsigned n);
