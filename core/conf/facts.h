/* conf/facts.h - what the parsing of a file must know of the world, as typed values
 *
 * A fact is asked for by file, kind and name. Parsing looks among what the snapshot has for the
 * file. What is not there is FACT_WANTED, and is put on the list of the wanted; conf/learn.h finds it
 * out (it blocks, and asks once for all files), and parsing begins anew. In the snapshot a fact is a
 * text, whose form this unit alone knows:
 *
 *   "group:NAME"       "GID"; "" when there is none
 *   "user:NAME"        "UID GID GROUP...", GROUP... being all its groups; "UID" alone of an id that
 *                      nobody has; "" when there is none
 *   "file:PATH"        "DEV INO SIZE MTIME_NS CTIME_NS MODE UID"
 *   "trust:UID:PATH"   " UID:GID UID:GID "
 *   "folder:PATH"      likewise
 *   "exec:PATH\nFILE"  ""
 *   "hostname"         the name
 *   "self"             "UID GID CAPABILITIES", the last in hexadecimal
 *   "cgroup"           "CONTROLLERS DIR", CONTROLLERS being "pids,memory", one of them, or "-"; ""
 * or "error REASON", a clause that fits after the name: "cannot be read: Permission denied".
 */
#ifndef CONF_FACTS_H
#define CONF_FACTS_H
#include <sys/types.h>

#include "conf/snapshot.h"

enum fact_kind {
    FACT_GROUP,
    FACT_USER,
    FACT_FILE,
    FACT_WAY,    /* who could alter what a path leads to */
    FACT_FOLDER, /* the same, of a folder that may not be there yet */
    FACT_RUNS,   /* whether the system could run a program */
    FACT_HOSTNAME,
    FACT_SELF,
    FACT_CGROUP
};
struct fact_want {
    const struct snapshot_file *file; /* whose parsing asks */
    enum fact_kind kind;
    const char *name;   /* NAME, PATH or FILE; "" where there is none */
    uid_t user;         /* of a way */
    const char *search; /* of a program: its PATH; "": garnetd's own */
    const char *key;
    struct fact_want *next;
};
struct facts {
    const struct snapshot_file *file; /* the one that is parsed */
    struct arena *arena;              /* for the wanted and the answers */
    struct fact_want *wanted;
    const char *why; /* REASON of the last answer, if that was FACT_ERROR */
};

enum fact { FACT_WANTED, FACT_KNOWN, FACT_NONE /* no such user, group */, FACT_ERROR };

struct fact_user {
    uid_t uid;
    bool account; /* false: an id that nobody has, so nothing else is known */
    gid_t gid;
    const gid_t *groups;
    size_t ngroups;
};
struct fact_file {
    uint64_t dev, ino;
    int64_t size, mtime, ctime; /* bytes; ns */
    mode_t mode;
    uid_t uid;
};
struct fact_self { /* what garnetd is, or its child that finds this out: all effective */
    uid_t uid;
    gid_t gid;
    uint64_t capabilities;
};
struct fact_cgroup {        /* a control group (v2) in which we may make others */
    const char *dir;        /* NULL: there is none */
    bool processes, memory; /* what those can limit */
};

/* --- asking --- */

enum fact fact_group(struct facts *f, const char *name, gid_t *gid); /* by name or id */
enum fact fact_user(struct facts *f, const char *name, struct fact_user *u);
enum fact fact_file(struct facts *f, const char *path, struct fact_file *file);
/* FACT_ERROR: somebody else than root, garnetd and `user` (-1: nobody) could alter it. Else the
 * groups on the way that may write and are that user's own, for struct trust. */
enum fact fact_way(struct facts *f, uid_t user, const char *path, const char **own_groups);
/* Trusted is whoever owns it, or the nearest one above it. */
enum fact fact_folder(struct facts *f, const char *path, const char **own_groups);
enum fact fact_runs(struct facts *f, const char *search, const char *path);
enum fact fact_hostname(struct facts *f, const char **name);
enum fact fact_self(struct facts *f, struct fact_self *self);
enum fact fact_cgroup(struct facts *f, struct fact_cgroup *g);

/* --- answering: the text of a value; of the others it is the value itself --- */

void fact_put_user(struct buf *out, const struct fact_user *u);
void fact_put_file(struct buf *out, const struct fact_file *file);
void fact_put_self(struct buf *out, const struct fact_self *self);
void fact_put_cgroup(struct buf *out, const struct fact_cgroup *g); /* whose dir is not NULL */
void fact_put_error(struct buf *out, const char *reason);

#endif
