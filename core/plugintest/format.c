/* plugintest/format.c - format() asked again and again, and compared with itself
 *
 * What format() appends is compared with what it appends when asked again: the host may throw a
 * batch away. What begin() appends is its own affair, and may hold a number that grows. Whether
 * a text breaks out of its field is judged without knowing the format: a character that stands
 * between fields in the output of a harmless metric may not become more when a text holds it,
 * unless it is escaped by a backslash or stands in double quotes. Where lines are declared, a text that ends
 * one may hold anything.
 */
#include "plugintest/format.h"

#include <stdio.h>

#include "plugintest/battery.h"
#include "plugintest/trial.h"

/* What the batch holds of metrics. */
static struct str body(const struct trial *t)
{
    const struct batch *b = &t->batch;

    return b->bytes.n > b->header ? (struct str){b->bytes.p + b->header, b->bytes.n - b->header}
                                  : (struct str){"", 0};
}

/* --- format --- */

struct formatting {
    struct trial *trial;
    struct buf first; /* the bytes of the batch, when first asked */
    unsigned metrics, skipped;
};

/* Three times into one batch: the second and the third must be the same, whatever begin() did. */
static bool add_thrice(struct trial *t, const struct metric *m, const char *what)
{
    const struct buf *b = &t->batch.bytes;
    size_t at[4] = {0};

    batch_begin(&t->batch);
    for (int i = 0; i < 3; i++) {
        if (!trial_add(t, m, what))
            return false;
        at[i + 1] = b->n;
    }
    if (at[3] - at[2] == at[2] - at[1] && memcmp(b->p + at[1], b->p + at[2], at[3] - at[2]) == 0)
        return true;
    return trial_fail(t,
                      "with %s it appends \"%s\", and asked again \"%s\": format() must be a "
                      "function of the metric alone",
                      what, trial_show(b->p + at[1], at[2] - at[1]),
                      trial_show(b->p + at[2], at[3] - at[2]));
}

static void format_one(void *arg, const struct metric *m, const char *what)
{
    struct formatting *f = arg;
    struct trial *t = f->trial;
    struct str first, again;

    f->metrics++;
    if (!add_thrice(t, m, what))
        return;
    f->skipped += t->batch.skipped > 0;
    buf_reset(&f->first);
    buf_putstr(&f->first, body(t));
    if (!add_thrice(t, m, what))
        return;
    first = (struct str){f->first.p, f->first.n};
    again = body(t);
    if (!str_eq(first, again))
        trial_fail(
            t,
            "with %s it appends \"%s\" to a new batch, and \"%s\" to the one before: begin() "
            "must forget a batch that was discarded",
            what, trial_show(again.s, again.n), trial_show(first.s, first.n));
}

int check_format(void *arg)
{
    struct trial *t = arg;
    struct formatting f = {.trial = t};

    if (!trial_ready(t, 3UL * TRIAL_BATCH))
        return 1;
    battery_each(&f, format_one);
    buf_free(&f.first);
    return trial_end(t, "%u metrics of all kinds, %u of them skipped%s", f.metrics, f.skipped,
                     t->plugin.def.lines > 0 ? ", each of the lines declared" : "");
}

/* --- hostile --- */

/* What is left of the output for us to count in. */
static bool output_of(struct trial *t, char c, unsigned field, struct buf *out)
{
    char what[64];

    (void)snprintf(what, sizeof what, "\"%c\" in %s", c, battery_field(field));
    buf_reset(out);
    batch_begin(&t->batch);
    if (!trial_add(t, battery_with(c, field), what))
        return false;
    buf_put(out, t->batch.bytes.p, t->batch.bytes.n);
    return buf_ok(out);
}

/* How often c stands there by itself: neither escaped nor, in a format that quotes, in quotes. */
static unsigned bare(const struct buf *b, char c, bool quotes)
{
    bool inside = false;
    unsigned n = 0;

    for (size_t i = 0; i < b->n; i++) {
        if (b->p[i] == '\\') {
            i++;
            continue;
        }
        if (b->p[i] == c && (!inside || c == '"'))
            n++;
        if (quotes && b->p[i] == '"')
            inside = !inside;
    }
    return n;
}

/* Letters and digits are text; these are part of names and numbers everywhere. */
static bool separates(char c)
{
    return c == ' ' || (c > ' ' && c < 127 && strchr("._-+/", c) == NULL &&
                        !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z'));
}

enum { ASCII = 128 };

struct hostile {
    struct trial *trial;
    struct buf plain, out; /* what comes of harmless texts, and of the one at hand */
    unsigned texts;
    char ends[BATTERY_FIELDS][2 * ASCII]; /* what each field may hold, since it ends its line */
    unsigned kept, broke; /* fields in which the character at hand was dealt with, or not */
    char broken[400];     /* the first of those */
};

/* The first separator that there are more of in `out` than in `plain`, or also fewer if a backslash may
 * have swallowed one; 0: none. */
static char broken(const struct buf *plain, const struct buf *out, char c)
{
    bool quotes = memchr(plain->p, '"', plain->n) != NULL;

    for (char s = ' '; s < 127; s++) {
        unsigned wanted = bare(plain, s, quotes), found = bare(out, s, quotes);

        if (separates(s) && wanted > 0 && (found > wanted || (found < wanted && c == '\\')))
            return s;
    }
    return 0;
}

/* Without the text of that field where it ends a line; false: it ends none. */
static bool cut_line_end(const struct buf *from, char c, unsigned field, struct buf *to)
{
    const char end[] = {'a', c, (char)('b' + field), '\n'};
    const char *at = from->p, *found, *stop = from->p + from->n;
    bool any = false;

    buf_reset(to);
    for (; (found = memmem(at, (size_t)(stop - at), end, sizeof end)) != NULL;
         at = found + sizeof end - 1) {
        buf_put(to, at, (size_t)(found - at));
        any = true;
    }
    buf_put(to, at, (size_t)(stop - at));
    return any && buf_ok(to);
}

/* Of a plugin that declares its lines, what stands last in one goes up to its end, and no character but that
 * ends it: if this is all, it is a text for people, say, that may be anything. */
static bool is_free(const struct hostile *h, char c, unsigned field)
{
    struct buf plain = {0}, out = {0};
    bool free = h->trial->plugin.def.lines > 0 && cut_line_end(&h->plain, 'x', field, &plain) &&
                cut_line_end(&h->out, c, field, &out) && broken(&plain, &out, c) == 0;

    buf_free(&plain);
    buf_free(&out);
    return free;
}

static void note_free(struct hostile *h, char c, unsigned field)
{
    char *all = h->ends[field];
    size_t n = strlen(all);

    all[n] = c;
    all[n + 1] = 0;
}

static void try_field(struct hostile *h, char c, unsigned field)
{
    char s;

    h->texts++;
    if (!output_of(h->trial, c, field, &h->out) || h->out.n == 0)
        return;
    s = broken(&h->plain, &h->out, c);
    if (s != 0 && is_free(h, c, field)) {
        note_free(h, c, field);
        return;
    }
    if (s == 0) {
        h->kept += !str_eq((struct str){h->out.p, h->out.n}, (struct str){h->plain.p, h->plain.n});
        return;
    }
    if (h->broke++ == 0)
        (void)snprintf(h->broken, sizeof h->broken,
                       "\"%c\" in %s changes how many \"%c\" stand between the fields: \"%s\"", c,
                       battery_field(field), s, trial_show(h->out.p, h->out.n));
}

/* One that is dealt with elsewhere may mean nothing in this field; blanks and quotes always do. */
static void try_character(struct hostile *h, char c)
{
    h->kept = h->broke = 0;
    for (unsigned field = 0; field < BATTERY_FIELDS; field++)
        try_field(h, c, field);
    if (h->broke == 0)
        return;
    if (h->kept == 0 || c == ' ' || c == '"' || c == '\\')
        trial_fail(h->trial, "%s: escape or replace it", h->broken);
    else
        child_say(h->trial->child,
                  "look hostile: %s: escape or replace it, if it means something there\n",
                  h->broken);
}

/* A text used as a format would turn %% into %. */
static void judge_percent(struct trial *t)
{
    struct metric m = *battery_with('x', 0);
    const struct buf *b = &t->batch.bytes;

    m.name = str_of("a%%b");
    m.tags[0].val = m.name;
    batch_begin(&t->batch);
    if (trial_add(t, &m, "\"%%\" in its name") && b->n > 0 && memmem(b->p, b->n, "a%b", 3) != NULL)
        trial_fail(t, "it takes a text of the metric as the format of putf(): write "
                      "putf(g, \"%%s\", text), or put()");
}

static void tell_free(const struct hostile *h)
{
    for (unsigned field = 0; field < BATTERY_FIELDS; field++)
        if (h->ends[field][0] != 0)
            child_say(h->trial->child,
                      "look hostile: %s ends a line, and \"%s\" in it stays as it is: right if "
                      "whoever reads it takes all up to the end of the line\n",
                      battery_field(field), trial_show(h->ends[field], strlen(h->ends[field])));
}

int check_hostile(void *arg)
{
    struct trial *t = arg;
    struct hostile h = {.trial = t};

    if (!trial_ready(t, TRIAL_BATCH))
        return 1;
    if (!output_of(t, 'x', 0, &h.plain) || h.plain.n == 0)
        return trial_end(t, "nothing to compare: it skips a plain metric");
    for (char c = ' '; c < 127; c++)
        if (separates(c))
            try_character(&h, c);
    tell_free(&h);
    judge_percent(t);
    buf_free(&h.plain);
    buf_free(&h.out);
    return trial_end(t, "%u hostile texts, none breaks out of its field", h.texts);
}

/* --- batch --- */

enum { MOST = 20000 /* metrics in a batch */ };

/* Fills a batch until the next metric does not fit. */
static void fill_whole_batch(struct trial *t)
{
    struct batch *b = &t->batch;
    enum batch_result result = BATCH_ADDED;

    batch_begin(b);
    for (unsigned n = 0; n < MOST && result == BATCH_ADDED && b->rejected == 0; n++) {
        child_doing(t->child, CHILD_CALLS, "format() of metric %u of a batch", n + 1);
        result = batch_add(b, battery_with((char)('a' + n % 26), n % BATTERY_FIELDS), n, 1);
    }
    if (result == BATCH_FATAL)
        trial_fail(t, "a full batch: %s", plugin_why(&t->plugin));
}

static void end_batch(struct trial *t)
{
    child_doing(t->child, CHILD_CALLS, "end()");
    if (!batch_end(&t->batch))
        trial_fail(t, "a full batch: %s", plugin_why(&t->plugin));
}

static void compare_batches(struct trial *t)
{
    struct buf first = {0};

    fill_whole_batch(t);
    buf_putstr(&first, body(t));
    end_batch(t);
    batch_begin(&t->batch); /* one that is begun, and thrown away */
    (void)trial_add(t, battery_with('x', 0), "plain texts");
    fill_whole_batch(t);
    if (!str_eq((struct str){first.p, first.n}, body(t)))
        trial_fail(t, "the same metrics make another batch after one that was discarded: begin() "
                      "must forget that one");
    end_batch(t);
    buf_free(&first);
}

int check_batch(void *arg)
{
    struct trial *t = arg;
    uint32_t most;

    if (!trial_load(t) || !trial_configure(t) || !trial_open(t))
        return 1;
    most = t->plugin.batch_metrics;
    if (!trial_batch(t, (size_t)t->plugin.batch_size))
        return 1;
    t->plugin.batch_metrics = most; /* as a sink has it */
    compare_batches(t);
    return trial_end(t, "%u metrics in %zu bytes, and the same again after one discarded",
                     t->batch.nmetrics, t->batch.bytes.n);
}
