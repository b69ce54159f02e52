/* delivery/transport.h - bytes to somewhere: what a kind of transport does, and what all kinds share
 *
 * A transport counts in bytes since it was opened, and keeps three offsets: what it took from us
 * (`written`), what the other side's kernel has acknowledged (`acked`), and what is known to have
 * arrived (`confirmed`). Its owner (delivery/link.h) calls it by its kind. The fields are the kind's to
 * write, but the owner begins a `trial` (the kind ends it), carries `failures` over to the next
 * attempt, and may take `fd` away.
 */
#ifndef DELIVERY_TRANSPORT_H
#define DELIVERY_TRANSPORT_H
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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
    size_t packet;   /* a write() is one datagram, of so many bytes at most unless the sink's
                         max_packet says otherwise; 0: a stream */
    /* May block in a name look-up. 0 (state OPENING or UP), or -1 and `why`. */
    int (*open)(struct transport *t);
    /* poll() says `revents`: OPENING may become UP, UP may become DOWN (`why`). */
    void (*ready)(struct transport *t, short revents);
    /* Like write(): bytes taken, possibly 0; -1: DOWN, `why`. Never waits. A datagram is taken as a
     * whole, or not at all. */
    ssize_t (*write)(struct transport *t, const void *p, size_t n);
    void (*update)(struct transport *t); /* refresh acked and confirmed; may go DOWN */
    /* Also after it went DOWN by itself (the descriptor stays until then, so that a watcher can
     * be removed first). The three offsets and `why` stay to be read. */
    void (*close)(struct transport *t);
};

struct transport {
    const struct transport_kind *kind;
    const char *uri;  /* "tcp://host:2003", borrowed: for messages */
    const char *host; /* tcp, udp */
    const char *port;
    const char *path; /* file, unix, unixgram */
    dev_t dev;        /* unix, unixgram: what the path named when it was connected to */
    ino_t ino;
    enum transport_state state;
    int fd;       /* -1 when closed */
    short events; /* what to poll for now */
    uint64_t written, acked, confirmed;
    int64_t opened_ns;   /* mono: for the connect deadline */
    int64_t looked_ns;   /* file, unix, udp: mono, when path or name was last compared with fd */
    int64_t stuck_ns;    /* mono: since when bytes wait and none is acknowledged; 0: not */
    int64_t replaced_ns; /* unix: mono, since when the path is known to name another socket; 0 */
    int64_t due_ns;      /* udp: mono, when update() is wanted though nothing happens; 0: no need */
    struct silence silence; /* udp: what may yet be refused */
    bool refused;           /* udp: it went DOWN since what was sent there came back */
    bool each_time;         /* and whoever refuses does so each time, and not but once a second */
    bool trial;             /* udp: one datagram, and its second, before any other */
    bool mid;               /* file: the last write was short, its rest comes next */
    unsigned addresses;     /* tcp, udp: of the host, when it was looked up last */
    unsigned failures;      /* of these, in a row; chooses the host's next address */
    struct why why;         /* after going DOWN */
    char store[PATH_MAX];   /* host, port or path point in here */
};

/* Closed. 0, or -1 where `uri` is none of that kind (the configuration has refused those before). */
int transport_init(struct transport *t, const struct transport_kind *kind, const char *uri);
/* After *to = *from: what points into the struct points into the new one. `from` is then to be
 * initialised anew. */
void transport_moved(struct transport *to, const struct transport *from);

/* For the kinds: resets the offsets for a new opening; goes DOWN and says why (returns -1);
 * closes; an update() where there is nothing to ask. */
void transport_start(struct transport *t, int fd, enum transport_state state, short events);
int transport_fail(struct transport *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void transport_close(struct transport *t);
void transport_no_update(struct transport *t);

#endif
