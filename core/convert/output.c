/* convert/output.c - checked piece by piece, so that a fault knows its byte
 *
 * A name is joined in a buffer that stays; JSON is gathered, and handed on when enough of it waits. Without memory
 * the metric at hand is a fault, and nothing that was put before it is lost.
 */
#include "convert/output.h"

#include <stdio.h>

#include "base/text.h"

void output_init(struct output *o, const struct output_to *to, bool in_place)
{
    *o = (struct output){
        .to = to, .in_place = in_place, .line = 1, .json_line = 1, .handed_line = 1};
}

void output_free(struct output *o)
{
    buf_free(&o->json);
    buf_free(&o->name);
}

void output_flush(struct output *o)
{
    if (o->json.n == 0)
        return;
    o->to->json(o->to->arg, o->json.p, o->json.n);
    o->handed_line = o->json_line; /* only now: it may have begun a connection */
    buf_reset(&o->json);
}

/* --- faults --- */

static struct output_fault find_place(const struct output *o, const char *at)
{
    const char *begin = o->input.s, *nl;
    struct output_fault f = {.line = o->line, .byte = 1};

    if (begin == NULL)
        return (struct output_fault){0};
    if (at == NULL || at < begin || at > begin + o->input.n)
        return f;
    for (; (nl = memchr(begin, '\n', (size_t)(at - begin))) != NULL; begin = nl + 1)
        f.line++;
    f.byte = (uint64_t)(at - begin) + 1;
    return f;
}

bool output_fault(struct output *o, const char *at, const char *fmt, ...)
{
    struct output_fault f = find_place(o, at);
    struct why why;
    va_list ap;

    va_start(ap, fmt);
    (void)why_setv(&why, fmt, ap);
    va_end(ap);
    f.text = why.text;
    o->to->fault(o->to->arg, &f);
    return false;
}

bool output_left_out(struct output *o, enum output_left what, const char *at, const char *fmt, ...)
{
    struct output_fault f = find_place(o, at);
    struct why why;
    va_list ap;

    va_start(ap, fmt);
    (void)why_setv(&why, fmt, ap);
    va_end(ap);
    f.text = why.text;
    o->to->left_out(o->to->arg, &f, what);
    return false;
}

const char *output_left_name(enum output_left what, uint64_t n)
{
    static const char *const NAMES[LEFT_KINDS][2] = {
        [LEFT_NAN] = {"value that is not a number", "values that are not a number"},
        [LEFT_INFINITY] = {"infinite value", "infinite values"},
        [LEFT_UNKNOWN] = {"unknown value", "unknown values"},
        [LEFT_STRING] = {"string", "strings"},
        [LEFT_BOOLEAN] = {"boolean", "booleans"},
        [LEFT_COMMAND] = {"command", "commands"},
    };

    return NAMES[what][n != 1];
}

/* --- what Garnet takes from nobody --- */

static bool check_part(struct output *o, struct str s, size_t most, const char *what)
{
    unsigned char control;
    size_t good;

    if (s.n > most)
        return output_fault(o, s.s, "%s is %zu bytes long: at most %zu", what, s.n, most);
    good = str_good(s);
    if (good == s.n)
        return true;
    if (str_utf8((struct str){s.s + good, s.n - good}) == 0)
        return output_fault(o, s.s + good, "%s is not valid UTF-8", what);
    control = (unsigned char)s.s[good];
    if (control == 0xc2) /* of two bytes, and the second says which */
        control = (unsigned char)s.s[good + 1];
    return output_fault(o, s.s + good,
                        "%s has the control byte 0x%02x in it: leave it out, or write a blank",
                        what, (unsigned)control);
}

bool output_tag(struct output *o, struct tag *tags, uint32_t *n, struct tag t, const char *what,
                bool replace)
{
    char name[80], shown[64];

    if (t.key.n == 0)
        return output_fault(o, t.key.s, "a %s has no name: give it one, or leave it out", what);
    (void)snprintf(name, sizeof name, "the name of a %s", what);
    if (!check_part(o, t.key, METRIC_TAG_LENGTH, name))
        return false;
    str_show(shown, sizeof shown - 16, t.key);
    (void)snprintf(name, sizeof name, "%s %s", what, shown);
    if (t.val.n == 0)
        return output_fault(o, t.val.s, "%s is empty: give it a value, or leave it out", name);
    if (!check_part(o, t.val, METRIC_TAG_LENGTH, name))
        return false;
    return metric_tag(tags, n, t.key, t.val, replace) ||
           output_fault(o, t.key.s, "one %s too many: at most %d", what, METRIC_MAX_TAGS);
}

/* The parts of a name as one. False: a fault, which no memory is, too. */
static bool join_name(struct output *o, const struct output_metric *m, struct str *name)
{
    buf_reset(&o->name);
    for (size_t i = 0; i < OUTPUT_PARTS; i++) {
        if (m->name[i].n == 0)
            continue;
        if (!check_part(o, m->name[i], METRIC_HARD_STRING, "a metric's name"))
            return false;
        if (o->name.n > 0)
            buf_putc(&o->name, '.');
        buf_putstr(&o->name, m->name[i]);
    }
    if (!buf_ok(&o->name))
        return output_fault(o, NULL, "no memory for a metric's name: it is lost");
    *name = (struct str){o->name.p, o->name.n};
    if (name->n > METRIC_HARD_STRING)
        return output_fault(o, m->name[0].s, "a metric's name is %zu bytes long: at most %d",
                            name->n, METRIC_HARD_STRING);
    return name->n > 0 || output_fault(o, m->name[0].s, "a metric has no name: give it one");
}

/* --- JSON --- */

/* Up to the line of the input. */
static void put_line_ends(struct output *o)
{
    for (; o->json_line < o->line; o->json_line++) {
        buf_putc(&o->json, '\n');
        if (o->json.n >= OUTPUT_MOST)
            output_flush(o);
    }
}

static void put_object(struct buf *b, const struct output_metric *m, struct str name)
{
    buf_puts(b, "{\"name\":");
    buf_put_json(b, name);
    buf_puts(b, ",\"value\":");
    buf_putstr(b, m->value);
    if (m->time.n > 0) {
        buf_puts(b, ",\"time\":");
        buf_putstr(b, m->time);
    }
    if (m->type != NULL)
        buf_put_member(b, "type", str_of(m->type));
    if (m->unit.n > 0)
        buf_put_member(b, "unit", m->unit);
    metric_put_tags(b, "tags", m->tags, m->ntags);
    metric_put_tags(b, "meta", m->meta, m->nmeta);
    buf_putc(b, '}');
}

bool output_put(struct output *o, const struct output_metric *m)
{
    struct str name = {NULL, 0};
    size_t before;

    if (!join_name(o, m, &name) || !check_part(o, m->unit, OUTPUT_UNIT, "a unit"))
        return false;
    if (o->in_place)
        put_line_ends(o);
    before = o->json.n;
    put_object(&o->json, m, name);
    if (!o->in_place)
        buf_putc(&o->json, '\n');
    if (!buf_ok(&o->json)) {
        o->json.n = before;
        o->json.failed = false;
        return output_fault(o, m->name[0].s, "no memory for a metric: it is lost");
    }
    if (o->json.n >= OUTPUT_MOST)
        output_flush(o);
    return true;
}
