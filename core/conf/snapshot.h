/* conf/snapshot.h - a configuration as it was at one moment: every file's bytes, and facts about
 * the world
 *
 * Reading files, looking up users and stat()ing commands can all hang (NFS, LDAP), so garnetd lets
 * a child do it and gets a snapshot back over a descriptor; from there on parsing is a pure
 * function of bytes. A sink worker gets the same snapshot, so that it can never see an edit that
 * garnetd has not accepted.
 *
 * Facts are asked for by the parser (conf.h, `wanted`) and found out by conf_learn():
 *   "group:NAME"  -> gid in decimal, "" when there is no such group, or "error REASON"
 *   "user:NAME"   -> "UID GID GROUP...", "" when there is no such user, or "error REASON";
 *                    GROUP... are all its groups. For both, NAME may be an id; a user's that nobody
 *                    has answers with the UID alone
 *   "file:PATH"   -> "DEV INO SIZE MTIME_NS CTIME_NS MODE UID" in decimal, or "error REASON"
 *   "trust:UID:PATH" -> "error REASON": somebody else than root, we and UID (-1: nobody) could alter
 *                    what that leads to (base/trust.h). Else " UID:GID UID:GID ": groups on the way
 *                    that may write and are that user's own
 *   "folder:PATH" -> likewise, of a folder that may not be there yet; the user that it, or the nearest
 *                    one above it, belongs to is trusted
 *   "hostname"    -> gethostname()
 *   "self"        -> "UID GID CAPABILITIES", all effective, of the process that learns it, which
 *                    is a child of garnetd's; the last in hexadecimal
 *   "cgroup"      -> "CONTROLLERS DIR": a control group (v2) in which we may make others, and what
 *                    those can limit: "pids,memory", or some of it, or "-". "" when there is none
 * And "running" is there, whoever asks, when it is read anew by a garnetd that has its socket already.
 * REASON is a clause that fits after the name: "does not exist", "cannot be read: Permission
 * denied".
 */
#ifndef CONF_SNAPSHOT_H
#define CONF_SNAPSHOT_H
#include "base/arena.h"

struct snapshot_file {
    const char *path;
    struct str text;
    const char *error; /* why it could not be read, or NULL */
    struct snapshot_file *next;
};
struct snapshot_fact {
    const char *key, *value;
    struct snapshot_fact *next;
};
struct snapshot {
    struct arena arena;    /* owns everything below */
    const char *main_path; /* absolute; also the path of the first file */
    struct snapshot_file *files;
    struct snapshot_fact *facts;
};

/* Reads the main file and the collector files (*.yaml, sorted) beside it that it names. Blocks.
 * Unreadable files, and those that others could alter, are in the snapshot with their error. False
 * only when memory ran out. */
bool snapshot_take(struct snapshot *s, const char *path);
bool snapshot_take_main(struct snapshot *s, const char *path); /* the main file alone */
const char *snapshot_get(const struct snapshot *s,
                         const char *key); /* fact, or NULL: not known yet */
bool snapshot_put(struct snapshot *s, const char *key, const char *value);
void snapshot_write(const struct snapshot *s, struct buf *out);
bool snapshot_read(struct snapshot *s,
                   struct str bytes); /* false: not a whole snapshot, or no memory */
void snapshot_free(struct snapshot *s);

#endif
