/* convert/influx.c - MEASUREMENT,TAG=VALUE... FIELD=VALUE,... TIME
 *
 * A line is read twice. The first time finds its parts and writes nothing, since a string may go on in the next line and the two are
 * then looked at as one. If that leads to nothing, the quote was a mistake, and costs its own line: the next is read by itself.
 * The second time takes the escapes away where they stand, and a metric is made of each field.
 */
#include "convert/influx.h"

#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "convert/value.h"
#include "convert/words.h"

#define PRINT "print MEASUREMENT,TAG=VALUE FIELD=VALUE TIME"

enum { STRING_LINES = 256 }; /* no string goes on over more of them */

enum found { FOUND, FOUND_OPEN /* a string goes on in the next line */, FOUND_BAD /* told */ };

struct influx_line {
    struct str measurement, tags, fields, time; /* as they stand there */
};

struct influx_field {
    struct str key, value;
    bool string;
};

/* --- parts --- */

/* `o` is NULL where nothing is to be told. */
static enum found found_bad(struct output *o, const char *at, const char *what)
{
    if (o != NULL)
        (void)output_fault(o, at, "%s", what);
    return FOUND_BAD;
}

/* What is before the first of `ends` that is not escaped. */
static struct str before(struct str s, const char *ends)
{
    size_t n = 0;

    while (n < s.n && (s.s[n] == 0 || strchr(ends, s.s[n]) == NULL))
        n += s.s[n] == '\\' && n + 1 < s.n ? 2 : 1;
    return (struct str){s.s, n < s.n ? n : s.n};
}

static void pass(struct str *rest, size_t n)
{
    *rest = (struct str){rest->s + n, rest->n - n};
}

/* In quotes; `rest` begins with the first. False: it is not closed. */
static bool pass_string(struct str *rest, struct str *string)
{
    size_t n = 1;

    while (n < rest->n && rest->s[n] != '"')
        n += rest->s[n] == '\\' && n + 1 < rest->n ? 2 : 1;
    if (n >= rest->n)
        return false;
    *string = (struct str){rest->s, n + 1};
    pass(rest, n + 1);
    return true;
}

/* KEY=VALUE, and what divides it from the next one. */
static enum found find_field_at(struct output *o, struct str *rest, struct influx_field *f)
{
    f->key = before(*rest, ",= ");
    pass(rest, f->key.n);
    if (rest->n == 0 || rest->s[0] != '=')
        return found_bad(o, f->key.s, "a field without a value: " PRINT);
    pass(rest, 1);
    f->string = rest->n > 0 && rest->s[0] == '"';
    if (f->string && !pass_string(rest, &f->value))
        return FOUND_OPEN;
    if (!f->string) {
        f->value = before(*rest, ", ");
        pass(rest, f->value.n);
    }
    if (rest->n > 0 && rest->s[0] != ',' && rest->s[0] != ' ')
        return found_bad(o, rest->s,
                         "something behind a string's quote: a comma or a blank must follow");
    return FOUND;
}

static enum found find_fields(struct output *o, struct str *rest, struct str *fields)
{
    const char *begin = rest->s;

    for (;;) {
        struct influx_field f;
        enum found found = find_field_at(o, rest, &f);

        if (found == FOUND_OPEN)
            fields->s = f.key.s; /* where it begins, for who has to tell it */
        if (found != FOUND)
            return found;
        if (rest->n == 0 || rest->s[0] == ' ')
            break;
        pass(rest, 1);
    }
    *fields = (struct str){begin, (size_t)(rest->s - begin)};
    return FOUND;
}

static enum found find_parts(struct output *o, struct str rest, struct influx_line *line)
{
    struct str more;
    enum found found;

    line->measurement = before(rest, ", ");
    pass(&rest, line->measurement.n);
    line->tags = (struct str){rest.s, 0};
    if (rest.n > 0 && rest.s[0] == ',') {
        pass(&rest, 1);
        line->tags = before(rest, " ");
        pass(&rest, line->tags.n);
        if (line->tags.n == 0)
            return found_bad(o, rest.s, "a comma, and no tag behind it: " PRINT);
    }
    while (rest.n > 0 && rest.s[0] == ' ')
        pass(&rest, 1);
    if (line->measurement.n == 0)
        return found_bad(o, line->measurement.s, "no measurement: " PRINT);
    if (rest.n == 0)
        return found_bad(o, rest.s, "no fields: " PRINT);
    found = find_fields(o, &rest, &line->fields);
    if (found != FOUND)
        return found;
    (void)word_next(&rest, &line->time);
    if (word_next(&rest, &more))
        return found_bad(o, more.s,
                         "something behind the time: " PRINT "; a blank in a name needs a "
                         "backslash before it");
    return FOUND;
}

/* --- metrics --- */

/* Without the backslashes that are escapes. The line is ours to write to. */
static struct str unescape(struct str s, const char *escaped)
{
    char *to = (char *)s.s;
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] == '\\' && i + 1 < s.n && s.s[i + 1] != 0 && strchr(escaped, s.s[i + 1]) != NULL)
            i++;
        to[n++] = s.s[i];
    }
    return (struct str){to, n};
}

static bool influx_tags(struct output *o, struct str rest, struct tag *tags, uint32_t *n)
{
    while (rest.n > 0) {
        struct str text = before(rest, ","), key = before(text, "=");
        struct tag t = {unescape(key, ",= "), {text.s + text.n, 0}};

        pass(&rest, text.n + (text.n < rest.n));
        if (key.n == text.n)
            return output_fault(o, key.s, "a tag without a value: " PRINT);
        t.val = unescape((struct str){key.s + key.n + 1, text.n - key.n - 1}, ",= ");
        if (!output_tag(o, tags, n, t, "tag", true))
            return false;
    }
    return true;
}

static bool is_boolean(struct str s)
{
    static const char *const WORDS[] = {"t", "true", "f", "false"};

    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (s.n == strlen(WORDS[i]) && strncasecmp(s.s, WORDS[i], s.n) == 0)
            return true;
    return false;
}

/* "-12i", "12u": whole numbers. */
static bool is_integer(struct str s)
{
    size_t sign = s.n > 0 && s.s[0] == '-' && s.s[s.n - 1] == 'i';

    for (size_t i = sign; i + 1 < s.n; i++)
        if (s.s[i] < '0' || s.s[i] > '9')
            return false;
    return s.n > sign + 1;
}

static bool influx_value(struct output *o, const struct influx_field *f, struct value *value)
{
    char what[80], shown[56];
    struct str text = f->value;

    str_show(shown, sizeof shown, f->key);
    (void)snprintf(what, sizeof what, "field %s", shown);
    if (f->string)
        return output_left_out(o, LEFT_STRING, text.s, "%s is a string: left out", what);
    if (is_boolean(text))
        return output_left_out(o, LEFT_BOOLEAN, text.s, "%s is a boolean: left out", what);
    if (text.n > 0 && (text.s[text.n - 1] == 'i' || text.s[text.n - 1] == 'u')) {
        if (!is_integer(text))
            return output_fault(o, text.s,
                                "%s is no integer: print one such as 12i, or a number without the "
                                "letter",
                                what);
        text.n--;
    }
    return value_read(o, text, what, value);
}

static void put_fields(struct output *o, const struct influx_line *line, struct output_metric *m)
{
    struct str rest = line->fields;
    struct influx_field f;

    while (rest.n > 0 && find_field_at(o, &rest, &f) == FOUND) {
        struct value value;

        pass(&rest, rest.n > 0); /* the comma */
        f.key = unescape(f.key, ",= ");
        if (f.key.n == 0) {
            (void)output_fault(o, f.key.s, "a field has no name: give it one");
        } else if (influx_value(o, &f, &value)) {
            m->name[1] = str_eq(f.key, str_of("value")) ? (struct str){NULL, 0} : f.key;
            m->value = value_str(&value);
            (void)output_put(o, m);
        }
    }
}

static void put_point(struct output *o, const struct influx_line *line)
{
    struct tag tags[METRIC_MAX_TAGS];
    struct output_metric m = {.tags = tags};
    struct value time = {.n = 0};

    if (line->time.n > 0 && !value_time(o, line->time, VALUE_SCALED, &time))
        return;
    m.time = value_str(&time);
    if (!influx_tags(o, line->tags, tags, &m.ntags))
        return;
    m.name[0] = unescape(line->measurement, ", ");
    put_fields(o, line, &m);
}

/* Of the string that goes on behind the first line. */
static void tell_open(struct output *o, struct str text)
{
    struct influx_line parts = {.fields = text};
    struct str first;

    if (str_line(&text, &first))
        (void)find_parts(NULL, first, &parts);
    (void)output_fault(o, parts.fields.s,
                       "a string is not closed: end it with a quote, and put a backslash before "
                       "each quote in it");
}

static size_t count_lines(struct str s)
{
    size_t n = 1;

    for (size_t i = 0; i < s.n; i++)
        n += s.s[i] == '\n';
    return n;
}

static enum format_step influx_record(void *state, struct output *o, char *line, size_t n,
                                      bool last)
{
    struct str rest = {line, n};
    struct influx_line parts;
    size_t lines = count_lines(rest);
    enum found found;

    (void)state;
    while (rest.n > 0 && (rest.s[0] == ' ' || rest.s[0] == '\t'))
        pass(&rest, 1);
    if (rest.n == 0 || rest.s[0] == '#')
        return FORMAT_DONE;
    found = find_parts(lines == 1 ? o : NULL, rest, &parts);
    if (found == FOUND_OPEN && !last && lines < STRING_LINES)
        return FORMAT_MORE;
    if (found == FOUND_OPEN || (found == FOUND_BAD && lines > 1))
        tell_open(o, rest);
    if (found != FOUND)
        return FORMAT_FIRST;
    put_point(o, &parts);
    return FORMAT_DONE;
}

const struct format FORMAT_INFLUX = {
    .name = "influx",
    .about = "InfluxDB's line protocol, as scripts for Telegraf print it",
    .record = influx_record,
};
