/* sink/worker.h - one sink's work: spool -> feed -> plugin -> sender -> transport, and the cursor behind it
 *
 * One loop; see model/worker.h for what is said over `control`. Exits by returning an exit status: 0
 * asked to finish (or garnetd is gone), EXIT_CONFIG the plugin or its options are wrong, EXIT_WORLD
 * anything else. Asked to finish, it does not wait for a peer that is down or reads nothing: what is
 * not delivered stays in the spool.
 */
#pragma once
#include "conf/conf.h"
#include "model/scoreboard.h"

int worker_run(const struct conf *conf, const struct conf_sink *sink, int control,
               struct scoreboard *board);
