/* daemon/check.h - a configuration, read and checked by a process that may wait for it
 *
 * Reading files, looking up groups and loading plugins may hang or crash. Each sink's plugin and its
 * options are checked by `garnet-sink check`, under a deadline, without I/O towards any endpoint; if
 * the caller is killed, it ends as well (garnet-sink asks for that).
 */
#pragma once
#include "conf/conf.h"

/* True: not errors_fatal(e), and the snapshot is one that conf_parse() accepts. `running`: as conf_load()
 * has it. */
bool check_configuration(const char *path, bool running, const char *sink_program,
                         struct buf *snapshot, struct errors *e);
/* The snapshot's look at what it refused for the world: conf_load_refused(). 1: something is different;
 * 0: nothing is; -1: there was no memory. */
int check_refused(struct str old, struct buf *snapshot);
