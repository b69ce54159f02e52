/* tests/rig/worker_peer.h - a peer over TCP that reads, counts and fails as the test says
 *
 * A listener, and the connections it has, each read to its end and then closed, as a good peer does. */
#pragma once
#include "rig/until.h"
#include "rig/worker_rig.h"

enum { PEER_CONNECTIONS = 8 };
struct peer {
    int listener;
    const char *uri;
    unsigned char *seen; /* how often each metric came, up to 255 */
    uint64_t lines;
    struct peer_connection *c; /* PEER_CONNECTIONS of them */
    unsigned open, ended;      /* connections */
};

/* For metrics m.0 .. m.(n-1), on a free port; it listens when it is told to. */
void peer_bind(struct peer *p, uint64_t metrics);
void peer_listen(struct peer *p);
void peer_open(struct peer *p, uint64_t metrics); /* both */
/* And the sink, of the plugin graphite, is to deliver there. */
void deliver_to_peer(struct peer *p, uint64_t metrics);
void peer_receive_buffer(struct peer *p, int bytes); /* of the connections to come */

/* Accepts and reads whatever is there; false when nothing came within `ms`. */
bool peer_turn(struct peer *p, int ms);
int peer_connection_fd(const struct peer *p, unsigned i);
/* Ends all connections: as one that is killed and has read everything, or by a reset. */
void peer_close(struct peer *p);
void peer_reset(struct peer *p);

void expect_seen(const struct peer *p, uint64_t from, uint64_t to);
void expect_seen_once(const struct peer *p, uint64_t from, uint64_t to);
/* Asked to finish, the worker ends with 0, once the peer has closed everything. */
void finish_worker_with(struct peer *p);

/* Until the condition holds, the peer reads. */
#define PEER_UNTIL(p, condition) UNTIL_WITHIN(60, (void)peer_turn(p, 10), condition, "")
