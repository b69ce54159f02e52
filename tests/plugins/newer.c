/* Built against a header of the future: larger structs, rows of a longer stride, a higher minor
 * version. */
#include <garnet/plugin.h>

struct conf {
    int64_t first, answer;
};
static const struct option_of_the_future {
    garnet_option now;
    const char *more[3];
} options[] = {
    {{.type = GARNET_INT,
      .name = "first",
      .def = "1",
      .help = "One.",
      .offset = GARNET_FIELD_INT(struct conf, first)},
     {"x", "y", "z"}},
    {{.type = GARNET_INT,
      .name = "answer",
      .def = "42",
      .help = "Two.",
      .offset = GARNET_FIELD_INT(struct conf, answer)},
     {"x", "y", "z"}},
};

static int format(garnet *g, const garnet_metric *m)
{
    const struct conf *c = g->conf;

    g->host->putf(g, "%.*s %lld\n", (int)m->name.n, m->name.s, (long long)c->answer);
    return GARNET_OK;
}

struct plugin_of_the_future {
    garnet_plugin now;
    void *more[4];
};
extern __attribute__((visibility("default"))) const struct plugin_of_the_future garnet_plugin_v1;
const struct plugin_of_the_future garnet_plugin_v1 = {
    .now = {.size = sizeof(struct plugin_of_the_future),
            .abi_minor = 7,
            .name = "newer",
            .version = "9",
            .about = "From the future.",
            .options = &options[0].now,
            .noptions = 2,
            .option_size = sizeof options[0],
            .conf_size = sizeof(struct conf),
            .hints = ~0U,
            .vtypes = GARNET_I64 | 1U << 30,
            .format = format}};
