/* sink/sender.h - the way of the batch at hand: through the outlet, or a plugin that delivers by itself
 *
 * Marks in the position what is out (sink/position.h), and moves the position behind what has arrived.
 * A stream that was lost begins again behind that, or further back where the peer may have read what it
 * did not keep: then the feed reads from there, and the batch at hand is thrown away.
 */
#pragma once
#include "delivery/outlet.h"
#include "plugin/deliver.h"
#include "sink/feed.h"
#include "sink/position.h"

struct sender {
    struct feed *feed;
    struct position *position;
    struct scoreboard *board;
    bool by_plugin;
    int64_t flush;        /* how long a batch may be under way to here */
    bool repeatable;      /* the plugin is idempotent: what is in doubt may be sent again */
    struct outlet outlet; /* or */
    struct deliver deliver;
    uint64_t again_to; /* batches that end up to there, by the plugin's offset, were read again */
    uint64_t in_doubt; /* as on the board, which the plugin may overwrite */
    struct ratelimit rejections; /* in the log */
    size_t sent;                 /* bytes of the batch at hand that are out */
    unsigned marked;             /* metrics of it that are out whole, where each has a mark */
    uint64_t acked;              /* the outlet's, when last looked at */
    uint64_t ended;              /* batches of the plugin's, likewise */
};

enum sender_result {
    SENDER_WAITS, /* nothing that matters to its owner; or the batch is not out yet */
    SENDER_DONE,  /* the batch is out, or bytes have got through: useful work */
    SENDER_ANEW,  /* the stream and the feed have begun again */
    SENDER_FATAL  /* the plugin gives up: its why */
};

/* All are borrowed; the feed stands where the position does. */
void sender_open(struct sender *s, struct loop *l, const struct conf_sink *sink, struct feed *f,
                 struct position *at);
/* Whatever is due: opens, confirms, delivers again. What is to be delivered again comes before anything
 * new. May block in a name look-up, or in the plugin. */
enum sender_result sender_turn(struct sender *s, int64_t now);
bool sender_may(const struct sender *s, int64_t now); /* there is somewhere to send to */
/* The feed's batch, as far as it goes without waiting. DONE: it is out; ANEW: it has waited, and was too old. */
enum sender_result sender_send(struct sender *s);
/* The position follows what has arrived. DONE: something has. */
enum sender_result sender_follow(struct sender *s, int64_t now);
/* Likewise, looking once more at what the peer has, or at what the plugin has said. */
enum sender_result sender_look(struct sender *s, int64_t now);
void sender_hurry(struct sender *s); /* what waits for its next attempt gets it now */
/* Nothing more will come: all that is out is to be confirmed now. */
void sender_finish(struct sender *s, bool finish);
/* More of what is left may arrive without a new attempt, or something has since the last call. `more`: there is
 * something to be sent. */
bool sender_hopes(struct sender *s, bool more, int64_t now);
bool sender_in_flight(const struct sender *s, int64_t now); /* the plugin has what may yet arrive */
void sender_rest(struct sender *s, bool rest);              /* the plugin gets no more of them */
bool sender_stalled(const struct sender *s);                /* who is to take it does not */
int64_t sender_due(const struct sender *s, int64_t now); /* ns until sender_turn(); -1: no need */
void sender_close(struct sender *s); /* the connections; before the plugin's close() */
void sender_free(struct sender *s);  /* what the plugin has, after that */
