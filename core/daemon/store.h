/* daemon/store.h - the spool in garnetd: its batches, its sync helper, its folder, its retention
 *
 * Intake's batches go in by store_commit(); what becomes of each is reported by the events of
 * spool/commit.h. What the disk does not take is held in memory and tried again. Nothing here waits
 * for the disk.
 */
#ifndef DAEMON_STORE_H
#define DAEMON_STORE_H
#include "base/loop.h"
#include "base/why.h"
#include "conf/conf.h"
#include "daemon/selfmetrics.h"
#include "spool/append.h"
#include "spool/commit.h"

struct store;

struct store *store_open(struct loop *l, const struct conf_spool *c,
                         const struct commit_events *ev);          /* NULL: logged */
void store_configure(struct store *s, const struct conf_spool *c); /* all but its folder */
const struct append *store_spool(const struct store *s);
const char *store_dir(const struct store *s);

/* An intake_commit_fn; `arg` is the store. */
int store_commit(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                 struct why *why);

/* Once a second, all three, in this order. */
/* True when its folder was another one, and was made anew: whoever has something of the old one open
 * begins anew. */
bool store_folder_replaced(struct store *s);
void store_sync(struct store *s);
/* Removes what no sink needs (below `needed`), and what max_size and max_age do not allow. The number
 * of segments beyond `needed`, of which a sink may not have sent all. */
unsigned store_retain(struct store *s, uint64_t needed);

/* The end: one more try, then whoever still waits is refused. */
void store_end(struct store *s);
void store_sync_last(struct store *s); /* and ends the sync helper: at most a second */
void store_close(struct store *s);

void store_metrics(const struct store *s, const struct self_round *at);

#endif
