/* conf/facts.h - what the parsing of a file must know of the world, as typed values
 *
 * A fact is asked for by file, kind and name. Parsing looks among what the snapshot has for the
 * file. What is not there is FACT_WANTED, and is put on the list of the wanted; conf/ask.h finds it
 * out (it waits, and asks once for all files), and parsing begins anew. In the snapshot a fact is a
 * key, which is all of the question, and a text:
 *
 *   "group:NAME"         "GID"; "" when there is none
 *   "user:NAME"          "UID GID GROUP...", GROUP... being all its groups; "UID" alone of an id that
 *                        nobody has; "" when there is none
 *   "file:PATH"          "DEV INO SIZE MTIME_NS CTIME_NS MODE UID"
 *   "trust:UID:PATH"     " UID:GID UID:GID "
 *   "folder:PATH"        likewise
 *   "secret:UID:PATH"    "=" and the file's text, a secret, which is never shown
 *   "room:PATH"          the bytes of the file system that it is on, or will be; "": not known
 *   "exec:SEARCH\nPATH"  ""; SEARCH is the PATH that it will have
 *   "hostname"           the name
 *   "check:SINK"         lines, if its plugin's check failed for what the text is not to blame for;
 *                        never wanted, but put there by whoever has it checked
 *   "anew:SINK"          "": what is an error above is asked once more, for that sink alone, as
 *   "sink=SINK KEY"      KEY being one of the others
 *   "self"               "UID GID CAPABILITIES", the last in hexadecimal
 *   "cgroup"             "CONTROLLERS DIR", CONTROLLERS being "pids,memory", one of them, or "-"; ""
 * or "error REASON", a clause that fits after the name: "cannot be read: Permission denied".
 */
#pragma once
#include <sys/types.h>

#include "conf/errors.h"
#include "conf/snapshot.h"

struct conf;

struct fact_want {
    const struct snapshot_file *file; /* whose parsing asks */
    const char *key;
    struct fact_want *next;
};
struct parsing { /* of a snapshot: what all sections need */
    struct conf *c;
    struct arena *a; /* the conf's */
    struct errors *e;
    bool running;                     /* as in the snapshot */
    const struct snapshot_file *file; /* the one that is parsed */
    const char *anew;                 /* the sink that is parsed, if its faults are asked anew */
    struct fact_want *wanted, **wanted_end;
    struct fact_want **wanted_here; /* where begins what was wanted last, by */
    const struct snapshot_file *wanted_file;
    struct conf_collector *in_use; /* as files said before that are not judged yet */
    struct conf_collector *placed; /* among the conf's, last */
    bool counted;                  /* there is one whose user's processes are counted */
    const char *why;               /* REASON of the last answer, if that was FACT_ERROR */
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

enum fact fact_group(struct parsing *p, const char *name, gid_t *gid); /* by name or id */
enum fact fact_user(struct parsing *p, const char *name, struct fact_user *u);
enum fact fact_file(struct parsing *p, const char *path, struct fact_file *file);
uint64_t fact_file_digest(uint64_t h, const struct fact_file *f); /* of h and what it is now */
/* FACT_ERROR: somebody else than root, garnetd and `user` (-1: nobody) could alter it. Else the
 * groups on the way that may write and are that user's own, for struct trust. */
enum fact fact_way(struct parsing *p, uid_t user, const char *path, const char **own_groups);
/* Trusted is whoever owns it, or the nearest one above it. */
enum fact fact_folder(struct parsing *p, const char *path, const char **own_groups);
/* The text of a file that nobody but root, garnetd, `user` (-1: nobody) and a group may read. */
enum fact fact_secret(struct parsing *p, uid_t user, const char *path, const char **secret);
enum fact fact_room(struct parsing *p, const char *path,
                    uint64_t *bytes); /* FACT_NONE: not known */
/* FACT_ERROR: the system could not run it. `search` is the PATH that it will have; "": garnetd's. */
enum fact fact_runs(struct parsing *p, const char *search, const char *path);
enum fact fact_hostname(struct parsing *p, const char **name);
enum fact fact_self(struct parsing *p, struct fact_self *self);
enum fact fact_cgroup(struct parsing *p, struct fact_cgroup *g);
/* The lines, or NULL: none. */
const char *fact_check(struct parsing *p, const char *sink);

/* --- answering: the text of a value; of the others it is the value itself --- */

void fact_put_user(struct buf *out, const struct fact_user *u);
void fact_put_file(struct buf *out, const struct fact_file *file);
void fact_put_self(struct buf *out, const struct fact_self *self);
void fact_put_cgroup(struct buf *out, const struct fact_cgroup *g); /* whose dir is not NULL */
void fact_put_secret(struct buf *out, struct str secret);
void fact_put_error(struct buf *out, const char *reason);
const char *fact_error(const char *text); /* the reason; all of another text */
/* The whole fact, of the main file. False: no memory. */
bool fact_put_check(struct snapshot *s, const char *sink, const char *lines);

/* --- a sink that is refused --- */

/* Its faults of the main file are not believed any more: they are asked again, for it alone, and what its
 * check has said is forgotten. False: no memory. */
bool fact_ask_anew(struct snapshot *s, const char *sink);
bool fact_is_anew(struct parsing *p, const char *sink);
/* What has to be found out, without for whom. */
const char *fact_question(const char *key);
