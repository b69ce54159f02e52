/* conf/read.h - the text of a file of the configuration
 *
 * Files that others could alter are not read. What cannot be read has its reason.
 */
#pragma once
#include "conf/ask.h"
#include "conf/snapshot.h"

extern const char READ_MISSING[]; /* the reason where there is nothing */
const char *read_error(struct arena *a, int err);

/* Whoever can write a configuration can do what garnetd can. A descriptor, or -1 and *error. */
int read_open(struct snapshot *s, const char *path, int flags, const char **error);
/* Its text or its error; this may hang. */
void read_file(struct snapshot *s, struct snapshot_file *f);
/* Those of all files that are `unread`: any may be on a file system that does not answer, which is then its
 * error. Without memory or processes the arena has failed. */
void read_unread(struct snapshot *s, struct asking *of);
