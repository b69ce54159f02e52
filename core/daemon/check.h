/* daemon/check.h - a configuration, read and checked by a process that may wait for it
 *
 * Reading files, looking up groups and loading plugins may hang or crash. Each sink's plugin and its
 * options are checked as well (daemon/plugin_check.h).
 */
#pragma once
#include "conf/load.h"

/* True: not errors_fatal(e), and the snapshot is one that conf_parse() accepts. `now` as conf_load() has it;
 * then e has after false only what is wrong with the main file. */
bool check_configuration(const char *path, const struct snapshot *now, struct asking *of,
                         const char *sink_program, struct buf *snapshot, struct errors *e);

/* What check_configuration() warns of, and garnetd says of what it uses. */
#define CHECK_NO_SINK                                                                              \
    "there is no sink: metrics wait in the spool until they are too old or too many"

/* What is asked of a ward (keep/warder.h). Its strings are a name for the process, the path and the sink program;
 * its word: only to look at what the snapshot in use has refused for the world, and at the scripts, which are to have been
 * as they are for so many ms (conf_load_refused()). */
enum check_fd {
    CHECK_ANSWER = 3, /* a pipe */
    CHECK_NOW,        /* the snapshot in use, a file; or -1 */
    CHECK_HUNG,       /* conf/hung.h's table, or -1 */
    CHECK_FDS
};
/* A helper's work. The answer is one byte and what follows, to the end:
 * 'S' and a snapshot; 'M', the length of error lines (uint32_t), these and a snapshot: the main file is
 * wrong, and the one in use stays; 'E' and error lines, or 'W' if all of them are of the world; 'N': the look has
 * found nothing new. None, and a status other than 0: it could not be found out. */
int check_in_child(void *ward_job);
