/* garnet/plugin.h - the only header a Garnet plugin needs.  ABI 1.0
 *
 * A plugin is one shared object that exports one symbol, through GARNET_PLUGIN() below, and links
 * to nothing of Garnet's. It turns metrics into bytes (`format`), and may carry them itself
 * (`deliver`); without `deliver` the host's transports (tcp, udp, unix, file, stdout) do.
 *
 * What the host promises you
 *   - Your own process, for one configured sink. Host calls and your callbacks come one at a time,
 *     on one thread, never nested, never from a signal handler. You may start threads of your own
 *     with all signals blocked; they may not call the host.
 *   - You may block in open() (for less than a minute), deliver(), event() and close(). A stop is
 *     SIGTERM, which ends a blocking system call with EINTR: answer GARNET_RETRY. Two seconds later
 *     the process is killed, which loses nothing: the position in the spool moves only after delivery.
 *   - check() and open() see options already parsed, checked and defaulted.
 *   - g, g->host, g->conf and the strings in them live until close() has returned; anything else
 *     you are handed (metrics, batches) is yours to read until you return. You own nothing you did
 *     not allocate.
 *   - The order is check(), open(), then any number of batches: begin(), format() per metric,
 *     end(), deliver(); last close(). A batch may be begun and thrown away. event() comes between
 *     any two of these from open() on.
 *   - The locale is "C", and the environment small. SIGPIPE and SIGXFSZ are ignored; SIGCHLD, SIGHUP
 *     and SIGINT are blocked; SIGTERM and SIGRTMAX are the host's; all others are as exec leaves
 *     them, and SIGALRM is yours.
 *   - You never meet a type or a kind of value that came after the header you were built with.
 * What you promise
 *   - check(), begin(), format() and end() do no I/O. format() can be repeated: the host may throw
 *     away what one call appended and ask again in a new batch.
 *   - deliver() may see the same metrics again after a crash or a GARNET_RETRY.
 *   - Open descriptors close-on-exec, and leave those you did not open alone.
 *   - Host calls are made only where they stand in this table, and answers are among those of their
 *     callback; anything else counts as GARNET_FATAL, in format() as the rejection of that metric.
 *     fail() and log() may be called everywhere.
 *
 *       callback    may answer                          may call
 *       check()     OK, FATAL                           bad
 *       open()      OK, RETRY, FATAL                    watch, timer, retry_after, measure
 *       begin()     OK, FATAL                           put, putf, putv, tell, patch
 *       format()    OK, SKIP, FATAL                     put, putf, putv, tell, patch
 *       end()       OK, FATAL                           put, putf, putv, tell, patch
 *       deliver()   OK, RETRY, REJECT, PENDING, FATAL   reject, confirm, watch, timer, retry_after,
 *                                                   measure
 *       event()     OK, FATAL                           reject, confirm, watch, timer, retry_after,
 *                                                   measure
 *       close()     (nothing)                           watch(fd, 0), timer(-1)
 *
 * Units: times and durations are nanoseconds, sizes are bytes. Strings are UTF-8 without control
 * characters, except option values, which are as the user wrote them.
 *
 * How this header grows: members are appended, never moved or removed, and every struct that can
 * grow carries its size (of a row: option_size, stat_size); GARNET_HAS() tells whether the other side knows
 * a member. No value ever changes. A host refuses a flag, an option's type or an option's flag that
 * it does not know; hints, and members behind those that it knows, it passes over.
 */
#ifndef GARNET_PLUGIN_H
#define GARNET_PLUGIN_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#define GARNET_C extern "C"
#else
#define GARNET_C extern
#endif
#define GARNET_PRINTF(a, b) __attribute__((format(printf, a, b)))

#define GARNET_ABI_MINOR 0 /* +1 whenever a member is appended */

/* Answers. The values never change. */
enum {
    GARNET_OK = 0,
    GARNET_SKIP = 1,   /* no form for this metric: nothing of it is kept, it is counted */
    GARNET_RETRY = 2,  /* the same again later; the host backs off, 100 ms to 30 s: retry_after() */
    GARNET_REJECT = 3, /* will never be accepted: counted, and the sink goes on behind it */
    GARNET_FATAL = 4,  /* end this worker with the reason in the log; restarts are throttled */
    GARNET_PENDING =
        5 /* taken, and host->confirm() will tell: the batch stays readable till then */
};
/* garnet_metric.type: the mtypes of Metrics 2.0. You meet none that your header does not have. */
enum {
    GARNET_GAUGE = 1,
    GARNET_COUNTER = 2,
    GARNET_RATE = 3,
    GARNET_COUNT = 4,
    GARNET_TIMESTAMP = 5
};
/* garnet_metric.vtype; also a mask. U64 comes only for values above INT64_MAX. You meet none that
 * your header does not have. */
enum { GARNET_I64 = 1, GARNET_U64 = 2, GARNET_F64 = 4 };
/* garnet_metric.flags: the host set time_ns, not the sender. */
enum { GARNET_TIME_ASSIGNED = 1 };
/* garnet_option.type; the field that each one fills stands at GARNET_FIELD_* below. */
enum {
    GARNET_STRING = 1,
    GARNET_CHOICE = 2,
    GARNET_INT = 3,
    GARNET_REAL = 4,
    GARNET_BOOL = 5,
    GARNET_DURATION = 6,
    GARNET_SIZE = 7,
    GARNET_PATH = 8,
    GARNET_LIST = 9,
    GARNET_MAP = 10
};
/* garnet_option.flags: the user must set it, a LIST or MAP to something; its value is never shown. */
enum { GARNET_REQUIRED = 1, GARNET_SECRET = 2 };
/* garnet_plugin.flags */
enum {
    GARNET_IDEMPOTENT =
        1,              /* delivering a metric twice does no harm: what is in doubt is repeated */
    GARNET_UNTIMED = 2, /* the output carries no time: a metric that is older than the sink's
                              `max_age` is dropped as stale (counted), never sent late */
    GARNET_ORDERED = 8, /* the peer must read in the order of sending, over two connections too: at
                           a rotation nothing is written before the old one has ended */
    GARNET_LIVE = 4 /* somebody asks for the present: each start begins with what came within the
                              sink's `warm` before, again; what is older is dropped as stale (counted) */
};
/* garnet_plugin.counters: what becomes of counters unless the sink's `counters` says otherwise. */
enum { GARNET_COUNTERS_RAW = 0, GARNET_COUNTERS_RATE = 1, GARNET_COUNTERS_DELTA = 2 };
/* watch() and event(): what a descriptor is, or is to be, ready for. */
enum { GARNET_READABLE = 1, GARNET_WRITABLE = 2, GARNET_HANGUP = 4 /* always told; with errors */ };
/* log(): the level in the log. */
enum { GARNET_INFO = 1, GARNET_WARN = 2, GARNET_ERROR = 3 };

/* These four are frozen, since they stand in arrays or in your conf struct. */
typedef struct {
    const char *s;
    size_t n;
} garnet_str; /* s is never NULL, s[n] == 0 */
typedef struct {
    garnet_str key, val;
} garnet_tag;
typedef struct {
    const garnet_str *v;
    size_t n;
} garnet_list;
typedef struct {
    const garnet_tag *v;
    size_t n;
} garnet_map; /* in the order of the file */

typedef struct garnet_metric { /* grows at the end */
    uint32_t size;
    uint32_t type;  /* GARNET_GAUGE ... */
    uint32_t vtype; /* which member of v */
    uint32_t ntags, nmeta, flags;
    int64_t time_ns;     /* Unix time */
    int64_t interval_ns; /* 0 = not known */
    union {
        int64_t i;
        uint64_t u;
        double f;         /* always finite */
        uint64_t room[2]; /* for kinds to come */
    } v;
    garnet_str name, unit;        /* the name without the prefix; unit.n == 0: none */
    const garnet_tag *tags;       /* sorted by key, no duplicates */
    const garnet_tag *meta;       /* likewise; extrinsic: not identity */
    garnet_str collector, prefix; /* n == 0: none; else most formats want "prefix.name" */
} garnet_metric;

typedef struct garnet_batch { /* grows at the end */
    uint32_t size, nmetrics;  /* nmetrics: those in data, never 0 */
    const void *data;         /* what begin(), format()s, end() appended */
    size_t n;
    uint64_t id;      /* for confirm(); never used twice in a process */
    uint32_t attempt; /* 1, then 2 ... after each GARNET_RETRY */
    uint32_t flags;   /* none yet: 0 */
} garnet_batch;

/* One row per option of yours. The host parses, checks, defaults and documents it, and refuses
 * to load a plugin whose own rows are wrong. def, min and max are written as in YAML ("10ms",
 * "64KiB"), NULL = none. A LIST's default is one element, a MAP has none. Without value and
 * default the field is zero: a NULL string, an empty list. A name is [a-z][a-z0-9_]*, none of a
 * sink's common keys, does not begin with `sink_`, as those to come will, and is not NAME_file
 * where NAME is a SECRET STRING of yours: by that key the user has the host read it from a file. */
typedef struct garnet_option {
    uint32_t type, flags;
    const char *name, *def;
    const char *min, *max; /* INT, REAL, DURATION, SIZE */
    const char *choices;   /* CHOICE: "tcp|udp", stored as its index */
    const char *help;      /* one sentence, for people */
    size_t offset;         /* where in your conf struct, and as what: GARNET_FIELD_* */
} garnet_option;

/* Where an option goes, and above the offset, which of these was named: the compiler checks the
 * field's type by it, and the host the option's:
 *   STR   STRING, PATH (made absolute)                         const char *
 *   REAL  REAL                                                 double
 *   INT   INT, BOOL (0, 1), CHOICE (its index),
 *         DURATION (ns), SIZE (bytes)                          int64_t
 *   LIST  LIST                                                 garnet_list
 *   MAP   MAP                                                  garnet_map */
enum {
    GARNET_ABOVE_ = 0x1000000, /* every offset is below, every kind a multiple of it */
    GARNET_STR_ = 0x1000000,
    GARNET_REAL_ = 0x2000000,
    GARNET_INT_ = 0x3000000,
    GARNET_LIST_ = 0x4000000,
    GARNET_MAP_ = 0x5000000
};
#define GARNET_FIELD_STR(S, f)  GARNET_FIELD_(GARNET_STR_, const char *, S, f)
#define GARNET_FIELD_REAL(S, f) GARNET_FIELD_(GARNET_REAL_, double, S, f)
#define GARNET_FIELD_INT(S, f)  GARNET_FIELD_(GARNET_INT_, int64_t, S, f)
#define GARNET_FIELD_LIST(S, f) GARNET_FIELD_(GARNET_LIST_, garnet_list, S, f)
#define GARNET_FIELD_MAP(S, f)  GARNET_FIELD_(GARNET_MAP_, garnet_map, S, f)
#define GARNET_AT_(kind, S, f)  (offsetof(S, f) + (kind))
#ifdef __cplusplus
extern "C++" {
template <class Wanted, class Found> constexpr size_t garnet_checked_(size_t at)
{
    static_assert(__is_same(Wanted, Found), "this option needs a field of another type");
    return at;
}
}
#define GARNET_FIELD_(kind, T, S, f)                                                               \
    (garnet_checked_<T, decltype(static_cast<S *>(nullptr)->f)>(GARNET_AT_(kind, S, f)))
#else
#define GARNET_FIELD_(kind, T, S, f)                                                               \
    (GARNET_AT_(kind, S, f) +                                                                      \
     0 * sizeof(struct {                                                                           \
         _Static_assert(__builtin_types_compatible_p(T, __typeof__(((S *)0)->f)),                  \
                        "this option needs a field of another type");                              \
         char garnet_unused_;                                                                      \
     }))
#endif

/* One row per counter or gauge of yours, 16 at most: one of Garnet's own metrics, garnet.sink.plugin.NAME,
 * with the sink's name as its tag. */
typedef struct garnet_stat {
    uint32_t type;           /* GARNET_COUNTER or GARNET_GAUGE */
    uint32_t flags;          /* none yet: 0 */
    const char *name, *unit; /* [a-z][a-z0-9_]*; "B", "s", as in Metrics 2.0, NULL = none */
    const char *help;        /* one sentence, for people */
} garnet_stat;

typedef struct garnet garnet;

/* The host's calls; the first argument is always your handle. */
typedef struct garnet_host { /* grows at the end */
    uint32_t size, abi_minor;
    /* In begin(), format() and end() only: append to the batch. They cannot fail: an error sticks,
     * and the host finds it when you return. */
    void (*put)(garnet *, const void *, size_t);
    void (*putf)(garnet *, const char *fmt, ...) GARNET_PRINTF(2, 3);
    /* The metric's value as text: integers exact, a double with the fewest digits that read back
     * the same. */
    void (*putv)(garnet *, const garnet_metric *);
    /* Bytes in the batch so far; and overwriting some of them, which must be there. */
    size_t (*tell)(garnet *);
    void (*patch)(garnet *, size_t at, const void *, size_t);
    /* Why you answer anything but OK, as a sentence for the log. Returns `answer`:
     * return g->host->fail(g, GARNET_RETRY, "..."). */
    int (*fail)(garnet *, int answer, const char *fmt, ...) GARNET_PRINTF(3, 4);
    /* In check() only: what is wrong with the value of one option (NULL: with the sink as a
     * whole). The user reads "FILE:LINE:COLUMN: OPTION: ..."; the configuration is not applied.
     * Call it for every error. */
    void (*bad)(garnet *, const char *option, const char *fmt, ...) GARNET_PRINTF(3, 4);
    /* One line in the log, with the sink's name. What you print goes there, too, as it is. */
    void (*log)(garnet *, int level, const char *fmt, ...) GARNET_PRINTF(3, 4);
    /* In deliver() and event(), before the batch's end: one of its metrics will never be accepted,
     * for this reason. `index` counts those in its data, from 0. A batch that comes again is judged
     * anew. */
    void (*reject)(garnet *, uint64_t id, uint32_t index, const char *why);
    /* In deliver() and event(): the end of a batch that was PENDING. OK; RETRY, it comes again in
     * deliver(), after a pause of its own, and the others go on (GARNET_ORDERED: they wait for it);
     * REJECT, all of it. Any order will do; the position in the spool follows the oldest one still
     * open. At most garnet_plugin.max_pending are, or are to come again: then no new one comes. */
    void (*confirm)(garnet *, uint64_t id, int answer);
    /* From open() on: have event() called while `fd` (yours) is ready for any of `events`; 0 ends
     * it, which must come before you close fd. When close() is called nothing is watched any more,
     * and ending a watch, or the timer, once more does no harm. 0, or -1 with errno. */
    int (*watch)(garnet *, int fd, uint32_t events);
    /* From open() on: have event(-1) called once, in so many ns; a new call replaces the last,
     * a negative number cancels it. An open() that does not answer OK has asked for nothing: what it
     * watches and times is forgotten (end a watch before you close its fd even so). */
    void (*timer)(garnet *, int64_t after_ns);
    /* In open(), deliver() and event(): the RETRY that is answered or confirmed next in this call comes
     * no sooner than in so many ns (HTTP's Retry-After), an hour at most, also where the host would
     * try again sooner. It is about that batch alone. */
    void (*retry_after)(garnet *, int64_t ns);
    /* In open(), deliver() and event(): the counter in your row `index` of stats, from 0, grows by v, which
     * is not negative; the gauge becomes v. A counter goes on over restarts of this process, so never
     * add to it what another process counted; a gauge begins with 0. Costs a store. Not in format(),
     * which may be called again for the same metric. */
    void (*measure)(garnet *, uint32_t index, int64_t v);
} garnet_host;

struct garnet { /* your handle, made by the host; grows at the end */
    uint32_t size;
    const garnet_host *host;
    const void *conf;            /* your filled conf struct; NULL without options */
    void *state;                 /* yours: set it in open(), free it in close() */
    const char *sink, *hostname; /* the sink's name; the configured host */
};

typedef struct garnet_plugin { /* your side; grows at the end */
    uint32_t size, abi_minor;
    const char *name, *version, *about; /* about: one sentence */
    const garnet_option *options;
    uint32_t noptions, option_size; /* stride, so that options can grow too */
    size_t conf_size;
    uint32_t flags; /* GARNET_IDEMPOTENT ...; a host refuses one that it does not know */
    uint32_t hints; /* none yet: 0; a host ignores one that it does not know */
    /* Mask of the kinds of values you take, 0 = all that there are in your abi_minor. Others never
     * reach format(), nor do types that came after your abi_minor: they count as skipped. */
    uint32_t vtypes;
    /* Every format() appends exactly so many whole lines; 0 = not made of lines. The host checks
     * it, so that no byte of a metric can add a line: one that breaks this is rejected and
     * counted. */
    uint32_t lines;
    uint32_t counters; /* GARNET_COUNTERS_RAW ...: your default */
    /* No batch has more metrics, 0 = no limit. The sink's key `batch_metrics` can only lower it. */
    uint32_t batch_metrics;
    /* What the sink's keys of these names are where the user does not set them, as in YAML ("5s",
     * "256KiB"); NULL = the host's. */
    const char *flush, *batch_size;
    /* Optional: more checks of the options than rows can express, each error told by bad(). */
    int (*check)(garnet *);
    int (*open)(garnet *);   /* optional; after anything but OK, close() is not called */
    void (*close)(garnet *); /* optional */
    int (*begin)(garnet *);  /* optional: appends a batch's header */
    int (*format)(garnet *, const garnet_metric *); /* appends one metric */
    int (*end)(garnet *); /* optional: appends a batch's trailer, on top of the size limit */
    /* Optional: carries one batch, and returns when it has arrived, or answers PENDING. REJECT is
     * the batch as a whole. A sink whose plugin has it has no `to`. */
    int (*deliver)(garnet *, const garnet_batch *);
    /* Optional: a descriptor that watch() named is ready (`events`), or with fd -1, a timer is due. */
    int (*event)(garnet *, int fd, uint32_t events);
    /* How many batches may be PENDING, or wait to come again: 1 to 1024; 0 = 16. Each has memory of
     * its own while it is. */
    uint32_t max_pending;
    const garnet_stat *stats;   /* your own counters and gauges, for measure() */
    uint32_t nstats, stat_size; /* stride, so that these rows can grow too */
} garnet_plugin;

#define GARNET_HAS(p, T, m) ((p)->size >= offsetof(T, m) + sizeof((p)->m))
#define GARNET_OPTIONS(a)                                                                          \
    .options = (a), .noptions = sizeof(a) / sizeof *(a), .option_size = sizeof *(a)
#define GARNET_STATS(a) .stats = (a), .nstats = sizeof(a) / sizeof *(a), .stat_size = sizeof *(a)

/* The one exported symbol:
 *   GARNET_PLUGIN(.name = "x", .version = "1", .about = "...", GARNET_OPTIONS(options),
 *                 .conf_size = sizeof(struct conf), .format = format);
 * C++ wants the members in their order. A break of this ABI would be garnet_plugin_v2; hosts
 * look for their newest first and keep loading v1. */
#define GARNET_EXPORT_                                                                             \
    GARNET_C __attribute__((visibility("default"))) const garnet_plugin garnet_plugin_v1
#ifdef __cplusplus /* where g++ warns of members left out, which is the point of naming them */
#define GARNET_QUIET_ _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#define GARNET_PLUGIN(...)                                                                         \
    GARNET_EXPORT_;                                                                                \
    _Pragma("GCC diagnostic push") GARNET_QUIET_ GARNET_DEFINE_(__VA_ARGS__);                      \
    _Pragma("GCC diagnostic pop") GARNET_EXPORT_
#else
#define GARNET_PLUGIN(...)                                                                         \
    GARNET_EXPORT_;                                                                                \
    GARNET_DEFINE_(__VA_ARGS__)
#endif
#define GARNET_DEFINE_(...)                                                                        \
    __extension__ const garnet_plugin garnet_plugin_v1 = {                                         \
        .size = sizeof(garnet_plugin), .abi_minor = GARNET_ABI_MINOR, __VA_ARGS__}
#endif
