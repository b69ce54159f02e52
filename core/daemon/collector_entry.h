/* daemon/collector_entry.h - one collector as garnetd has it, and what it tells of itself
 *
 * The entry is daemon/collectors.c's to make, change and free. What it tells are rows (daemon/row.h), for Garnet's own
 * metrics and for the control socket alike, and there its state beside them (docs/control.md).
 */
#pragma once
#include "collect/collector.h"
#include "daemon/generation.h"
#include "daemon/row.h"
#include "intake/intake.h"

struct collectors;
struct selfmetrics;

struct last_run {           /* how it ended, in words and numbers; ended 0: none has */
    int64_t started, ended; /* wall ns */
    struct run_receipt receipt;
    uint64_t accepted, rejected;
    struct why words; /* "" where it ended well */
};

struct collector_entry {
    struct collectors *all;
    struct generation *gen; /* holds one reference for conf */
    const struct conf_collector *conf;
    struct collector run;
    bool begun;            /* `run` is: else disabled, or between two configurations */
    struct source *source; /* its socket, or NULL */
    bool recorded;         /* this run is (spool/slots.h); */
    int64_t slot_before;   /* the one before it was for this slot */
    bool brought_nothing;  /* runs have ended well, and nothing ever came: logged */
    bool leaving;          /* no longer configured: freed when its run is gone */
    bool waiting;          /* it cannot be started for now: logged */
    struct remark why;     /* that is so */
    int64_t started;       /* wall ns: the run at hand, or the last one */
    struct last_run last;
    LIST_ENTRY(collector_entry) entries;
};

void collector_entry_rows(const struct collector_entry *m, struct self_round at);
/* One point a run, stamped like the run's own metrics: with its slot, or a daemon's with its end. */
void collector_entry_run_rows(const struct collector_entry *m, struct selfmetrics *to);
/* Appends a JSON object. */
void collector_entry_status(const struct collector_entry *m, struct buf *out);
