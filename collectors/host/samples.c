/* samples.c - a list, and the text of its tags */
#include "host/samples.h"

#include <stdlib.h>

#include "base/number.h"
#include "base/text.h"

enum { TAG_MOST = 512, NAME_MOST = 256 }; /* garnetd takes no longer tag */

void samples_reset(struct samples *s)
{
    buf_reset(&s->list);
    buf_reset(&s->text);
    s->tags = 0;
}

void samples_free(struct samples *s)
{
    buf_free(&s->list);
    buf_free(&s->text);
}

bool samples_ok(const struct samples *s)
{
    return buf_ok(&s->list) && buf_ok(&s->text);
}

size_t samples_count(const struct samples *s)
{
    return s->list.n / sizeof(struct sample);
}

const struct sample *samples_at(const struct samples *s, size_t i)
{
    return (const struct sample *)(const void *)s->list.p + i;
}

/* --- putting --- */

/* As it is, where all of it is good; else as a shell would quote it, $'a\x01', with backslashes doubled: then no other name
 * looks the same. */
static void put_quoted(struct buf *b, struct str value)
{
    const char *end;

    buf_puts(b, "$'");
    while (value.n > 0 && (end = memchr(value.s, '\\', value.n)) != NULL) {
        struct str before = {value.s, (size_t)(end - value.s)};

        buf_put_visible(b, before);
        buf_puts(b, "\\\\");
        value.s += before.n + 1;
        value.n -= before.n + 1;
    }
    buf_put_visible(b, value);
    buf_putc(b, '\'');
}

static bool put_tag(struct samples *s, struct str value)
{
    size_t before = s->text.n;
    buf_put_visible(&s->text, value);
    if (s->text.n - before != value.n || (value.n >= 2 && memcmp(value.s, "$'", 2) == 0)) {
        s->text.n = before;
        put_quoted(&s->text, value);
    }
    buf_putc(&s->text, 0);
    return buf_ok(&s->text) && value.n > 0 && s->text.n - before <= TAG_MOST + 1;
}

bool samples_tags(struct samples *s, const struct str values[FIGURE_TAGS])
{
    s->tags = s->text.n;
    for (size_t i = 0; i < FIGURE_TAGS && (i == 0 || values[i].s != NULL); i++)
        if (!put_tag(s, values[i])) {
            s->text.n = s->tags;
            return false;
        }
    return true;
}

void samples_u64(struct samples *s, const struct figure *f, uint64_t v)
{
    const struct sample one = {.figure = f, .tags = s->tags, .as.u64 = v};

    buf_put(&s->list, &one, sizeof one);
}

void samples_f64(struct samples *s, const struct figure *f, double v)
{
    const struct sample one = {.figure = f, .tags = s->tags, .real = true, .as.f64 = v};

    buf_put(&s->list, &one, sizeof one);
}

const char *samples_tag(const struct samples *s, const struct sample *at, size_t i)
{
    const char *text = s->text.p + at->tags;

    while (i-- > 0)
        text += strlen(text) + 1;
    return text;
}

/* --- as JSON --- */

static size_t count_tags(const struct figure *f)
{
    size_t n = 0;

    while (n < FIGURE_TAGS && f->tags[n] != NULL)
        n++;
    return n;
}

/* How much of a name is that of the object; 0: the metric stands alone. */
static size_t object_length(const struct figure *f)
{
    const char *dot = strrchr(f->name, '.');

    return dot != NULL ? (size_t)(dot - f->name) : 0;
}

static bool same_object(const struct sample *a, const struct sample *b)
{
    size_t n = object_length(a->figure);

    return n > 0 && n == object_length(b->figure) &&
           memcmp(a->figure->name, b->figure->name, n) == 0 &&
           text_same(a->figure->type, b->figure->type) &&
           text_same(a->figure->unit, b->figure->unit) && a->tags == b->tags &&
           count_tags(a->figure) == count_tags(b->figure);
}

static void begin_object(const struct samples *s, const struct sample *at, struct client *c,
                         double time)
{
    const struct figure *f = at->figure;
    size_t n = object_length(f);
    char name[NAME_MOST];
    garnet_client_tag tags[FIGURE_TAGS];
    struct client_series series = {
        .type = f->type, .unit = f->unit, .tags = tags, .ntags = count_tags(f), .time = time};

    (void)snprintf(name, sizeof name, "%.*s", n > 0 ? (int)n : -1, f->name);
    series.name = name;
    for (size_t i = 0; i < series.ntags; i++)
        tags[i] = (garnet_client_tag){f->tags[i], samples_tag(s, at, i)};
    client_begin(c, &series);
}

void samples_send(const struct samples *s, struct client *c, double time)
{
    for (size_t i = 0; i < samples_count(s); i++) {
        const struct sample *at = samples_at(s, i);
        size_t n = object_length(at->figure);
        const char *key = n > 0 ? at->figure->name + n + 1 : NULL;

        if (i == 0 || !same_object(at - 1, at)) {
            if (i > 0)
                client_end(c);
            begin_object(s, at, c, time);
        }
        if (at->real)
            client_f64(c, key, at->as.f64);
        else
            client_u64(c, key, at->as.u64);
    }
    if (samples_count(s) > 0)
        client_end(c);
}

/* --- for people --- */

/* "disk.reads{device=sda}" */
static void put_name(struct buf *b, const struct samples *s, const struct sample *at)
{
    buf_puts(b, at->figure->name);
    for (size_t i = 0; i < count_tags(at->figure); i++) {
        buf_putc(b, i == 0 ? '{' : ',');
        buf_puts(b, at->figure->tags[i]);
        buf_putc(b, '=');
        buf_puts(b, samples_tag(s, at, i));
    }
    if (count_tags(at->figure) > 0)
        buf_putc(b, '}');
    buf_putc(b, 0);
}

static void put_value(struct buf *b, const struct sample *at)
{
    if (at->real)
        buf_put_f64(b, at->as.f64);
    else
        buf_put_u64(b, at->as.u64);
    buf_putc(b, 0);
}

void samples_print(const struct samples *s, FILE *to)
{
    struct buf b = {0};
    int wide[2] = {0};

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < samples_count(s); i++) {
            const struct sample *at = samples_at(s, i);
            const char *unit = at->figure->unit != NULL ? at->figure->unit : "";
            size_t value;

            buf_reset(&b);
            put_name(&b, s, at);
            value = b.n;
            put_value(&b, at);
            if (!buf_ok(&b)) {
                (void)fputs("out of memory\n", to);
                buf_free(&b);
                return;
            }
            if (pass > 0) {
                (void)fprintf(to, "%-*s  %*s %-5s  %s\n", wide[0], b.p, wide[1], b.p + value, unit,
                              at->figure->type);
                continue;
            }
            wide[0] = (int)value - 1 > wide[0] ? (int)value - 1 : wide[0];
            wide[1] = (int)strlen(b.p + value) > wide[1] ? (int)strlen(b.p + value) : wide[1];
        }
    buf_free(&b);
}
