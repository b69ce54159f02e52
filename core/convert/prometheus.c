/* convert/prometheus.c - NAME{LABEL="VALUE"} VALUE TIME, and what `#` lines say of the family of a sample
 *
 * Of families only the last one is known, since both formats have the lines of one together, its type first. What a sample is
 * follows from the family's type and from what the sample's name has behind the family's: a row below.
 *
 * The two formats differ in nothing else that matters here but in the unit of time, and that can be told from its size.
 */
#include "convert/prometheus.h"

#include "base/text.h"
#include "convert/value.h"
#include "convert/words.h"

enum { FAMILY_MOST = 512 };

enum family_type {
    UNTYPED,
    COUNTER_FAMILY,
    GAUGE_FAMILY,
    HISTOGRAM,
    GAUGEHISTOGRAM,
    SUMMARY,
    INFO,
    STATESET,
};

static const struct {
    const char *word;
    enum family_type type;
} FAMILIES[] = {
    {"counter", COUNTER_FAMILY},
    {"gauge", GAUGE_FAMILY},
    {"histogram", HISTOGRAM},
    {"summary", SUMMARY},
    {"untyped", UNTYPED},
    {"unknown", UNTYPED},
    {"info", INFO},
    {"stateset", STATESET},
    {"gaugehistogram", GAUGEHISTOGRAM},
};

/* Any other sample is a gauge in the family's unit. */
static const struct sample_kind {
    enum family_type family;
    const char *behind;      /* the family's name */
    const char *type, *unit; /* unit NULL: the family's */
} KINDS_OF_SAMPLES[] = {
    {COUNTER_FAMILY, "", "counter", NULL},
    {COUNTER_FAMILY, "_total", "counter", NULL},
    {COUNTER_FAMILY, "_created", "timestamp", "s"},
    {HISTOGRAM, "_bucket", "counter", ""},
    {HISTOGRAM, "_count", "counter", ""},
    {HISTOGRAM, "_sum", "counter", NULL},
    {HISTOGRAM, "_created", "timestamp", "s"},
    {SUMMARY, "_count", "counter", ""},
    {SUMMARY, "_sum", "counter", NULL},
    {SUMMARY, "_created", "timestamp", "s"},
    {GAUGEHISTOGRAM, "_bucket", NULL, ""},
    {GAUGEHISTOGRAM, "_gcount", NULL, ""},
    {GAUGEHISTOGRAM, "_gsum", NULL, NULL},
};

/* As OpenMetrics has units, and as Metrics 2.0 has them. */
static const struct {
    const char *word, *unit;
} UNITS[] = {
    {"seconds", "s"}, {"milliseconds", "ms"}, {"microseconds", "us"}, {"nanoseconds", "ns"},
    {"bytes", "B"},   {"bits", "b"},          {"percent", "%"},       {"ratio", ""},
    {"hertz", "Hz"},  {"volts", "V"},         {"amperes", "A"},       {"watts", "W"},
    {"joules", "J"},  {"grams", "g"},         {"meters", "m"},
};

struct prometheus {
    char family[FAMILY_MOST]; /* of the last `#` line */
    size_t family_n;          /* 0: none */
    enum family_type type;
    char unit[OUTPUT_UNIT];
    size_t unit_n;
};

static void pass_bytes(struct str *rest, size_t n)
{
    *rest = (struct str){rest->s + n, rest->n - n};
}

static void skip_spaces(struct str *rest)
{
    while (rest->n > 0 && (rest->s[0] == ' ' || rest->s[0] == '\t'))
        pass_bytes(rest, 1);
}

static bool name_byte(char c, bool first, bool colon)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
           (!first && c >= '0' && c <= '9');
}

static struct str plain_name(struct str *rest, bool colon)
{
    struct str name = {rest->s, 0};

    while (name.n < rest->n && name_byte(rest->s[name.n], name.n == 0, colon))
        name.n++;
    pass_bytes(rest, name.n);
    return name;
}

static size_t backslashes(struct str s, size_t at)
{
    size_t n = 0;

    while (at + n < s.n && s.s[at + n] == '\\')
        n++;
    return n;
}

/* In quotes, with the first of which `rest` begins. Escaped are the quote and the backslash; a line end, too, but it stays as it is
 * written, `\n`: Garnet takes no control bytes. So all backslashes before an n stay, or a backslash and an n would be the same value. */
static bool quoted_text(struct output *o, struct str *rest, struct str *text)
{
    char *to = (char *)rest->s + 1; /* the line is ours to write to */
    size_t at = 1;

    *text = (struct str){to, 0};
    while (at < rest->n && rest->s[at] != '"') {
        size_t run = backslashes(*rest, at), behind = at + run;
        bool stay = behind < rest->n && rest->s[behind] == 'n';
        size_t put = stay ? run : run / 2 + run % 2;

        if (run == 0) {
            to[text->n++] = rest->s[at++];
            continue;
        }
        memset(to + text->n, '\\', put);
        text->n += put;
        at = behind;
        if (!stay && run % 2 == 1 && at < rest->n && rest->s[at] == '"')
            to[text->n - 1] = rest->s[at++];
    }
    if (at >= rest->n)
        return output_fault(o, text->s - 1, "a quote is not closed before the line ends");
    pass_bytes(rest, at + 1);
    return true;
}

/* --- what is said of a family --- */

static void begin_family(struct prometheus *s, struct str name)
{
    if (str_eq((struct str){s->family, s->family_n}, name))
        return;
    s->family_n = name.n <= sizeof s->family ? name.n : 0;
    memcpy(s->family, name.s, s->family_n);
    s->type = UNTYPED;
    s->unit_n = 0;
}

static void family_type(struct prometheus *s, struct output *o, struct str word)
{
    char shown[48];

    for (size_t i = 0; i < sizeof FAMILIES / sizeof *FAMILIES; i++)
        if (str_eq(word, str_of(FAMILIES[i].word))) {
            s->type = FAMILIES[i].type;
            return;
        }
    str_show(shown, sizeof shown, word);
    (void)output_fault(o, word.s,
                       "type \"%s\" is unknown, and taken for a gauge: use counter, gauge, "
                       "histogram, summary or untyped",
                       shown);
}

static void family_unit(struct prometheus *s, struct output *o, struct str word)
{
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (str_eq(word, str_of(UNITS[i].word)))
            word = str_of(UNITS[i].unit);
    if (word.n > sizeof s->unit || !metric_text_ok(word)) {
        (void)output_fault(o, word.s, "a unit has at most %d bytes, and no control bytes: left out",
                           OUTPUT_UNIT);
        return;
    }
    s->unit_n = word.n;
    memcpy(s->unit, word.s, word.n);
}

/* "# TYPE NAME WORD"; any other is for people. */
static void read_comment(struct prometheus *s, struct output *o, struct str rest)
{
    struct str word, name;

    pass_bytes(&rest, 1);
    (void)word_next(&rest, &word);
    if (!str_eq(word, str_of("TYPE")) && !str_eq(word, str_of("UNIT")) &&
        !str_eq(word, str_of("HELP")))
        return;
    skip_spaces(&rest);
    if (rest.n > 0 && rest.s[0] == '"') {
        if (!quoted_text(o, &rest, &name))
            return;
    } else {
        (void)word_next(&rest, &name);
    }
    begin_family(s, name);
    if (word.s[0] == 'T')
        family_type(s, o, words_trim(rest));
    else if (word.s[0] == 'U')
        family_unit(s, o, words_trim(rest));
}

/* --- a sample --- */

static bool put_label(struct output *o, struct output_metric *m, struct tag *tags, struct tag t)
{
    char shown[48];

    if (t.val.n == 0)
        return true; /* which is the same as no such label */
    for (uint32_t i = 0; i < m->ntags; i++)
        if (str_eq(tags[i].key, t.key)) {
            str_show(shown, sizeof shown, t.key);
            return output_fault(o, t.key.s, "label %s is given twice", shown);
        }
    return output_tag(o, tags, &m->ntags, t, "label", false);
}

/* NAME="VALUE", or the metric's own name in quotes. */
static bool read_label(struct output *o, struct str *rest, struct output_metric *m,
                       struct tag *tags)
{
    bool quoted = rest->n > 0 && rest->s[0] == '"';
    struct tag t;

    if (quoted && !quoted_text(o, rest, &t.key))
        return false;
    if (!quoted)
        t.key = plain_name(rest, false);
    if (!quoted && t.key.n == 0)
        return output_fault(o, rest->s, "no label's name: print NAME=\"VALUE\", or } at the end");
    skip_spaces(rest);
    if (quoted && rest->n > 0 && (rest->s[0] == ',' || rest->s[0] == '}')) {
        if (m->name[0].n > 0)
            return output_fault(o, t.key.s, "a second name: a sample has one");
        m->name[0] = t.key;
        return true;
    }
    if (rest->n == 0 || rest->s[0] != '=')
        return output_fault(o, rest->s, "no = behind a label's name: print NAME=\"VALUE\"");
    pass_bytes(rest, 1);
    skip_spaces(rest);
    if (rest->n == 0 || rest->s[0] != '"')
        return output_fault(o, rest->s, "a label's value stands in double quotes: NAME=\"VALUE\"");
    return quoted_text(o, rest, &t.val) && put_label(o, m, tags, t);
}

/* Behind the brace. */
static bool read_labels(struct output *o, struct str *rest, struct output_metric *m,
                        struct tag *tags)
{
    for (;;) {
        skip_spaces(rest);
        if (rest->n > 0 && rest->s[0] == '}')
            break;
        if (!read_label(o, rest, m, tags))
            return false;
        skip_spaces(rest);
        if (rest->n > 0 && rest->s[0] == ',')
            pass_bytes(rest, 1);
        else if (rest->n == 0 || rest->s[0] != '}')
            return output_fault(o, rest->s, "expected , or } behind a label");
    }
    pass_bytes(rest, 1);
    return true;
}

static bool ends_in(struct str s, const char *end)
{
    size_t n = strlen(end);

    return s.n > n && memcmp(s.s + s.n - n, end, n) == 0;
}

/* What the name says where nothing else does. "_per_seconds" would be another. */
static struct str unit_in_name(struct str name)
{
    if (ends_in(name, "_total"))
        name.n -= strlen("_total");
    if (ends_in(name, "_seconds") && !ends_in(name, "_per_seconds"))
        return str_of("s");
    if (ends_in(name, "_bytes") && !ends_in(name, "_per_bytes"))
        return str_of("B");
    return (struct str){NULL, 0};
}

static void set_kind(const struct prometheus *s, struct output_metric *m)
{
    struct str name = m->name[0], behind;
    const char *unit = NULL;

    m->unit = unit_in_name(name);
    if (s->family_n == 0 || name.n < s->family_n || memcmp(name.s, s->family, s->family_n) != 0)
        return;
    behind = (struct str){name.s + s->family_n, name.n - s->family_n};
    for (size_t i = 0; i < sizeof KINDS_OF_SAMPLES / sizeof *KINDS_OF_SAMPLES; i++) {
        const struct sample_kind *k = &KINDS_OF_SAMPLES[i];

        if (k->family != s->type || !str_eq(behind, str_of(k->behind)))
            continue;
        m->type = k->type;
        unit = k->unit;
        behind.n = 0; /* it is the family's */
        break;
    }
    if (unit != NULL)
        m->unit = str_of(unit);
    else if (behind.n == 0 && s->unit_n > 0)
        m->unit = (struct str){s->unit, s->unit_n};
    else if (behind.n == 0 && m->unit.n == 0)
        m->unit = unit_in_name((struct str){s->family, s->family_n});
}

/* NAME{LABELS}, up to the value. */
static bool read_series(struct output *o, struct str *rest, struct output_metric *m,
                        struct tag *tags)
{
    m->name[0] = plain_name(rest, true);
    if (m->name[0].n == 0 && (rest->n == 0 || rest->s[0] != '{'))
        return output_fault(o, rest->s,
                            "no metric's name: print NAME{LABEL=\"VALUE\"} VALUE, with letters, "
                            "digits, _ and : in the name");
    if (rest->n > 0 && rest->s[0] != '{' && rest->s[0] != ' ' && rest->s[0] != '\t')
        return output_fault(o, rest->s,
                            "a byte that no metric's name has: use letters, digits, _ and :");
    skip_spaces(rest);
    if (rest->n == 0 || rest->s[0] != '{')
        return true;
    pass_bytes(rest, 1);
    if (!read_labels(o, rest, m, tags))
        return false;
    return m->name[0].n > 0 || output_fault(o, NULL, "a sample without a name");
}

static void read_sample(struct prometheus *s, struct output *o, struct str rest)
{
    struct tag tags[METRIC_MAX_TAGS];
    struct output_metric m = {.tags = tags};
    struct str word, stamp, more;
    struct value value, time = {.n = 0};

    if (!read_series(o, &rest, &m, tags))
        return;
    if (!word_next(&rest, &word)) {
        (void)output_fault(o, word.s, "no value: print NAME{LABELS} VALUE");
        return;
    }
    if (word_next(&rest, &stamp) && stamp.s[0] != '#') {
        if (!value_time(o, stamp, VALUE_SCALED, &time))
            return;
        if (word_next(&rest, &more) && more.s[0] != '#') {
            (void)output_fault(o, more.s,
                               "something behind the time: print NAME{LABELS} VALUE "
                               "TIME");
            return;
        }
    }
    if (!value_read(o, word, "value", &value))
        return;
    m.value = value_str(&value);
    m.time = value_str(&time);
    set_kind(s, &m);
    (void)output_put(o, &m);
}

static enum format_step prometheus_record(void *state, struct output *o, char *line, size_t n,
                                          bool last)
{
    struct str rest = words_trim((struct str){line, n});

    (void)last;
    if (rest.n > 0 && rest.s[0] == '#')
        read_comment(state, o, rest);
    else if (rest.n > 0)
        read_sample(state, o, rest);
    return FORMAT_DONE;
}

const struct format FORMAT_PROMETHEUS = {
    .name = "prometheus",
    .about = "what exporters serve: Prometheus' text format, and OpenMetrics",
    .state = sizeof(struct prometheus),
    .cut_is_bad = true,
    .record = prometheus_record,
};
