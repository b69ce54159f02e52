/* daemon/load.h - the configuration, read and checked by a child
 *
 * Reading files, looking up groups and loading plugins may hang or crash; none of that may reach
 * garnetd. The child does it all, sinks' plugin options included (each by `garnet-sink check`
 * under a deadline, without I/O towards any endpoint), and hands back a snapshot that garnetd
 * parses as a pure function.
 */
#ifndef DAEMON_LOAD_H
#define DAEMON_LOAD_H
#include "base/loop.h"
#include "conf/conf.h"

struct load;

/* done(arg, snapshot, NULL) or done(arg, {0}, errors): lines, each "FILE:LINE:COL: text". Called
 * once, from the loop; the load is then gone. `running`: as conf_load() has it. NULL with errno. */
struct load *load_start(struct loop *l, const char *path, bool running, const char *sink_program,
                        void (*done)(void *arg, struct str snapshot, const char *errors),
                        void *arg);
void load_cancel(struct load *l); /* ends the child; done is not called */

/* The same in this process, blocking: for `garnetd -t`. True when there are no errors. */
bool load_check(const char *path, bool running, const char *sink_program, struct buf *snapshot,
                struct errors *e);

#endif
