/* delivery/transport.h - bytes to somewhere: one file per kind behind the same few calls
 *
 * A transport counts in bytes since it was opened, and keeps three offsets: what it took from us
 * (`written`), what the other side's kernel has acknowledged (`acked`), and what is known to have
 * arrived (`confirmed`). What the worker does with them is its policy (worker.c), not the
 * transport's.
 */
#ifndef DELIVERY_TRANSPORT_H
#define DELIVERY_TRANSPORT_H
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "delivery/silence.h"

enum transport_state { TRANSPORT_DOWN, TRANSPORT_OPENING, TRANSPORT_UP };

struct transport;
struct transport_kind {
    const char *scheme; /* "tcp" */
    bool
        by_closing; /* what was sent is confirmed by closing (delivery/confirm.h), not by write() */
    bool by_silence; /* or when for a second nothing comes back (delivery/silence.h) */
    size_t packet;   /* a write() is one datagram, of so many bytes at most unless the sink's
                           max_packet says otherwise; 0: a stream */
    /* May block in a name look-up. 0 (state OPENING or UP), or -1 and why[]. */
    int (*open)(struct transport *t);
    /* poll() says `revents`: OPENING may become UP, UP may become DOWN (why[]). */
    void (*ready)(struct transport *t, short revents);
    /* Like write(): bytes taken, possibly 0; -1: DOWN, why[]. Never waits. A datagram is taken as a
     * whole, or not at all. */
    ssize_t (*write)(struct transport *t, const void *p, size_t n);
    void (*update)(struct transport *t); /* refresh acked and confirmed; may go DOWN */
    /* Also after it went DOWN by itself (the descriptor stays until then, so that a watcher can
     * be removed first). The three offsets and why[] stay to be read. */
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
    bool trial;         /* udp, set by the owner: one datagram, and its second, before any other */
    bool mid;           /* file: the last write was short, its rest comes next */
    unsigned addresses; /* tcp, udp: of the host, when it was looked up last */
    unsigned failures;  /* of these, in a row; chooses the host's next address */
    char why[160];      /* after going DOWN */
    char store[PATH_MAX]; /* host, port or path point in here */
};

extern const struct transport_kind transport_tcp, transport_udp, transport_unix, transport_unixgram,
    transport_file, transport_stdout;

/* 0, or -1 for a URI that no kind takes (the configuration has refused those before). */
int transport_init(struct transport *t, const char *uri);

/* Where `stdout` writes to, instead of descriptor 1; borrowed. */
void transport_stdout_is(int fd);

/* The kind's `packet`. */
size_t transport_packet(const char *uri);

/* After *to = *from: what points into the struct points into the new one. `from` is then to be
 * initialised anew. */
void transport_moved(struct transport *to, const struct transport *from);

/* For the kinds: resets the offsets for a new opening; goes DOWN and says why (returns -1);
 * closes. */
void transport_start(struct transport *t, int fd, enum transport_state state, short events);
int transport_fail(struct transport *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void transport_close(struct transport *t);
/* A socket connected to t->path, or -1, DOWN and why[]. */
int transport_connect_path(struct transport *t, int type);
/* Connects `fd` to t->path, anew if need be (datagrams only). 0, or -1, DOWN and why[]. */
int transport_connect_to_path(struct transport *t, int fd);
/* What t->path names now, compared with what it named when it was connected to: a receiver that was
 * started anew has another socket there, while the old one may be held by somebody who does not read
 * it. */
enum path_names { PATH_SAME, PATH_OTHER, PATH_NOTHING /* or it cannot be seen */ };
enum path_names transport_path_names(const struct transport *t);

#endif
