/* tests/fuzz/formatter.h - what the fuzz targets of the formatters share: text in, a metric, the plugin's bytes
 *
 * The input is lines. The first begins with the style's digit and the type's (1 to 5); the rest of
 * it is the value. Then come the time in seconds, the name, the unit, and the keys and values of
 * tags in turn; a key behind "@" is a meta tag's. What intake would not let pass is no input.
 */
#pragma once
#include <errno.h>
#include <math.h>

#include "base/log.h"
#include "fuzz.h"
#include "plugin/batch.h"

/* What the readers, which criterion's tests use as well, assert with. */
#define cr_assert(condition, ...)                                                                  \
    do {                                                                                           \
        bool holds_ = (condition);                                                                 \
        if (!holds_)                                                                               \
            fprintf(stderr, "does not hold: " __VA_ARGS__);                                        \
        HOLDS(holds_);                                                                             \
    } while (0)
#define cr_assert_eq(a, b, ...)    cr_assert((a) == (b), __VA_ARGS__)
#define cr_assert_neq(a, b, ...)   cr_assert((a) != (b), __VA_ARGS__)
#define cr_assert_not_null(a, ...) cr_assert((a) != NULL, __VA_ARGS__)
#define cr_assert_str_eq(a, b)     cr_assert(strcmp(a, b) == 0)
#include "rig/readback.h"

enum { STYLES_MOST = 3, INPUT_MOST = 1 << 14 };

struct formatter {
    struct arena arena;
    struct conf_sink sink;
    struct plugin plugin;
    struct batch batch;
};

static struct formatter formatters[STYLES_MOST];

static inline void formatter_open(struct formatter *f, const char *yaml)
{
    struct errors e = {0};

    log_set_level(LOG_L_ERROR);
    f->sink = (struct conf_sink){.name = "main",
                                 .plugin_file = FORMATTER,
                                 .batch_size = 1 << 20,
                                 .node = yaml_parse(&f->arena, "fuzz.yaml", str_of(yaml), &e)};
    HOLDS(f->sink.node != NULL && e.n == 0);
    HOLDS(plugin_load(&f->plugin, FORMATTER));
    HOLDS(plugin_configure(&f->plugin, &f->sink, "web01", &e) && e.n == 0);
    HOLDS(plugin_open(&f->plugin) == GARNET_OK && batch_init(&f->batch, &f->plugin, 1 << 20));
}

/* The plugin in that style, of those that `options` has, ended by NULL; opened once. */
static inline struct formatter *formatter_get(const char *const *options, unsigned style)
{
    unsigned n = 0;

    while (options[n] != NULL)
        n++;
    style %= n;
    if (formatters[style].plugin.handle == NULL)
        formatter_open(&formatters[style], options[style]);
    return &formatters[style];
}

/* --- the metric --- */

struct input {
    char text[INPUT_MOST + 1], *next; /* NULL: no more lines */
    unsigned style;
    struct metric m;
};

static inline struct str next_line(struct input *x)
{
    char *line = x->next, *end = line != NULL ? strchr(line, '\n') : NULL;

    if (line == NULL)
        return str_of("");
    x->next = end != NULL ? end + 1 : NULL;
    if (end != NULL)
        *end = 0;
    return str_of(line);
}

static inline bool read_value(struct metric *m, const char *s)
{
    char *end;

    errno = 0;
    m->vtype = METRIC_I64;
    m->value.i = strtoll(s, &end, 10);
    if (end > s && *end == 0 && errno == 0)
        return true;
    errno = 0;
    m->vtype = METRIC_U64;
    m->value.u = strtoull(s, &end, 10);
    if (end > s && *end == 0 && errno == 0 && *s != '-')
        return true;
    m->vtype = METRIC_F64;
    m->value.f = strtod(s, &end);
    return end > s && *end == 0 && isfinite(m->value.f);
}

static inline bool read_tags_of(struct input *x)
{
    struct metric *m = &x->m;

    while (x->next != NULL) {
        struct str key = next_line(x), val = next_line(x);
        bool meta = key.n > 0 && *key.s == '@';

        if (meta)
            key = (struct str){key.s + 1, key.n - 1};
        if (meta ? !metric_tag(m->meta, &m->nmeta, key, val, false)
                 : !metric_tag(m->tags, &m->ntags, key, val, false))
            return false;
    }
    return true;
}

/* False: intake would not let it pass. */
static inline bool input_read(struct input *x, const uint8_t *p, size_t n)
{
    static const struct metric_limits limits = {4096, METRIC_MAX_TAGS, 4096};
    struct metric_fault fault;
    const char *first;

    if (n > INPUT_MOST || memchr(p, 0, n) != NULL)
        return false;
    memcpy(x->text, p, n);
    x->text[n] = 0;
    x->next = x->text;
    first = next_line(x).s;
    if (first[0] < '0' || first[0] > '9' || first[1] < '1' || first[1] > '5')
        return false;
    x->style = (unsigned)(first[0] - '0');
    x->m = (struct metric){.type = (uint8_t)(first[1] - '0')};
    x->m.time_ns = strtoll(next_line(x).s, NULL, 10) % 9000000000 * NS_PER_S + 250000000;
    x->m.name = next_line(x);
    x->m.unit = next_line(x);
    return read_value(&x->m, first + 2) && read_tags_of(x) && metric_check(&x->m, &limits, &fault);
}

/* --- the lines --- */

/* Twice the same: `lines` whole ones, as a text to be cut up and freed. NULL: it has none, and a reason. */
static inline char *formatted(struct formatter *f, const struct metric *m, unsigned *lines)
{
    struct batch *b = &f->batch;
    char *text;
    size_t n;

    batch_begin(b);
    HOLDS(batch_add(b, m, 0, 1) == BATCH_ADDED && b->rejected == 0);
    HOLDS(b->nmetrics + b->skipped == 1);
    if (b->nmetrics == 0) {
        HOLDS(plugin_why(&f->plugin)[0] != 0 && b->bytes.n == 0);
        return NULL;
    }
    n = b->bytes.n;
    HOLDS((text = malloc(n + 1)) != NULL);
    memcpy(text, b->bytes.p, n);
    text[n] = 0;
    HOLDS(n > 0 && text[n - 1] == '\n' && strlen(text) == n);
    HOLDS(batch_add(b, m, 1, 1) == BATCH_ADDED && b->bytes.n == 2 * n);
    HOLDS(memcmp(b->bytes.p + n, text, n) == 0);
    *lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        ++*lines;
    text[n - 1] = 0;
    return text;
}

/* For a formatter of one line a metric: any input through it, and same() reads it back. */
static inline int fuzz_one_line(const char *const *options, const uint8_t *p, size_t n,
                                void (*same)(const struct metric *m, char *line, unsigned style))
{
    static struct input x;
    struct formatter *f;
    unsigned lines;
    char *line;

    if (!input_read(&x, p, n))
        return 0;
    f = formatter_get(options, x.style);
    line = formatted(f, &x.m, &lines);
    if (line == NULL)
        return 0;
    HOLDS(lines == 1);
    same(&x.m, line, (unsigned)(f - formatters));
    free(line);
    return 0;
}
