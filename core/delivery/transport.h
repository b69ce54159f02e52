/* delivery/transport.h - bytes to somewhere: what a kind of transport does, and what the kinds share
 *
 * A transport counts in bytes since it was opened, and keeps three offsets: what it took from us
 * (`written`), what the other side's kernel has acknowledged (`acked`), and what is known to have
 * arrived (`confirmed`). Its owner (delivery/link.h) calls it by its kind. The fields are the kind's to
 * write, but the owner begins a `trial` (the kind ends it), carries `failures` over to the next
 * attempt, and may take `fd` away.
 */
#pragma once
#include <netdb.h>
#include <sys/types.h>

#include "base/loop.h"
#include "base/why.h"
#include "delivery/silence.h"

enum transport_state { TRANSPORT_DOWN, TRANSPORT_OPENING, TRANSPORT_UP };
enum transport_place { TRANSPORT_HOST /* and a port */, TRANSPORT_PATH, TRANSPORT_NOWHERE };

struct transport;
struct transport_kind {
    const char *scheme;         /* "tcp" */
    enum transport_place place; /* what a URI names behind that */
    bool by_closing; /* confirmed by closing (delivery/halfclose.h), and not by write() */
    bool by_silence; /* or when nothing comes back for a second (delivery/silence.h) */
    bool lent;       /* its descriptor is not ours to close */
    size_t packet;   /* a write() is one datagram, of so many bytes at most unless the sink's
                         max_packet says otherwise; 0: a stream */
    /* May block in a name look-up. 0 (state OPENING or UP), or -1 and `why`. */
    int (*open)(struct transport *t);
    /* Something of LOOP_* has come: OPENING may become UP, UP may become DOWN (`why`). NULL: nothing
     * ever does. */
    void (*ready)(struct transport *t, uint32_t events);
    /* Like write(): bytes taken, possibly 0; -1: DOWN, `why`. Never waits. A datagram is taken as a
     * whole, or not at all. */
    ssize_t (*write)(struct transport *t, const void *p, size_t n);
    void (*update)(
        struct transport *t); /* refresh acked and confirmed; may go DOWN. NULL: needless */
};

struct transport {
    const struct transport_kind *kind;
    const char *uri;  /* "tcp://host:2003", borrowed: for messages */
    const char *port; /* in it: tcp, udp; */
    const char *path; /* file, unix, unixgram */
    char host[NI_MAXHOST];
    enum transport_state state;
    int fd;          /* -1 when closed */
    uint32_t events; /* of LOOP_*: what to wait for now */
    uint64_t written, acked, confirmed;
    int64_t opened_ns;  /* mono: for the connect deadline */
    int64_t looked_ns;  /* file, unix, udp: mono, when path or name was last compared with fd */
    int64_t stuck_ns;   /* mono: since when bytes wait and none is acknowledged; 0: not */
    int64_t due_ns;     /* udp: mono, when update() is wanted though nothing happens; 0: no need */
    bool refused;       /* udp: it went DOWN since what was sent there came back */
    bool each_time;     /* and whoever refuses does so each time, and not but once a second */
    bool trial;         /* udp: one datagram, and its second, before any other */
    unsigned addresses; /* tcp, udp: of the host, when it was looked up last */
    unsigned failures;  /* of these, in a row; chooses the host's next address */
    struct why why;     /* after going DOWN */
    union {             /* what is one kind's alone */
        struct silence silence; /* udp: what may yet be refused */
        struct {                /* unix, unixgram: */
            dev_t dev;          /* what the path named when it was connected to */
            ino_t ino;
            int64_t replaced_ns; /* mono, since when it is known to name another socket; 0 */
        } socket;
        bool mid; /* file: the last write was short, its rest comes next */
    };
};

/* --- for the kinds --- */

/* Resets the offsets for a new opening; goes DOWN and says why (returns -1). */
void transport_start(struct transport *t, int fd, enum transport_state state, uint32_t events);
int transport_fail(struct transport *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* For the owner. Also after it went DOWN by itself: the descriptor stays until then, so that a watcher
 * can be removed first. The three offsets and `why` stay to be read. */
void transport_close(struct transport *t);

/* The addresses of its host and port, for sockets of that type. May block. 0 or getaddrinfo()'s. */
int transport_look_up(const struct transport *t, int type, struct addrinfo **list);
/* Looks the name up and returns a socket that is connected or connecting to one of its addresses:
 * the first that there is a way to, from the one on that `failures` says. -1: DOWN, and `why`. */
int transport_connect(struct transport *t, int type, void (*prepare)(int fd));

/* Datagrams: what the kernel took is written and acknowledged in one; and confirmed, where it is then in
 * the receiver's queue. What it has no room for now is waited for; one that is too long for it is
 * thrown away, since it would be too long for ever, and logged. As transport_kind.write, but -1 with
 * errno, and still UP, where the kind must judge. */
ssize_t transport_send_datagram(struct transport *t, const void *p, size_t n);
/* As transport_kind.ready, likewise: 0, or -1 with the error that was waiting. What a peer says is
 * thrown away. */
int transport_datagram_ready(struct transport *t, uint32_t events);

/* --- a socket, asked how it is: none waits --- */

int socket_error(int fd);        /* the one that waits there, which is then gone; or 0 */
bool socket_established(int fd); /* TCP, or a stream over a Unix socket */
/* Bytes that the peer's kernel has not acknowledged, or that over a Unix socket the peer has not read;
 * a FIN of ours counts as one. -1 with errno. */
int socket_queued(int fd);
/* Throws away what the peer says on a stream. 1: more may come, 0: it has closed, -1 with errno. */
int socket_discard(int fd);
