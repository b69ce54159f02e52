/* intake/room.h - who may connect: the limits, and which connection is closed for a newer one
 *
 * The shared socket and the collectors' have a pool each, of `max_connections`, so nobody on the
 * shared one can lock a collector out. In its pool each user, or each collector, may have
 * `max_connections_per_user`.
 */
#ifndef INTAKE_ROOM_H
#define INTAKE_ROOM_H
#include "base/why.h"
#include "conf/conf.h"
#include "intake/connection.h"

struct room { /* all zero but for the first two */
    const struct loop *loop;
    const struct conf_intake *limits;
    struct pool users, collectors;
    uint64_t gave_way; /* connections that were closed for others */
};

/* A place for a connection: of this origin, by this user, on this descriptor; `sockets` listen. Makes
 * room if need be. NULL, and a sentence: there is none. */
struct pool *room_for(struct room *r, const struct origin *s, uid_t uid, int fd, unsigned sockets,
                      struct why *why);
uintptr_t room_key(const struct origin *s, uid_t uid); /* of the owner of that place */

#endif
