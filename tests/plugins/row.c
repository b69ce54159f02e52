/* One option row, wrong in the way that the macro says; the test knows the sentence. */
#include <garnet/plugin.h>

struct conf {
    int64_t v, w;
    double d;
    const char *s;
    garnet_map m;
};
#define FINE  .offset = GARNET_FIELD_INT(struct conf, v)
#define OTHER .help = "h", .offset = GARNET_FIELD_INT(struct conf, w)

static const garnet_option options[] = {
    {.type = GARNET_INT, .name = "fine", .def = "1", .help = "Fine.", FINE},
#if defined ROW_TYPE
    {.type = 11, .name = "x", OTHER},
#elif defined ROW_NAME
    {.type = GARNET_INT, .name = "No-Good", OTHER},
#elif defined ROW_CLASH
    {.type = GARNET_INT, .name = "flush", OTHER},
#elif defined ROW_LATER
    {.type = GARNET_INT, .name = "sink_x", OTHER},
#elif defined ROW_TWICE
    {.type = GARNET_INT, .name = "fine", OTHER},
#elif defined ROW_DEFAULT
    {.type = GARNET_DURATION, .name = "x", .def = "11s", .max = "10s", OTHER},
#elif defined ROW_BOUND
    {.type = GARNET_SIZE, .name = "x", .max = "10 parsecs", OTHER},
#elif defined ROW_NOBOUND
    {.type = GARNET_BOOL, .name = "x", .min = "9", OTHER},
#elif defined ROW_BOUNDS
    {.type = GARNET_INT, .name = "x", .min = "9", .max = "3", OTHER},
#elif defined ROW_OFFSET
    {.type = GARNET_MAP, .name = "x", .help = "h", .offset = GARNET_FIELD_MAP(struct conf, m)},
#elif defined ROW_SHARED
    {.type = GARNET_INT, .name = "x", .help = "h", FINE},
#elif defined ROW_KIND
    {.type = GARNET_INT, .name = "x", .help = "h", .offset = GARNET_FIELD_STR(struct conf, s)},
#elif defined ROW_NOKIND
    {.type = GARNET_REAL, .name = "x", .help = "h", .offset = offsetof(struct conf, d)},
#elif defined ROW_CHOICES
    {.type = GARNET_CHOICE, .name = "x", OTHER},
#elif defined ROW_MAPDEF
    {.type = GARNET_MAP, .name = "x", .def = "a", OTHER},
#elif defined ROW_REQUIRED
    {.type = GARNET_INT, .name = "x", .flags = GARNET_REQUIRED, .def = "1", OTHER},
#elif defined ROW_HELP
    {.type = GARNET_INT, .name = "x"},
#endif
};

static int format(garnet *g, const garnet_metric *m)
{
    (void)g;
    (void)m;
    return GARNET_OK;
}

#if defined ROW_STAT_NAME
#define STAT                                                                                       \
    {                                                                                              \
        GARNET_COUNTER, 0, "No-Good", "B", "h"                                                     \
    }
#elif defined ROW_STAT_TYPE
#define STAT                                                                                       \
    {                                                                                              \
        GARNET_RATE, 0, "x", "B", "h"                                                              \
    }
#elif defined ROW_STAT_UNIT
#define STAT                                                                                       \
    {                                                                                              \
        GARNET_COUNTER, 0, "x", "a b", "h"                                                         \
    }
#elif defined ROW_STAT_HELP
#define STAT                                                                                       \
    {                                                                                              \
        GARNET_COUNTER, 0, "x", "B", ""                                                            \
    }
#elif defined ROW_STAT_FLAGS
#define STAT                                                                                       \
    {                                                                                              \
        GARNET_COUNTER, 4, "x", "B", "h"                                                           \
    }
#elif defined ROW_STAT_TWICE
#define STAT                                                                                       \
    {                                                                                              \
        GARNET_GAUGE, 0, "fine", "B", "h"                                                          \
    }
#else
#define STAT                                                                                       \
    {                                                                                              \
        GARNET_GAUGE, 0, "level", NULL, "h"                                                        \
    }
#endif
static const garnet_stat stats[17] = {{GARNET_COUNTER, 0, "fine", "Event", "Fine."}, STAT};
#ifdef ROW_STAT_MANY
enum { NSTATS = 17 };
#else
enum { NSTATS = 2 };
#endif

#ifdef ROW_OFFSET
#define SIZE offsetof(struct conf, m)
#else
#define SIZE sizeof(struct conf)
#endif
#ifdef ROW_COUNTERS
#define KIND 9
#else
#define KIND GARNET_COUNTERS_RAW
#endif
#if defined ROW_FLAGS
#define MORE .flags = 1U << 20,
#elif defined ROW_VTYPES
#define MORE .vtypes = GARNET_I64 | 8,
#elif defined ROW_FLUSH
#define MORE .flush = "2h",
#elif defined ROW_BATCH
#define MORE .batch_size = "many",
#elif defined ROW_PENDING
#define MORE .max_pending = 1025,
#else
#define MORE
#endif
GARNET_PLUGIN(.name = "row", .version = "1", .about = "A wrong row.", GARNET_OPTIONS(options),
              .conf_size = SIZE, MORE.counters = KIND, .format = format, .stats = stats,
              .nstats = NSTATS, .stat_size = sizeof *stats);
