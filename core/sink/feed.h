/* sink/feed.h - spool -> batch: reads frames, decodes records, decides which go to the plugin, and
 * counts what is lost
 *
 * How old a metric is counts from its acceptance, which the spool knows; unless its sender has given a
 * time of its own, which then counts.
 *
 * Keeps the point up to which everything read is accounted for: in the batch, in one before it, or
 * dropped. What garnetd has given up by then (its scoreboard's `oldest`) is expired, and whether it can still
 * be read does not matter: so both agree on every metric. Where counters are differenced, reading begins a window before that: what is read there
 * is compared with, and nothing else.
 *
 * A live plugin begins with what was accepted within `warm` before, whether it has had it or not: that is
 * read again like any replay, and counts only where it was not counted yet.
 */
#pragma once
#include "base/throttle.h"
#include "plugin/batch.h"
#include "sink/counters.h"
#include "sink/position.h"
#include "sink/quarantine.h"
#include "spool/tail.h"

struct feed_rules { /* what becomes of a metric before the plugin gets it; all zero: it gets it */
    const struct conf_sink *sink;  /* which it wants (`only`, `drop`); or NULL: all */
    struct quarantine *quarantine; /* which the plugin must not get; or NULL */
    struct counters *counters;     /* or NULL: they are sent as they are */
    uint64_t start;                /* what came before, when there was no such sink, is not read */
    int64_t max_age;               /* ns: what is older is stale; 0: nothing is */
    bool live;                     /* what is there at the start is stale, */
    int64_t warm;                  /* ns: but for this much, which the plugin has again */
    bool apart;                    /* what is read again is in batches of its own */
    bool ends;                     /* where each metric ends in the batch is remembered */
};

struct feed {
    struct feed_rules rules;
    struct tail *tail;
    struct batch *batch;
    int dirfd;
    uint64_t segment;  /* that the counters' cut was found for */
    uint64_t stale;    /* so many were, since the log has it; 0: the log knows of none */
    int64_t stale_ns;  /* mono: when the last one was */
    bool passing;      /* `live`, and the end of the spool has not been reached: */
    int64_t warm_ns;   /* wall: what was accepted before is stale; INT64_MAX: all is */
    uint64_t warm;     /* and nothing that was not is before */
    uint64_t begin;    /* the batch is from there on */
    uint64_t floor;    /* losses below it are not counted: they were when it was read before */
    uint64_t taken;    /* all before is in memory, or accounted for (spool/account.h) */
    struct point read; /* up to here everything is accounted for */
    /* Where each metric of the batch ends in it, where that is asked for: what must not be sent
     * twice is sent again from there. A batch with a header or a trailer is in doubt as a whole. */
    struct mark *ends;
    unsigned nends, ends_cap;
    int64_t since_ns;  /* mono: since when the batch accounts for something; 0: for nothing */
    int64_t oldest_ns; /* wall: when the first metric in the batch was accepted; 0: none is in it */
    /* The frame being decoded: `left` records from `at` on, the first of them number `seq`. */
    struct tail_frame frame;
    size_t at;
    uint64_t seq;
    uint32_t left;
    size_t size;  /* of the record at hand, in `metric` */
    bool pending; /* it did not fit: all is decided but that it is in the next batch */
    bool
        again; /* the batch has metrics below the floor, and where they are to be apart no others */
    uint64_t lost; /* metrics that are not in the log yet */
    struct ratelimit losses;
    bool failing;         /* the spool could not be read: logged */
    struct metric metric; /* too large for a stack */
};

enum feed_result {
    FEED_FULL,   /* the batch must leave                     */
    FEED_DRY,    /* nothing more in the spool now            */
    FEED_ENOUGH, /* as much was taken as was asked for       */
    FEED_FATAL   /* the plugin: plugin_why()                  */
};

/* -1 with errno. All is borrowed; reading begins at `from`. */
int feed_open(struct feed *f, struct batch *b, int dirfd, const struct point *from,
              const struct feed_rules *rules);
/* Whether the sink wants it: one of `only` matches its name as it was sent, without a prefix, where there
 * is one, and none of `drop` (base/glob.h). */
bool feed_wants(const struct conf_sink *sink, const struct metric *m);
/* The first pattern that matches it; NULL: none does. */
const char *feed_pattern(const struct strings *patterns, const struct metric *m);
/* A bit for each reason (spool/cursor.h) for which a metric may be dropped on its way into the batch. */
uint64_t feed_can_drop(const struct feed *f);
/* Takes at most `most` metrics. With 0 none: it is only learnt whether there is one, and how old. */
enum feed_result feed_fill(struct feed *f, uint64_t most, int64_t now);
void feed_next_batch(struct feed *f); /* the one at hand has left */
/* So many metrics of earlier batches are dropped after all. */
void feed_drop(struct feed *f, enum drop_reason reason, uint64_t n);
/* Of one that was to come again, and is too old for that: said like others that are. */
void feed_log_stale(struct feed *f, uint64_t n, int64_t eldest_ns);
/* The batch has waited, and some of it is too old to be sent; `longer` more is allowed. */
bool feed_outlived(const struct feed *f, int64_t longer);
/* Wall: when the oldest metric was accepted that has not left; 0: none waits, as far as was read. */
int64_t feed_oldest(struct feed *f);
/* Where to seek to so that all is read again from `seq` on, and what a live plugin begins with, as long as it has not had
 * all of that. */
uint64_t feed_begin(const struct feed *f, uint64_t seq);
/* Throws the batch away, and reads from `seq` again: not after `from`, up to which all is
 * counted. */
void feed_seek(struct feed *f, const struct point *from, uint64_t seq);
void feed_close(struct feed *f);
