/* conf/hung.h - who asks the world just now, and who stands still at it: a table that all loads of one
 * garnetd share
 *
 * Who asks a file system that does not answer may be beyond any signal, and outlive the load that it asks
 * for. So each process that asks has a place here for as long as it lives (a record lock, which the
 * kernel takes back), whoever its parent is by then: there are never more of them than places. There it
 * says where it is, so that others go elsewhere first, and a later load sends nobody after it.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

enum { HUNG_PLACES = 32 };

struct hung_place;
struct hung {
    int fd;
    bool own; /* the descriptor */
    struct hung_place *places;
};

int hung_table(void); /* a memfd, or -1 with errno */
/* The table that is open as fd, which is borrowed; -1: a new one, shared with nobody. False with errno. */
bool hung_open(struct hung *h, int fd);
void hung_close(struct hung *h);

/* This process asks from now on. NULL: all places are taken. */
struct hung_place *hung_enter(const struct hung *h);
/* Where it is: a path without links, or something else that has no '/'; NULL: nowhere. */
void hung_at(struct hung_place *own, const char *what);
/* That child has been given up: what it is at does not answer. */
void hung_give_up(const struct hung *h, pid_t pid);

enum hung_verdict {
    HUNG_NOBODY, /* stands still there, or near it: in the same folder or mount */
    HUNG_SOME,
    HUNG_MANY, /* enough of them */
    HUNG_SAME, /* one that was given up stands still at the very same */
};
/* Whether there is more room than the next load needs. */
bool hung_has_room(const struct hung *h);
struct hung_look {
    const char *what;
    bool
        part; /* of a path, on its way to the rest: what hangs in a folder beside it does not count */
    bool at_once; /* on a mount who is there counts as one who stands still */
};
enum hung_verdict hung_look(const struct hung *h, const struct hung_place *own,
                            const struct hung_look *look);
