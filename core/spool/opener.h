/* spool/opener.h - opens what a worker needs of the spool, where the worker is another user
 *
 * Only garnetd's user can open the spool, and the worker of a sink with a `user` is another one. So
 * before it switches, it forks a process that stays garnetd's user, runs only our code, and does one
 * thing: it opens the folder, segments to be read, that sink's cursor and its quarantine, by name,
 * and hands the descriptors over. New segments and restarts need nothing more;
 * when the folder is replaced, garnetd starts the workers anew, and so their openers. It ends with
 * the worker. Giving the sink's user or a group of its own rights to the files instead would give
 * them to all that is that user; and it would hold a lock.
 *
 * Without one, these calls are the system's own.
 */
#pragma once
#include <stdbool.h>
#include <sys/stat.h>

enum { SPOOL_FOLDER = 0700, SPOOL_FILE = 0600 }; /* for garnetd's user, and no one else */

/* Forks it, for the sink of that name and the spool in `dir`; is_segment says which names in it are
 * segments (spool/segment.h). 0, or -1 with errno. For a process that has one thread, once. */
int opener_start(const char *dir, const char *sink, bool (*is_segment)(const char *name));

int opener_folder(const char *dir); /* the spool's own; `dir` may be a link */
/* As openat(), with O_CLOEXEC and O_NONBLOCK and O_NOFOLLOW; a new file is SPOOL_FILE. Also EPERM
 * for what the opener is not for; without one any more, it ends this process. */
int opener_open(int dirfd, const char *name, int flags);
int opener_stat(int dirfd, const char *name, struct stat *st); /* of what is no link */
int opener_mkdir(int dirfd, const char *name); /* by the opener, it is made with what is in it */
