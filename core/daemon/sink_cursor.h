/* daemon/sink_cursor.h - a sink's place in the spool, from garnetd's side
 *
 * garnetd makes the cursor and removes it; the worker alone moves it (spool/cursor.h). Here it is
 * made before each start of a worker, looked at once a second, and made again as it was last seen
 * when the spool's folder is another one.
 */
#pragma once
#include "conf/conf.h"
#include "daemon/selfmetrics.h"
#include "model/scoreboard.h"
#include "spool/append.h"
#include "spool/cursor.h"

struct sink_cursor {
    const struct append *spool; /* borrowed, like the next */
    const char *dir;            /* of the spool: for messages */
    char name[72];              /* the sink's, which has 64 at most */
    bool begun;                 /* it exists, or did once */
    uint64_t begin;             /* where it starts, when there is none */
    struct cursor_state known;  /* as last seen */
    bool knows;                 /* it has been seen */
    bool restore;               /* its file went with the folder: made again from that */
    uint64_t still_at;          /* so far its sink has come, */
    int64_t still_ns;           /* mono: since then, although there is more; 0: there is not */
    int64_t made_ns;            /* wall: when it was made, until that is asked */
};

/* Where a new one begins is decided now, as the sink's configuration says, however long it takes to
 * make. */
void sink_cursor_init(struct sink_cursor *c, const struct append *spool, const char *dir,
                      const struct conf_sink *s);
/* Whether there is one that a worker can go on at, made if need be. False: logged; try again. */
bool sink_cursor_ensure(struct sink_cursor *c);
/* Before the next worker it is made again, as it was last seen. */
void sink_cursor_lost(struct sink_cursor *c);
/* Looks at the file, once a second. `b`: what its worker says; NULL where none has begun. False: it is
 * not known now; else from known.keep on the sink still needs the spool. */
bool sink_cursor_look(struct sink_cursor *c, const struct scoreboard *b);
uint64_t sink_cursor_queued(const struct sink_cursor *c); /* now; 0 too while it cannot be read */
/* False, and none: it cannot be read now. At any time: accepted since its creation = confirmed +
 * queued + sum of dropped. */
bool sink_cursor_metrics(const struct sink_cursor *c, const struct self_round *at,
                         const struct scoreboard *b);
/* When it was made, wall, by this garnetd; 0 when it was not, or that was asked before. */
int64_t sink_cursor_take_made(struct sink_cursor *c);
/* Its sink is no longer configured. */
void sink_cursor_remove(const struct sink_cursor *c);

/* Writes the list of those that there are; logs when it cannot. `names` NULL: there was no memory. */
void sink_cursor_list(const struct append *spool, const char *dir, const char *const *names,
                      unsigned n);
