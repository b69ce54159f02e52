/* One option row, wrong in the way that the macro says; the test knows the sentence. */
#include <garnet/plugin.h>

struct conf {
    int64_t v;
};

static const garnet_option options[] = {
    {.type = GARNET_INT, .name = "fine", .def = "1", .help = "Fine."},
#if defined ROW_TYPE
    {.type = 11, .name = "x", .help = "h"},
#elif defined ROW_NAME
    {.type = GARNET_INT, .name = "No-Good", .help = "h"},
#elif defined ROW_CLASH
    {.type = GARNET_INT, .name = "flush", .help = "h"},
#elif defined ROW_TWICE
    {.type = GARNET_INT, .name = "fine", .help = "h"},
#elif defined ROW_DEFAULT
    {.type = GARNET_DURATION, .name = "x", .def = "11s", .max = "10s", .help = "h"},
#elif defined ROW_BOUND
    {.type = GARNET_SIZE, .name = "x", .max = "10 parsecs", .help = "h"},
#elif defined ROW_OFFSET
    {.type = GARNET_LIST, .name = "x", .help = "h", .offset = 0},
#elif defined ROW_CHOICES
    {.type = GARNET_CHOICE, .name = "x", .help = "h"},
#elif defined ROW_MAPDEF
    {.type = GARNET_MAP, .name = "x", .def = "a", .help = "h"},
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

#ifdef ROW_MAPDEF
struct wide {
    garnet_map v;
};
#define SIZE sizeof(struct wide)
#else
#define SIZE sizeof(struct conf)
#endif
GARNET_PLUGIN(.name = "row", .version = "1", .about = "A wrong row.", GARNET_OPTIONS(options),
              .conf_size = SIZE, .format = format);
