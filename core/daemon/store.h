/* daemon/store.h - the spool in garnetd: spool/commit.h with its sync helper, a clock and a loop
 *
 * Intake's batches go in by store_commit(); what becomes of each is reported by the events of
 * spool/commit.h. What the disk does not take is held in memory and tried again. Nothing here waits
 * for the disk. What is done once a second (commit_look(), commit_sync(), append_retain()) is the
 * owner's to call.
 */
#pragma once
#include "base/loop.h"
#include "base/why.h"
#include "conf/conf.h"
#include "daemon/row.h"
#include "spool/commit.h"

struct store { /* its own to write */
    struct loop *loop;
    char *dir;
    struct commit commit;   /* its spool and its sync helper among it */
    struct loop_timer held; /* while something is */
};

bool store_open(struct store *s, struct loop *l, const struct conf_spool *c,
                const struct commit_events *ev);                   /* false: logged */
void store_configure(struct store *s, const struct conf_spool *c); /* all but its folder */

/* An intake_commit_fn; `arg` is the store. */
int store_commit(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                 struct why *why);

/* The end: one more try, then whoever still waits is refused. */
void store_end(struct store *s);
/* And ends the sync helper: at most a second, and not beyond `until` (mono). */
void store_sync_last(struct store *s, int64_t until);
void store_close(struct store *s);

void store_metrics(const struct store *s, const struct self_round *at);
