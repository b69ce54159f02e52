/* convert/putval.c - PUTVAL HOST/PLUGIN-INSTANCE/TYPE-INSTANCE interval=S TIME:VALUE:VALUE...
 *
 * collectd's types.db says how many values a type has, their names, and whether they are counters; what it does not say (a type of
 * the site's own) is a gauge, and several values are numbered.
 *
 * An identifier without a host is one whose program was told none ($COLLECTD_HOSTNAME): then there is no such tag.
 */
#include "convert/putval.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"
#include "convert/putval_types.h"
#include "convert/value.h"
#include "convert/words.h"

enum { VALUES_MOST = 64 };

struct identifier {
    struct str plugin, type;
    struct tag tags[METRIC_MAX_TAGS]; /* host, plugin_instance, type_instance: those there are */
    uint32_t ntags;
};

/* A word, or in quotes whatever is there. False: it is not closed, and has been told. */
static bool quoted_word(struct output *o, struct str *rest, struct str *word)
{
    char *to;
    size_t at = 1;

    *rest = words_trim(*rest);
    if (rest->n == 0 || rest->s[0] != '"') {
        (void)word_next(rest, word);
        return true;
    }
    to = (char *)rest->s + 1; /* the line is ours to write to */
    *word = (struct str){to, 0};
    for (; at < rest->n && rest->s[at] != '"'; at++) {
        at += rest->s[at] == '\\' && at + 1 < rest->n;
        to[word->n++] = rest->s[at];
    }
    if (at >= rest->n)
        return output_fault(o, to - 1, "a quote is not closed before the line ends");
    *rest = (struct str){rest->s + at + 1, rest->n - at - 1};
    return true;
}

/* What is before the first `-`; the instance behind it becomes a tag. */
static bool split_instance(struct output *o, struct str text, const char *key, struct str *name,
                           struct identifier *id)
{
    *name = word_until(&text, '-');
    return text.n == 0 ||
           output_tag(o, id->tags, &id->ntags, (struct tag){str_of(key), text}, "tag", false);
}

static bool read_identifier(struct output *o, struct str text, struct identifier *id)
{
    struct str rest = text, host = word_until(&rest, '/'), plugin = word_until(&rest, '/');
    char shown[64];

    id->ntags = 0;
    str_show(shown, sizeof shown, text);
    if (host.n > 0 &&
        !output_tag(o, id->tags, &id->ntags, (struct tag){str_of("host"), host}, "tag", false))
        return false;
    if (!split_instance(o, plugin, "plugin_instance", &id->plugin, id) ||
        !split_instance(o, rest, "type_instance", &id->type, id))
        return false;
    return (id->plugin.n > 0 && id->type.n > 0) ||
           output_fault(o, text.s,
                        "\"%s\" is no identifier: print HOST/PLUGIN-INSTANCE/TYPE-INSTANCE", shown);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* As collectd has them: `interval`, `meta:KEY`. The length of the name before the `=`; 0: this is none. */
static size_t option_name(struct str s)
{
    size_t n = 0;

    while (n < s.n && (is_letter(s.s[n]) || (n > 0 && ((s.s[n] >= '0' && s.s[n] <= '9') ||
                                                       s.s[n] == '_' || s.s[n] == ':'))))
        n++;
    return n < s.n && s.s[n] == '=' ? n : 0;
}

/* NAME=VALUE, whose value may stand in quotes. interval=S is ours, others are for collectd. What is wrong with it costs it
 * alone, but for a quote that is not closed: false. */
static bool read_option(struct output *o, struct str *rest, size_t n, struct value *interval)
{
    struct str name = {rest->s, n}, word;

    *rest = (struct str){rest->s + n + 1, rest->n - n - 1};
    if (rest->n == 0 || rest->s[0] == ' ' || rest->s[0] == '\t')
        word = (struct str){rest->s, 0}; /* nothing stands behind the = */
    else if (!quoted_word(o, rest, &word))
        return false;
    if (!str_eq(name, str_of("interval")))
        return true;
    if (!value_read(o, word, "interval", interval))
        interval->n = 0;
    else if (strtod(interval->text, NULL) <= 0) {
        char shown[48];

        str_show(shown, sizeof shown, word);
        interval->n = 0;
        (void)output_fault(o, word.s, "interval %s is not more than 0: print seconds", shown);
    }
    return true;
}

/* --- values --- */

struct putval { /* a line, as far as it has been read */
    struct identifier id;
    struct putval_type type;
    struct value interval; /* n == 0: none */
};

static size_t count_parts(struct str list)
{
    size_t n = 1;

    for (size_t i = 0; i < list.n; i++)
        n += list.s[i] == ':';
    return n;
}

/* The i-th of n, of which all have the rest in common. */
static void put_number_of(struct output *o, const struct putval *p, const struct output_metric *all,
                          size_t i, size_t n, struct str text)
{
    struct output_metric m = *all;
    struct value value;
    char number[24];

    if (str_eq(text, (struct str){"U", 1})) {
        (void)output_left_out(o, LEFT_UNKNOWN, text.s, "value is unknown (U): left out");
        return;
    }
    if (!value_read(o, text, "value", &value))
        return;
    if (i < p->type.n) {
        m.type = p->type.value[i].mtype;
        m.name[2] = p->type.value[i].name;
    } else if (n > 1) {
        (void)snprintf(number, sizeof number, "%zu", i);
        m.name[2] = str_of(number);
    }
    m.value = value_str(&value);
    (void)output_put(o, &m);
}

/* TIME:VALUE:VALUE... */
static void put_list(struct output *o, const struct putval *p, struct str list)
{
    struct str rest = list, at = word_until(&rest, ':');
    size_t n = count_parts(rest);
    struct tag meta = {str_of("interval"), value_str(&p->interval)};
    struct output_metric m = {.name = {p->id.plugin, p->id.type},
                              .tags = p->id.tags,
                              .ntags = p->id.ntags,
                              .meta = &meta,
                              .nmeta = p->interval.n > 0};
    struct value time = {.n = 0};

    if (rest.s == at.s + at.n) {
        (void)output_fault(o, list.s, "no value behind a time: print TIME:VALUE, or N:VALUE");
        return;
    }
    if ((p->type.n > 0 && n != p->type.n) || n > VALUES_MOST) {
        (void)output_fault(o, rest.s, "%zu value%s where the type has %s%zu", n, n == 1 ? "" : "s",
                           p->type.n > 0 ? "" : "at most ",
                           p->type.n > 0 ? p->type.n : (size_t)VALUES_MOST);
        return;
    }
    if (!str_eq(at, (struct str){"N", 1}) && !value_time(o, at, VALUE_SECONDS, &time))
        return;
    m.time = value_str(&time);
    for (size_t i = 0; i < n; i++)
        put_number_of(o, p, &m, i, n, word_until(&rest, ':'));
}

static void read_putval(struct output *o, struct str rest)
{
    struct putval p = {.interval = {.n = 0}};
    struct str word;
    bool any = false;

    if (!quoted_word(o, &rest, &word) || !read_identifier(o, word, &p.id))
        return;
    (void)putval_type(p.id.type, &p.type);
    for (rest = words_trim(rest); rest.n > 0; rest = words_trim(rest)) {
        size_t option = option_name(rest);

        if (option == 0) {
            (void)word_next(&rest, &word);
            put_list(o, &p, word);
            any = true;
        } else if (!read_option(o, &rest, option, &p.interval)) {
            return;
        }
    }
    if (!any)
        (void)output_fault(o, rest.s, "no values: print TIME:VALUE, or N:VALUE");
}

static bool same_word(struct str s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.s, word, s.n) == 0;
}

static void tell_command(struct output *o, struct str word)
{
    static const char *const OTHERS[] = {"PUTNOTIF", "FLUSH",        "GETVAL",
                                         "LISTVAL",  "GETTHRESHOLD", "PUTMETRIC"};
    char shown[48];

    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++)
        if (same_word(word, OTHERS[i])) {
            (void)output_left_out(o, LEFT_COMMAND, word.s, "%s is no PUTVAL: left out", OTHERS[i]);
            return;
        }
    str_show(shown, sizeof shown, word);
    (void)output_fault(o, word.s,
                       "\"%s\" is no command: print PUTVAL HOST/PLUGIN/TYPE interval=S TIME:VALUE",
                       shown);
}

static enum format_step putval_record(void *state, struct output *o, char *line, size_t n,
                                      bool last)
{
    struct str rest = {line, n}, word;

    (void)state, (void)last;
    if (!word_next(&rest, &word) || word.s[0] == '#')
        return FORMAT_DONE;
    if (same_word(word, "PUTVAL"))
        read_putval(o, rest);
    else
        tell_command(o, word);
    return FORMAT_DONE;
}

const struct format FORMAT_PUTVAL = {
    .name = "putval",
    .about = "PUTVAL lines, as a program for collectd's exec plugin prints them",
    .cut_is_bad = true,
    .record = putval_record,
};
