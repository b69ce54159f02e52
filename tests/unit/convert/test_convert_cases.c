/* Every format has its cases, a folder each in tests/data/convert/FORMAT: in (what a script prints), out (the metrics, one a line), and
 * where there are any, faults (LINE:BYTE TEXT; `left out` before the text says that it is no fault) and status (the exit status, or
 * "killed"). Each is read whole, cut in two at every byte (a large one at 4096 places), and a byte at a time, and each metric is one that the intake takes. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "convert/asked.h"
#include "convert/formats.h"
#include "convert/stream.h"
#include "intake/json.h"
#include "rig/files.h"

struct heard {
    struct buf out, faults;
};

static void hear_json(void *arg, const char *p, size_t n)
{
    buf_put(&((struct heard *)arg)->out, p, n);
}

static void hear_fault(void *arg, const struct output_fault *f)
{
    buf_putf(&((struct heard *)arg)->faults, "%" PRIu64 ":%" PRIu64 " %s\n", f->line, f->byte,
             f->text);
}

static void hear_left_out(void *arg, const struct output_fault *f, enum output_left what)
{
    cr_assert_lt(what, LEFT_KINDS);
    buf_putf(&((struct heard *)arg)->faults, "%" PRIu64 ":%" PRIu64 " left out %s\n", f->line,
             f->byte, f->text);
}

/* A piece of just that size, for the sanitizer's sake. */
static void take(struct stream *s, const char *p, size_t n)
{
    char *exact = malloc(n + (n == 0));

    cr_assert_not_null(exact);
    memcpy(exact, p, n);
    stream_take(s, exact, n);
    free(exact);
}

/* The first piece has `first` bytes, all others `others`. */
static void convert(const struct format *f, struct str in, size_t first, size_t others, int status,
                    struct heard *h)
{
    const struct output_to to = {h, hear_json, hear_fault, hear_left_out};
    struct stream *s = stream_new(f, &to, false);

    cr_assert_not_null(s);
    for (size_t at = 0, n = first; at < in.n; at += n, n = others) {
        if (n > in.n - at)
            n = in.n - at;
        take(s, in.s + at, n);
    }
    stream_end(s, status);
    stream_free(s);
    cr_assert(buf_ok(&h->out) && buf_ok(&h->faults));
    buf_putc(&h->out, 0);
    buf_putc(&h->faults, 0);
}

static void forget(struct heard *h)
{
    buf_free(&h->out);
    buf_free(&h->faults);
}

/* --- what the intake says --- */

static void take_metric(void *arg, const struct metric *m)
{
    (void)m;
    ++*(unsigned *)arg;
}

static void take_bad(void *arg, const struct json_fault *f)
{
    (void)arg;
    cr_assert_fail("%s: %s", f->what.field, f->what.why.text);
}

static void check_metrics(const char *name, const char *text)
{
    static const struct metric_limits limits = {METRIC_HARD_STRING, METRIC_MAX_TAGS,
                                                METRIC_TAG_LENGTH};
    static const struct json_defaults d = {.limits = &limits, .time_ns = 1};
    unsigned n = 0, lines = 0;
    struct json_sink sink = {&n, take_metric, take_bad};
    struct str rest = str_of(text), line;
    struct json_fault f;

    for (; str_line(&rest, &line); lines++)
        cr_assert_eq(json_read(line.s, line.n, &d, &sink, &f), JSON_METRICS, "%s: %.*s: %s: %s",
                     name, (int)line.n, line.s, f.what.field, f.what.why.text);
    cr_assert_eq(n, lines, "%s", name);
}

/* --- cases --- */

static int status_of(const char *text)
{
    if (strncmp(text, "killed", 6) == 0)
        return FORMAT_STATUS_KILLED;
    return text[0] != 0 ? atoi(text) : FORMAT_STATUS_UNKNOWN;
}

static const char *part(struct arena *a, const char *folder, const char *file)
{
    const char *text = read_text(a, arena_printf(a, "%s/%s", folder, file));

    cr_assert_not_null(text);
    return text;
}

/* Files may have NULs in them, which read_text() does not tell. */
static void read_input(const char *folder, struct buf *in)
{
    char path[4096];
    FILE *f;
    int c;

    (void)snprintf(path, sizeof path, "%s/in", folder);
    f = fopen(path, "re");
    cr_assert_not_null(f, "%s", path);
    while ((c = getc(f)) != EOF)
        buf_putc(in, (char)c);
    (void)fclose(f);
    cr_assert(buf_ok(in));
}

static void check_pieces(const char *name, const struct format *f, struct str in, size_t first,
                         size_t others, int status, const struct heard *whole)
{
    struct heard h = {0};

    convert(f, in, first, others, status, &h);
    cr_assert_str_eq(h.out.p, whole->out.p, "%s: pieces of %zu and %zu bytes: out", name, first,
                     others);
    cr_assert_str_eq(h.faults.p, whole->faults.p, "%s: pieces of %zu and %zu bytes: faults", name,
                     first, others);
    forget(&h);
}

static void run_case(const struct format *f, const char *folder)
{
    struct arena a = {0};
    struct buf in = {0};
    struct heard whole = {0};
    int status = status_of(part(&a, folder, "status"));
    struct str text;

    read_input(folder, &in);
    text = (struct str){in.p, in.n};
    convert(f, text, in.n, in.n, status, &whole);
    cr_expect_str_eq(whole.out.p, part(&a, folder, "out"), "%s: got:\n%s", folder, whole.out.p);
    cr_expect_str_eq(whole.faults.p, part(&a, folder, "faults"), "%s: got:\n%s", folder,
                     whole.faults.p);
    check_metrics(folder, whole.out.p);
    for (size_t cut = 1; cut < in.n; cut += 1 + in.n / 4096)
        check_pieces(folder, f, text, cut, in.n, status, &whole);
    check_pieces(folder, f, text, 1, 1, status, &whole);
    forget(&whole);
    buf_free(&in);
    arena_free(&a);
}

/* Cut off at every byte: whatever comes of it, the intake takes it, and the metrics before that line are the same. */
static void run_truncated(const struct format *f, const char *folder)
{
    struct buf in = {0};

    read_input(folder, &in);
    for (size_t n = 0; n < in.n; n += 1 + in.n / 4096) {
        struct heard h = {0};

        convert(f, (struct str){in.p, n}, n, n, FORMAT_STATUS_KILLED, &h);
        check_metrics(folder, h.out.p);
        forget(&h);
    }
    buf_free(&in);
}

static void run_cases(const struct format *f, void (*run)(const struct format *, const char *),
                      int least)
{
    char path[4096];
    struct dirent *entry;
    int cases = 0;
    DIR *d;

    (void)snprintf(path, sizeof path, TEST_DATA "/convert/%s", f->name);
    d = opendir(path);
    cr_assert_not_null(d, "%s has no cases", f->name);
    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, TEST_DATA "/convert/%s/%s", f->name, entry->d_name);
        run(f, path);
        cases++;
    }
    (void)closedir(d);
    cr_assert_geq(cases, least, "%s has only %d cases", f->name, cases);
}

#define CASES(format, least)                                                                       \
    Test(convert_cases, format)                                                                    \
    {                                                                                              \
        run_cases(format_named(#format), run_case, least);                                         \
    }                                                                                              \
    Test(convert_cases, format##_truncated)                                                        \
    {                                                                                              \
        run_cases(format_named(#format), run_truncated, least);                                    \
    }

CASES(lines, 8)
CASES(influx, 10)
CASES(prometheus, 12)
CASES(nagios, 10)
CASES(munin, 8)
CASES(putval, 8)

Test(convert_cases, json_is_passed_on)
{
    static const char text[] = "{\"name\":\"a\",\n\"value\":1}\x00[not even JSON";
    struct heard h = {0};

    convert(format_named("json"), (struct str){text, sizeof text - 1}, 3, 5, 0, &h);
    cr_assert_eq(h.out.n, sizeof text);
    cr_assert_arr_eq(h.out.p, text, sizeof text);
    cr_assert_str_eq(h.faults.p, "");
    forget(&h);
}

/* So that a connection never ends within an object. */
Test(convert_cases, json_is_passed_on_up_to_between_objects)
{
    static const struct {
        const char *text;
        bool between;
    } PARTS[] = {
        {"\n", true},
        {"{\"name\":\"a", false},
        {"\\", false},
        {"\"}", false},
        {"\",\n\"tags\":{", false},
        {"}", false},
        {"}", true},
        {"{\"a\": \"", false},
        {"x\\\\\"}\n", true},
        {"{\"not closed}\n", false},
        {"}", true},
        {"]}", true},
        {"[1,", false},
        {"2]\n", true},
        {"{\"never\": [closed\n", false},
        {"{\"a\":1}\n", true},
    };
    struct heard h = {0};
    const struct output_to to = {&h, hear_json, hear_fault, hear_left_out};
    struct stream *s = stream_new(format_named("json"), &to, true);

    cr_assert(stream_is_between(s));
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        stream_take(s, PARTS[i].text, strlen(PARTS[i].text));
        cr_expect_eq(stream_is_between(s), PARTS[i].between, "part %zu: %s", i, PARTS[i].text);
    }
    cr_assert_eq(stream_handed_line(s), 8);
    stream_end(s, 0);
    stream_free(s);
    forget(&h);
}

Test(convert_cases, the_line_of_what_is_handed_on_next)
{
    struct heard h = {0};
    const struct output_to to = {&h, hear_json, hear_fault, hear_left_out};
    struct stream *s = stream_new(format_named("lines"), &to, true);

    cr_assert_eq(stream_handed_line(s), 1);
    stream_take(s, "#\n#\na 1\n#\n", 10);
    cr_assert_eq(stream_handed_line(s), 3); /* the end of line 3 comes with what follows it */
    stream_take(s, "b 1\n", 4);
    cr_assert_eq(stream_handed_line(s), 5);
    stream_end(s, 0);
    stream_free(s);
    forget(&h);
}

Test(convert_cases, every_format_has_some_and_its_help)
{
    for (size_t i = 0; format_at(i) != NULL; i++) {
        char path[4096], help[256];

        (void)snprintf(help, sizeof help, "  %-11s %s\n", format_at(i)->name, format_at(i)->about);
        cr_assert_not_null(strstr(ASKED_FORMATS, help), "%s", help);

        cr_assert_eq(format_named(format_at(i)->name), format_at(i));
        (void)snprintf(path, sizeof path, TEST_DATA "/convert/%s", format_at(i)->name);
        cr_assert(strcmp(format_at(i)->name, "json") == 0 || access(path, R_OK) == 0, "%s", path);
    }
    cr_assert_null(format_named("nonsense"));
    cr_assert_null(format_named(""));
}
