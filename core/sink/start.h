/* sink/start.h - what a worker begins with: its plugin, loaded and ready, and its cursor
 *
 * garnetd has checked all of it before it started us, but the world may have changed since. Where one of
 * these says false the reason is in the log, and the worker stops by it unless it was asked to meanwhile.
 */
#pragma once
#include "model/scoreboard.h"
#include "plugin/plugin.h"
#include "sink/orders.h"
#include "sink/position.h"

/* Whether nobody can alter the plugin who should not; errors to `e`. */
bool start_may_load(const struct conf *conf, const struct conf_sink *sink, struct errors *e);
/* Loads the plugin and checks the sink's options; errors to `e`. plugin_unload() either way. */
bool start_check(struct plugin *p, const struct conf *conf, const struct conf_sink *sink,
                 struct errors *e);
bool start_load(struct plugin *p, const struct conf *conf, const struct conf_sink *sink,
                struct orders *o); /* likewise */
/* Its open(), again and again until it is ready; `board` says when it runs, and what it counts. */
bool start_plugin(struct plugin *p, struct orders *o, struct scoreboard *board);
/* Waits for the cursor's lock: a worker that was just killed may hold it a little longer. */
bool start_position(struct position *p, int dirfd, const struct conf *conf,
                    const struct conf_sink *sink, const struct position_rules *rules,
                    struct orders *o);
