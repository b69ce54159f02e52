/* base/trust.h - whether strangers could alter what a path leads to, or make it lead elsewhere
 *
 * Walks the path from the root, folder by folder and link by link, each opened below the one before
 * and looked at by its descriptor. Everything on the way must belong to root or to somebody who is
 * trusted, and be writable to nobody else. Then no stranger can change anything of it, and what is
 * opened or executed by that path a moment later is what was looked at: so a script can be run by
 * its name, which by a descriptor it cannot without keeping that open. A sticky folder (/tmp) keeps
 * strangers from what is others', so there only what leads on must belong to the right one.
 *
 * A group's right to write counts as everybody's, unless the group is its owner's own. Access lists
 * show in the group's bits. What a program itself goes on to open (libraries, an interpreter's
 * modules) is not looked at. May block like any other use of a path.
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/why.h"

enum trust_verdict {
    TRUST_GOOD,
    TRUST_OWNER, /* it belongs to `uid`      */
    TRUST_GROUP, /* its group can alter it   */
    TRUST_ALL,   /* everybody can            */
    TRUST_ERROR, /* it cannot be had: errno  */
};
struct trust {
    uid_t users[2];         /* who is trusted beside root; (uid_t)-1: nobody */
    const char *own_groups; /* of the users that they belong to: " UID:GID UID:GID "; or NULL */
    bool (*own_group)(void *arg, uid_t uid, gid_t gid); /* who is asked for others; or NULL */
    void *arg;
};
struct trust_fault {
    enum trust_verdict verdict;
    uid_t uid;
    bool link;            /* that is what belongs to the wrong one */
    bool last;            /* nothing of the path comes behind it */
    char where[PATH_MAX]; /* what is wrong, or cannot be had, its own links resolved */
};

/* TRUST_GOOD, or what is wrong. `path` is absolute. */
enum trust_verdict trust_look(const struct trust *t, const char *path, struct trust_fault *f);
/* Likewise, and opens it, with O_CLOEXEC and O_NOFOLLOW. -1, with errno for TRUST_ERROR. */
int trust_open(const struct trust *t, const char *path, int flags, struct trust_fault *f);
/* What is wrong, as a clause that follows the path and ends with what to do: "can be altered by
 * everybody: chmod go-w it". For anything but TRUST_GOOD and TRUST_ERROR. */
void trust_describe(const struct trust_fault *f, const char *path, struct why *why);
