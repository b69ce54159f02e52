/* daemon/sockets.h - the sockets that a configuration asks for: the shared one, and the collectors' own
 *
 * They are sources of one intake, and their owner's to close. A collector's outlives runs and
 * configurations: what is written to it in between is not lost.
 */
#pragma once
#include "base/why.h"
#include "conf/conf.h"
#include "control/control.h"
#include "daemon/row.h"
#include "intake/intake.h"

/* For life; then what a garnetd that was killed has left is removed. False: logged. */
bool sockets_lock(const struct conf *c);
/* The shared one. NULL: logged. */
struct source *sockets_open(struct intake *in, const struct conf *c);
/* All but the path, mode and group; the intake's limits with it. */
void sockets_configure(struct intake *in, struct source *shared, const struct conf *c);
/* The control socket. It is locked first, for life, unless *locked says that it is. False, and why. */
bool sockets_open_control(struct control *control, const struct conf_control *c, bool *locked,
                          struct why *why);
void sockets_metrics(const struct intake *in, const struct source *shared,
                     const struct self_round *at);

/* A collector's own: makes *s, or brings it up to date if it is there. False, and why. */
bool sockets_open_own(struct source **s, struct intake *in, const struct conf *c,
                      const struct conf_collector *k, struct why *why);
