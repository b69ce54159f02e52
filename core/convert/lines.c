/* convert/lines.c - two words or three, with Graphite's tags behind the name
 *
 * As carbon reads them: any blanks divide, a time of -1 is now, of two tags with one key the last counts.
 */
#include "convert/lines.h"

#include "base/text.h"
#include "convert/value.h"
#include "convert/words.h"

enum { NAME, VALUE, TIME, WORDS };

/* ";KEY=VALUE..." behind the name. */
static bool graphite_tags(struct output *o, struct str *name, struct tag *tags, uint32_t *n)
{
    struct str rest = *name, text;
    bool more;

    *name = word_until(&rest, ';');
    *n = 0;
    for (more = rest.s > name->s + name->n; more; more = rest.s > text.s + text.n) {
        struct tag t;

        text = word_until(&rest, ';');
        t.val = text;
        t.key = word_until(&t.val, '=');
        if (t.val.s == t.key.s + t.key.n) {
            char shown[48];

            str_show(shown, sizeof shown, text);
            return output_fault(o, text.s, "tag \"%s\" has no =: write it as KEY=VALUE", shown);
        }
        if (!output_tag(o, tags, n, t, "tag", true))
            return false;
    }
    return true;
}

/* -1, also with a fraction, which is a number to its end: the time of its arrival. */
static bool is_now(struct str time)
{
    return time.n >= 2 && memcmp(time.s, "-1", 2) == 0 && (time.n == 2 || time.s[2] == '.') &&
           value_span(time) == time.n;
}

static enum format_step lines_record(void *state, struct output *o, char *line, size_t n, bool last)
{
    struct str rest = {line, n}, word[WORDS] = {{NULL, 0}}, more;
    struct tag tags[METRIC_MAX_TAGS];
    struct output_metric m = {.tags = tags};
    struct value value, time;
    int words = 0;

    (void)state, (void)last;
    while (words < WORDS && word_next(&rest, &word[words]))
        words++;
    if (words == 0 || word[NAME].s[0] == '#')
        return FORMAT_DONE;
    if (words == 1) {
        (void)output_fault(o, word[NAME].s, "one word alone: print NAME VALUE, or NAME VALUE TIME");
    } else if (word_next(&rest, &more)) {
        (void)output_fault(o, more.s,
                           "a word too many: print NAME VALUE, or NAME VALUE TIME; "
                           "there are no blanks in a name");
    } else if (value_read(o, word[VALUE], "value", &value) &&
               (words < WORDS || is_now(word[TIME]) ||
                value_time(o, word[TIME], VALUE_SECONDS, &time)) &&
               graphite_tags(o, &word[NAME], tags, &m.ntags)) {
        m.name[0] = word[NAME];
        m.value = value_str(&value);
        if (words == WORDS && !is_now(word[TIME]))
            m.time = value_str(&time);
        (void)output_put(o, &m);
    }
    return FORMAT_DONE;
}

const struct format FORMAT_LINES = {
    .name = "lines",
    .about = "NAME VALUE [TIME], as Graphite takes it and Diamond's user scripts print it",
    .record = lines_record,
};
