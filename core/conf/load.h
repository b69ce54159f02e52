/* conf/load.h - a configuration from the disk
 *
 * Reads files and asks about the world, and so blocks for as long as these like: for processes that
 * may wait. Unreadable files, and those that others could alter, are in the snapshot with their
 * error. Fails only for want of memory.
 */
#pragma once
#include "conf/ask.h"
#include "conf/conf.h"
#include "conf/snapshot.h"

/* Reads the main file and the collector files (*.yaml, sorted) beside it that it names. */
bool load_files(struct snapshot *s, const char *path);
/* load_files(), then parsing and learning until nothing is wanted. `now`: what a garnetd runs with that
 * has its socket already, or NULL: from there is what a collector's file with errors said before, and
 * in a clash who comes later is who has changed, or is new. NULL without memory or
 * processes, maybe after errors. */
struct conf *conf_load(struct snapshot *s, const char *path, const struct snapshot *now,
                       struct asking *of, struct errors *e);
/* conf_load() for who has no garnetd, with one more collector's file, or NULL: it stands for that of the same
 * name in the folder, if there is one. */
struct conf *conf_load_with(struct snapshot *s, const char *path, const char *file,
                            struct asking *of, struct errors *e);
/* Once more for a snapshot that was read already: what collectors' files and sinks were refused for, if
 * that is of the world, is found out anew, and files that could not be read are read; and scripts that have come or gone
 * are, once all there have not changed for `settled` ns; nothing else is.
 * A sink's check is the caller's. A file that was refused comes last, so that it gives way where it clashes with what was not. */
struct conf *conf_load_refused(struct snapshot *s, int64_t settled, struct asking *of,
                               struct errors *e);
/* The collectors' files anew, beside the main file that is in use: s is what was. */
struct conf *conf_load_beside(struct snapshot *s, struct asking *of, struct errors *e);
struct conf_places { /* where a garnetd is found that has this configuration */
    const char *socket, *control, *spool;
};
/* Of the configuration whose main file is `path`, of which nothing else is read. False after errors of that file,
 * and without memory. */
bool conf_places_of(struct arena *a, const char *path, struct conf_places *places,
                    struct errors *e);
