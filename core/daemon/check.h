/* daemon/check.h - a configuration, read and checked by a process that may wait for it
 *
 * Reading files, looking up groups and loading plugins may hang or crash. Each sink's plugin and its
 * options are checked by `garnet-sink check`, under a deadline, without I/O towards any endpoint; if
 * the caller is killed, it ends as well (garnet-sink asks for that).
 */
#pragma once
#include "conf/conf.h"

/* True: no errors, and the snapshot is one that conf_parse() accepts. `running`: as conf_load() has
 * it. */
bool check_configuration(const char *path, bool running, const char *sink_program,
                         struct buf *snapshot, struct errors *e);
