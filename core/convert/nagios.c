/* convert/nagios.c - 'label'=value[unit];warn;crit;min;max, of the guidelines for plugins
 *
 * Text is not looked at. Perfdata stands behind the first `|` of the first line, and behind the next one in the lines that
 * follow, to the end of all. What is wrong with an item costs that one.
 */
#include "convert/nagios.h"

#include "base/number.h"
#include "base/text.h"
#include "convert/value.h"
#include "convert/words.h"

struct nagios {
    bool begun;    /* the first line has been */
    bool perfdata; /* all that comes is */
    bool status;   /* a label has this name, so the exit status' own metric cannot have it */
};

enum { FIELDS = 5, STATUS_MOST = 3 };

struct item {
    struct str label, value;
    struct str range[FIELDS - 1];
};

#define STATUS "status"

static const char *const RANGES[FIELDS - 1] = {"warn", "crit", "min", "max"};

/* A label in quotes, where two stand for one. `rest` begins with the first. */
static bool quoted_label(struct output *o, struct str *rest, struct str *label)
{
    char *to = (char *)rest->s + 1; /* the line is ours to write to */
    size_t at = 1;

    *label = (struct str){to, 0};
    for (; at < rest->n; at++) {
        if (rest->s[at] == '\'' && (at + 1 == rest->n || rest->s[at + 1] != '\''))
            break;
        at += rest->s[at] == '\'';
        to[label->n++] = rest->s[at];
    }
    if (at == rest->n) {
        const char *begin = rest->s;

        *rest = (struct str){rest->s + rest->n, 0};
        return output_fault(o, begin, "a label's quote is not closed: print 'LABEL'=VALUE");
    }
    *rest = (struct str){rest->s + at + 1, rest->n - at - 1};
    return true;
}

static size_t word_length(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.s[n] != ' ' && s.s[n] != '\t')
        n++;
    return n;
}

/* Up to behind the `=`. False: what is there has been passed over. */
static bool item_label(struct output *o, struct str *rest, struct str *label)
{
    char shown[48];
    struct str word, peek = *rest;
    size_t n;

    if (rest->s[0] == '\'') {
        if (!quoted_label(o, rest, label))
            return false;
        if (rest->n > 0 && rest->s[0] == '=') {
            (void)word_until(rest, '=');
            return true;
        }
        n = word_length(*rest);
        *rest = (struct str){rest->s + n, rest->n - n};
        return output_fault(o, label->s - 1, "no = behind a label: print 'LABEL'=VALUE");
    }
    (void)word_next(&peek, &word);
    *label = word_until(&word, '=');
    if (word.s > label->s + label->n) {
        *rest = (struct str){word.s, (size_t)(rest->s + rest->n - word.s)};
        return true;
    }
    *rest = peek;
    if (label->s[0] == '[' && label->s[label->n - 1] == ']')
        return false; /* "[check_disk]": a hint for who draws it */
    str_show(shown, sizeof shown, *label);
    return output_fault(o, label->s,
                        "\"%s\" has no =: print LABEL=VALUE, and a label with blanks in it in "
                        "quotes ('LABEL')",
                        shown);
}

static bool item_fields(struct output *o, struct str *rest, struct item *item)
{
    struct str fields = *rest, *field = &item->value;
    size_t n = word_length(*rest);

    fields.n = n;
    *rest = (struct str){rest->s + n, rest->n - n};
    *field = word_until(&fields, ';');
    for (int i = 0; i < FIELDS - 1; i++)
        item->range[i] = word_until(&fields, ';');
    return fields.n == 0 || output_fault(o, fields.s,
                                         "more than VALUE;WARN;CRIT;MIN;MAX: leave out what is "
                                         "behind them");
}

/* A unit has neither digits nor quotes, say the guidelines: so 0x10, 1_000 and 12:30 are wrong numbers, not units of 0, 1 and
 * 12; no more does `a=1|b=2` have the unit |b=2. */
static bool is_unit(struct str s)
{
    static const char WRONG_FIRST[] = ".,+-", WRONG[] = "0123456789'\"|=";

    for (size_t i = 0; i < s.n; i++)
        if (memchr(WRONG, s.s[i], sizeof WRONG - 1) != NULL)
            return false;
    return s.n == 0 || memchr(WRONG_FIRST, s.s[0], sizeof WRONG_FIRST - 1) == NULL;
}

/* "1.5ms": its number and its unit. False: it has been told. */
static bool split_value(struct output *o, struct str text, struct value *value, struct str *unit)
{
    size_t n = value_span(text);

    if (text.n == 0)
        return output_fault(o, text.s, "no value: print U where there is none");
    if (text.n == 1 && text.s[0] == 'U')
        return output_left_out(o, LEFT_UNKNOWN, text.s, "value is unknown (U): left out");
    if (n == 0 || !is_unit((struct str){text.s + n, text.n - n}))
        n = text.n; /* which says what is wrong */
    *unit = (struct str){text.s + n, text.n - n};
    return value_read(o, (struct str){text.s, n}, "value", value);
}

static void put_item(struct nagios *s, struct output *o, const struct item *item)
{
    struct tag meta[METRIC_MAX_TAGS];
    struct output_metric m = {.name = {item->label}, .meta = meta};
    struct value value;

    if (item->label.n == 0) {
        (void)output_fault(o, item->label.s, "an item has no label: print LABEL=VALUE");
        return;
    }
    if (!split_value(o, item->value, &value, &m.unit))
        return;
    m.value = value_str(&value);
    if (str_eq(m.unit, (struct str){"c", 1})) {
        m.type = "counter";
        m.unit.n = 0;
    }
    for (int i = 0; i < FIELDS - 1; i++)
        if (item->range[i].n > 0 &&
            !output_tag(o, meta, &m.nmeta, (struct tag){str_of(RANGES[i]), item->range[i]},
                        "threshold", false))
            return;
    if (output_put(o, &m) && str_eq(item->label, str_of(STATUS)))
        s->status = true;
}

static enum format_step nagios_record(void *state, struct output *o, char *line, size_t n,
                                      bool last)
{
    struct nagios *s = state;
    struct str rest = {line, n};

    (void)last;
    if (!s->perfdata) {
        struct str text = word_until(&rest, '|');

        s->perfdata = s->begun && rest.s > text.s + text.n;
        s->begun = true;
    }
    for (rest = words_trim(rest); rest.n > 0; rest = words_trim(rest)) {
        struct item item;

        if (item_label(o, &rest, &item.label) && item_fields(o, &rest, &item))
            put_item(s, o, &item);
    }
    return FORMAT_DONE;
}

static void nagios_end(void *state, struct output *o, int status)
{
    const struct nagios *s = state;
    struct output_metric m = {.name = {str_of(STATUS)}};
    struct buf text = {0};

    if (status > STATUS_MOST) {
        (void)output_fault(o, NULL,
                           "exit status %d is none of a Nagios plugin's, 0 to 3: no status is "
                           "reported",
                           status);
    } else if (status >= 0 && s->status) {
        (void)output_fault(o, NULL,
                           "a label is called " STATUS
                           ": the exit status %d, whose metric has this name, is not reported; "
                           "call the label something else",
                           status);
    } else if (status >= 0) {
        buf_put_i64(&text, status);
        m.value = (struct str){text.p, text.n};
        (void)(buf_ok(&text) && output_put(o, &m));
    }
    buf_free(&text);
}

const struct format FORMAT_NAGIOS = {
    .name = "nagios",
    .about = "a Nagios plugin's perfdata, and its exit status",
    .state = sizeof(struct nagios),
    .record = nagios_record,
    .end = nagios_end,
};
