/* conf/snapshot.h - a configuration as it was at one moment: every file's bytes, and what was found
 * out about the world for it
 *
 * Reading files, looking up users and stat()ing commands can all hang (NFS, LDAP), so garnetd lets
 * a child do it and gets a snapshot back over a descriptor; from there on parsing is a pure
 * function of bytes. A sink worker gets the same snapshot, so that it can never see an edit that
 * garnetd has not accepted. What a fact's key and value mean is conf/facts.h's.
 *
 * Fails only for want of memory; reading also for bytes that are not a whole snapshot.
 */
#pragma once
#include "base/arena.h"

struct snapshot_fact {
    const char *key, *value;
    struct snapshot_fact *next;
};
struct snapshot_file {
    const char *path;
    struct str text;
    const char *error; /* why it could not be read, or NULL */
    const char *
        script; /* "INTERVAL PATH": a script (conf/scripts.h), of which this is the file beside it, or itself; or NULL */
    const char *twice; /* another file that is a collector of the same name; or NULL */
    bool odd;          /* by its name alone it cannot be used, and is never read */
    bool unread;       /* that is to be found out; is not written */
    struct snapshot_fact *facts;
    struct snapshot_fact *was;    /* older ones, if these should not do; is not written */
    struct snapshot_file *before; /* the version that was good, for when this one is not; or NULL */
    bool old;                     /* what is known of it was found out at an earlier time */
    struct snapshot_file *next;
};
struct snapshot {
    struct arena arena;          /* owns everything below; all zero is a snapshot without files */
    struct snapshot_file *files; /* the main file first */
    struct snapshot_file *added; /* last */
    bool running;                /* it is for a garnetd that has its socket already */
    bool scripts;                /* there is a folder of scripts */
};

/* A file without bytes at the end; NULL without memory. */
struct snapshot_file *snapshot_add(struct snapshot *s, const char *path);
/* One of another snapshot, with its facts, and not in a list yet; NULL without memory. */
struct snapshot_file *snapshot_copy(struct snapshot *s, const struct snapshot_file *f);
/* The fact, or NULL: not known yet. */
const char *snapshot_get(const struct snapshot_file *f, const char *key);
/* `f` is one of the snapshot's; what is put last counts. */
bool snapshot_put(struct snapshot *s, struct snapshot_file *f, const char *key, const char *value);
void snapshot_write(const struct snapshot *s, struct buf *out);
bool snapshot_read(struct snapshot *s, struct str bytes); /* false: *s is empty */
void snapshot_free(struct snapshot *s);
