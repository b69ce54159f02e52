/* garnet/client.h - sends metrics to Garnet, from C and C++.  ABI 1.0
 *
 *     #include <garnet/client.h>          cc queue.c $(pkg-config --cflags --libs garnet-client)
 *
 *     int main(int argc, char **argv)
 *     {
 *         garnet_client *g = garnet_client_open(garnet_client_last_argument(argc, argv));
 *         garnet_client_metric m = {0};
 *         int status;
 *
 *         m.name = "queue.size";
 *         m.unit = "B";
 *         garnet_client_u64(g, &m, 42);
 *         status = garnet_client_finish(g);
 *         if (status != GARNET_CLIENT_OK)
 *             fprintf(stderr, "queue: %s\n", garnet_client_error(g));
 *         garnet_client_free(g);
 *         return status;
 *     }
 *
 * How it works. Adding a metric writes it into memory and does nothing else. garnet_client_flush()
 * sends what has been added since the last one, waits for Garnet's reply and keeps the connection;
 * garnet_client_finish() does the same and ends it. Both answer for all that was added since the one
 * before: a program may ignore what adding answers, and ask there. What waits is gone after either,
 * whatever came of it: what is to be tried again is to be added again.
 *
 * Units. A value is in the unit that its metric names (Metrics 2.0: "B", "s", "%", "B/s"); Garnet
 * converts nothing. Times are Unix seconds, with decimals down to the microsecond. The time limit is
 * in milliseconds.
 *
 * Errors. Calls answer with one of GARNET_CLIENT_OK, _REJECTED and _FAILED, which do as exit
 * statuses too, and garnet_client_error() says why. What cannot be sent as JSON (NaN, an infinity,
 * text that is not UTF-8) is refused when it is added, alone, and all other metrics are sent. Names,
 * types, units, tags and times are Garnet's to judge: its reply says what is wrong. The rules are in
 * docs/protocol.md.
 *
 * Time. Only flush and finish wait: for no longer than the time limit (5 s unless it is set) without
 * a byte moving, and for the reply no longer than that in all.
 *
 * Memory. What waits is in one buffer, which grows as needed and is used again: 16 MiB at most, and
 * what is beyond that is refused. A reply takes 1 MiB at most. garnet_client_free() frees all of it.
 *
 * Ownership. You own what you hand in, and it is read before the call returns. What you are handed
 * is the client's, and good until the next call with the same client.
 *
 * Threads. One at a time may use a client; two clients have nothing to do with each other.
 *
 * It prints nothing, never ends the program, starts no thread, sets no signal's action, never raises
 * SIGPIPE, and of the environment reads $GARNET_SOCKET alone. The locale does not matter. Its
 * descriptor is close-on-exec.
 *
 * How this header grows: the library's soname has a new number when anything that is here changes;
 * what comes new is more functions, and members in place of `reserved`.
 */
#ifndef GARNET_CLIENT_H
#define GARNET_CLIENT_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define GARNET_CLIENT_API __attribute__((visibility("default")))

/* What every call answers. */
enum {
    GARNET_CLIENT_OK = 0,
    /* Something is wrong with a metric: sent again it would be rejected again. All others were
     * accepted. */
    GARNET_CLIENT_REJECTED = 1,
    /* Garnet cannot be reached, has refused, did not reply in time or hung up: what was accepted is
     * not known. */
    GARNET_CLIENT_FAILED = 2
};

/* garnet_client_value.kind; a kind that is none of these is refused. */
enum { GARNET_CLIENT_I64 = 1, GARNET_CLIENT_U64 = 2, GARNET_CLIENT_F64 = 4 };

typedef struct garnet_client garnet_client;

typedef struct {
    const char *key, *val; /* neither is NULL */
} garnet_client_tag;

/* What a metric is, but for its value. All zero but for a name is a sound one: zero it first. Strings
 * are UTF-8. */
typedef struct {
    const char *name;
    const char *type; /* "gauge", "counter", "rate", "count", "timestamp"; NULL: gauge */
    const char *unit; /* NULL: none */
    const garnet_client_tag *tags; /* part of its identity */
    size_t ntags;
    const garnet_client_tag *meta; /* about it, not part of its identity */
    size_t nmeta;
    double time; /* Unix seconds; 0: when this run of the collector was due, else when it arrives */
    const void *reserved[4]; /* NULL */
} garnet_client_metric;

typedef struct {
    const char *key; /* the metric is NAME.key; NULL: NAME itself */
    int kind;
    union {
        int64_t i64;
        uint64_t u64;
        double f64;
    } as;
} garnet_client_value;

typedef struct {
    uint64_t line;     /* of this connection, from 1: each add is one, and each flush; 0: none */
    uint64_t byte;     /* where on that line, from 1; 0: nowhere */
    const char *field; /* "name", "tags.KEY"; "": none */
    const char *text;  /* what is wrong, and what to do */
} garnet_client_fault;

/* What the last flush or finish came to. The library makes it, so it may grow at its end. */
typedef struct {
    uint64_t accepted; /* in Garnet's spool: they will be delivered as far as sinks promise */
    uint64_t rejected; /* by Garnet */
    uint64_t refused;  /* adds that were not sent: what is wrong was found here */
    const garnet_client_fault *faults; /* Garnet's, the first few */
    size_t nfaults;
    uint64_t more; /* further ones */
} garnet_client_reply;

/* --- a client --- */

/* The last argument where it is an absolute path, as garnetd hands a collector the path of its socket;
 * else NULL. */
GARNET_CLIENT_API const char *garnet_client_last_argument(int argc, char *const argv[]);

/* A client for the socket at `path`. NULL or "": $GARNET_SOCKET, else /run/garnet/garnet.sock. It connects
 * when something is sent. NULL: out of memory. All other calls take that NULL, and answer
 * GARNET_CLIENT_FAILED. */
GARNET_CLIENT_API garnet_client *garnet_client_open(const char *path);
/* What was not flushed is dropped. */
GARNET_CLIENT_API void garnet_client_free(garnet_client *g);

/* From the next call on; 0 or less: 5000. */
GARNET_CLIENT_API void garnet_client_time_limit(garnet_client *g, int milliseconds);

/* --- metrics --- */

/* n metrics, 1 at least, that have all but the value in common. A value without a key is the only one. OK, or
 * REJECTED: none of these n is sent. Waits for nothing. */
GARNET_CLIENT_API int garnet_client_add(garnet_client *g, const garnet_client_metric *m,
                                        const garnet_client_value *values, size_t n);

/* --- what becomes of them --- */

/* Sends what waits, reads the reply, keeps the connection. Where Garnet has closed it meanwhile it connects
 * anew. When nothing waits, nothing is sent. */
GARNET_CLIENT_API int garnet_client_flush(garnet_client *g);
/* The same, and ends the connection. The client can be used again. */
GARNET_CLIENT_API int garnet_client_finish(garnet_client *g);

/* Why the last call that did not answer OK did not, in one sentence without an end; "" when none has
 * failed. After flush and finish: the first that is wrong since the one before. */
GARNET_CLIENT_API const char *garnet_client_error(const garnet_client *g);
/* Of the last flush or finish; all zero before the first, and when that has failed without a reply. */
GARNET_CLIENT_API const garnet_client_reply *garnet_client_last_reply(const garnet_client *g);

/* --- in short: a value of each kind, and one metric with it --- */

static inline garnet_client_value garnet_client_value_i64(const char *key, int64_t value)
{
    garnet_client_value v;

    v.key = key;
    v.kind = GARNET_CLIENT_I64;
    v.as.i64 = value;
    return v;
}

static inline garnet_client_value garnet_client_value_u64(const char *key, uint64_t value)
{
    garnet_client_value v;

    v.key = key;
    v.kind = GARNET_CLIENT_U64;
    v.as.u64 = value;
    return v;
}

static inline garnet_client_value garnet_client_value_f64(const char *key, double value)
{
    garnet_client_value v;

    v.key = key;
    v.kind = GARNET_CLIENT_F64;
    v.as.f64 = value;
    return v;
}

static inline int garnet_client_i64(garnet_client *g, const garnet_client_metric *m, int64_t value)
{
    const garnet_client_value v = garnet_client_value_i64(NULL, value);

    return garnet_client_add(g, m, &v, 1);
}

static inline int garnet_client_u64(garnet_client *g, const garnet_client_metric *m, uint64_t value)
{
    const garnet_client_value v = garnet_client_value_u64(NULL, value);

    return garnet_client_add(g, m, &v, 1);
}

static inline int garnet_client_f64(garnet_client *g, const garnet_client_metric *m, double value)
{
    const garnet_client_value v = garnet_client_value_f64(NULL, value);

    return garnet_client_add(g, m, &v, 1);
}

#ifdef __cplusplus
}
#endif
#endif
