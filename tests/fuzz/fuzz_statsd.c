/* fuzz_statsd.c - any metric through plugins/statsd, in both dialects, and read back: one line, or
 * two for a negative gauge, and in each the same path, value, type and tags */
#include "formatter.h"
#include "rig/read_graphite.h"

enum { STATSD, DOGSTATSD };
static const char *const dialects[] = {"{to: stdout, path: '{name}.{tags}'}",
                                       "{to: stdout, dialect: dogstatsd, path: '{name}'}", NULL};

/* Cuts the text at the first `c`, and returns what follows. */
static char *cut_at(char *text, char c)
{
    char *at = strchr(text, c);

    HOLDS(at != NULL);
    *at = 0;
    return at + 1;
}

/* A byte of s for each of the text's; "_" for what may not stand there. Returns what follows. */
static char *same_clean(char *text, struct str s, const char *beside)
{
    for (size_t i = 0; i < s.n; i++) {
        bool kept = node_char(s.s[i]) || strchr(beside, s.s[i]) != NULL || (s.s[i] & 0x80) != 0;

        HOLDS(*text++ == (kept ? s.s[i] : '_'));
    }
    return text;
}

/* "key:value,key:value" */
static void same_tags(const struct metric *m, char *text)
{
    for (uint32_t i = 0; i < m->ntags; i++) {
        HOLDS(i == 0 || *text++ == ',');
        text = same_clean(text, m->tags[i].key, "-./");
        HOLDS(*text++ == ':');
        text = same_clean(text, m->tags[i].val, "-./:");
    }
    HOLDS(*text == 0);
}

/* "path:value|type|#tags" */
static void same_line(const struct metric *m, const struct metric *value, char *line, bool dog)
{
    char *text = cut_at(line, ':'), *type = cut_at(text, '|');
    struct metric bare = *m;

    HOLDS(strncmp(line, "_e", 2) != 0 || !dog);
    if (dog) {
        bare.ntags = 0;
        if (m->ntags > 0) {
            char *tags = cut_at(type, '|');

            HOLDS(*tags++ == '#');
            same_tags(m, tags);
        }
    }
    HOLDS(strcmp(type, m->type == METRIC_COUNT ? "c" : "g") == 0);
    same_value(value, text);
    read_plain(&bare, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct input x;
    struct metric zero = {.vtype = METRIC_I64};
    struct formatter *f;
    unsigned lines;
    char *text, *second = NULL;
    bool negative;

    if (!input_read(&x, p, n))
        return 0;
    f = formatter_get(dialects, x.style);
    text = formatted(f, &x.m, &lines);
    if (text == NULL)
        return 0;
    if (x.m.type == METRIC_COUNT && x.m.vtype == METRIC_F64 && x.m.value.f == 0)
        x.m.value.f = 0; /* -0.0 adds nothing, and is written so */
    negative = x.m.type != METRIC_COUNT &&
               (x.m.vtype == METRIC_F64 ? signbit(x.m.value.f) != 0
                                        : x.m.vtype == METRIC_I64 && x.m.value.i < 0);
    HOLDS(lines == (negative ? 2 : 1));
    if (negative)
        second = cut_at(text, '\n');
    same_line(&x.m, negative ? &zero : &x.m, text, f == &formatters[DOGSTATSD]);
    if (negative)
        same_line(&x.m, &x.m, second, f == &formatters[DOGSTATSD]);
    free(text);
    return 0;
}
