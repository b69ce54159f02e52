/* spool/account.h - what has become of all that a sink was to have, at any moment
 *
 *   accepted = confirmed + unconfirmed + queued + dropped, by reason
 *
 * Derived from four things, by garnetd and `garnet spool verify` alike; nobody keeps these numbers:
 *   the cursor         what is settled for good, by the worker
 *   taken, lost        what the worker has read into memory, and what of the spool was gone up to there
 *   oldest             where the spool begins now: what was not taken before that is gone
 *   end                the number that comes next
 * What a worker has in memory is its own: no retention takes it away. So a metric expires when the spool
 * begins behind it and it was not taken, and not when the worker finds the gap.
 *
 * Beginning again at the position, for a replay or as the next worker, makes taken the position and lost
 * what the cursor has as expired. `expired` does not go back by that: whatever was lost on the way is
 * before `oldest`, and so is counted as not taken.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "spool/cursor.h"

struct account_reading { /* what a worker has read; zero: nothing is known of one */
    uint64_t taken;      /* all before it is in memory, sent, settled, or was gone */
    uint64_t lost;       /* expired, counted up to there since the sink began */
};

struct account {
    uint64_t accepted; /* since the sink was created */
    uint64_t confirmed;
    uint64_t unconfirmed; /* read, and neither known to have arrived nor to be dropped */
    uint64_t queued;      /* can be read in the spool, and was not yet */
    uint64_t dropped[DROP_REASONS];
    uint64_t all_dropped; /* their sum */
};

/* Nothing is read beyond the position: after a seek, or without a worker. */
struct account_reading account_begin(const struct cursor_state *c);
/* Whether a worker that is where the cursor is, or further, can have said so. What stands in memory that
 * a plugin shares may be anything. */
bool account_believed(const struct account_reading *r, const struct cursor_state *c, uint64_t end);
/* `r` NULL, or not to be believed: nothing is read beyond the position. The cursor is at most as new as
 * `r`. False: the cursor's own numbers do not add up; then confirmed is 0, and the sum does not hold. */
bool account_derive(struct account *a, const struct cursor_state *c,
                    const struct account_reading *r, uint64_t oldest, uint64_t end);
