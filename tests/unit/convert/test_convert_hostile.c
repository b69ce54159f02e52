/* What no file of tests/data/convert can show: lines and numbers of any length, a hundred thousand labels, lines that are kept in their
 * place, and that memory stays bounded whatever comes. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "convert/formats.h"
#include "convert/stream.h"

struct heard {
    struct buf out, faults;
    uint64_t nout, nfaults, nleft;
    bool count_only;
};

static void hear_json(void *arg, const char *p, size_t n)
{
    struct heard *h = arg;

    h->nout += n;
    if (!h->count_only)
        buf_put(&h->out, p, n);
}

static void hear_fault(void *arg, const struct output_fault *f)
{
    struct heard *h = arg;

    h->nfaults++;
    if (!h->count_only)
        buf_putf(&h->faults, "%" PRIu64 ":%" PRIu64 " %s\n", f->line, f->byte, f->text);
}

static void hear_left_out(void *arg, const struct output_fault *f, enum output_left what)
{
    struct heard *h = arg;

    (void)f, (void)what;
    h->nleft++;
}

static struct stream *open_stream(const char *format, struct heard *h, bool in_place)
{
    static struct output_to to;

    to = (struct output_to){h, hear_json, hear_fault, hear_left_out};
    return stream_new(format_named(format), &to, in_place);
}

static void feed_pieces(struct stream *s, const char *p, size_t n, size_t piece)
{
    for (size_t at = 0; at < n; at += piece)
        stream_take(s, p + at, piece < n - at ? piece : n - at);
}

static void convert(const char *format, struct str in, size_t piece, struct heard *h)
{
    struct stream *s = open_stream(format, h, false);

    cr_assert_not_null(s);
    feed_pieces(s, in.s, in.n, piece);
    stream_end(s, 0);
    stream_free(s);
    buf_putc(&h->out, 0);
    buf_putc(&h->faults, 0);
}

static void forget(struct heard *h)
{
    buf_free(&h->out);
    buf_free(&h->faults);
    *h = (struct heard){0};
}

/* The same whatever the pieces. */
static void expect(const char *format, struct str in, const char *out, const char *faults)
{
    static const size_t PIECES[] = {SIZE_MAX, 1 << 16, (1 << 16) + 1, 4096, 1000, 7, 1};
    struct heard h = {0};

    for (size_t i = 0; i < sizeof PIECES / sizeof *PIECES; i++) {
        convert(format, in, PIECES[i], &h);
        cr_expect_str_eq(h.out.p, out, "%s, pieces of %zu: out: %.300s", format, PIECES[i],
                         h.out.p);
        cr_expect_str_eq(h.faults.p, faults, "%s, pieces of %zu: faults: %.300s", format, PIECES[i],
                         h.faults.p);
        forget(&h);
    }
}

static void put_n(struct buf *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_puts(b, s);
}

/* --- long lines --- */

#define ONE(name) "{\"name\":\"" name "\",\"value\":1}\n"

Test(convert_hostile, long_lines_cost_themselves)
{
    for (size_t n = STREAM_LINE - 2; n < STREAM_LINE + 3; n++) {
        struct buf in = {0};

        buf_puts(&in, "a 1\n#");
        put_n(&in, "x", n - 1);
        buf_puts(&in, "\nb 1\n");
        expect("lines", (struct str){in.p, in.n}, ONE("a") ONE("b"),
               n > STREAM_LINE ? "2:1 a line longer than 65536 bytes: left out, to its end\n" : "");
        buf_free(&in);
    }
}

Test(convert_hostile, a_long_line_at_the_end)
{
    struct buf in = {0};

    buf_puts(&in, "a 1\n");
    put_n(&in, "x", 3 * STREAM_LINE);
    expect("lines", (struct str){in.p, in.n}, ONE("a"),
           "2:1 a line longer than 65536 bytes: left out, to its end\n");
    buf_free(&in);
}

Test(convert_hostile, lines_behind_a_long_one_have_their_numbers)
{
    struct buf in = {0};

    put_n(&in, "x", 2 * STREAM_LINE);
    buf_puts(&in, "\n\nb x\n");
    expect("lines", (struct str){in.p, in.n}, "",
           "1:1 a line longer than 65536 bytes: left out, to its end\n"
           "3:3 value \"x\" is not a number: print one such as 12, -0.5 or 1e9\n");
    buf_free(&in);
}

/* --- strings over many lines --- */

Test(convert_hostile, a_string_that_never_ends)
{
    struct buf in = {0};

    buf_puts(&in, "a v=1,s=\"x\n");
    for (int i = 0; i < 100; i++) {
        buf_puts(&in, "m v=1\n");
        put_n(&in, "x", 700); /* nothing of it is a line */
        buf_puts(&in, "=\n");
    }
    struct heard h = {0};

    convert("influx", (struct str){in.p, in.n}, 999, &h);
    cr_assert_eq(h.out.n - 1, 100 * strlen("{\"name\":\"m.v\",\"value\":1}\n"));
    cr_assert_eq(strncmp(h.faults.p, "1:7 a string is not closed", 26), 0, "%.100s", h.faults.p);
    cr_assert_eq(h.nfaults, 101);
    forget(&h);
    buf_free(&in);
}

Test(convert_hostile, a_string_of_too_many_lines)
{
    struct buf in = {0};

    buf_puts(&in, "a s=\"x\n");
    put_n(&in, "#\n", 300);
    buf_puts(&in, "\",v=1\n");
    expect("influx", (struct str){in.p, in.n}, "",
           "1:3 a string is not closed: end it with a quote, and put a backslash before each quote "
           "in it\n"
           "302:6 no fields: print MEASUREMENT,TAG=VALUE FIELD=VALUE TIME\n");
    buf_reset(&in);
    buf_puts(&in, "a s=\"x\n");
    put_n(&in, "#\n", 200);
    buf_puts(&in, "\",v=1\n");
    expect("influx", (struct str){in.p, in.n}, ONE("a.v"), "");
    buf_free(&in);
}

/* --- many of them --- */

Test(convert_hostile, labels_and_tags_without_number)
{
    struct buf in = {0};

    buf_puts(&in, "good 1\nbad{");
    for (int i = 0; in.n < STREAM_LINE - 100; i++)
        buf_putf(&in, "l%d=\"v\",", i);
    buf_puts(&in, "} 1\ngood 1\n");
    expect("prometheus", (struct str){in.p, in.n}, ONE("good") ONE("good"),
           "2:507 one label too many: at most 64\n");
    buf_reset(&in);
    buf_puts(&in, "bad{");
    for (int i = 0; i < 100000; i++)
        buf_putf(&in, "l%d=\"v\",", i);
    buf_puts(&in, "} 1\ngood 1\n");
    expect("prometheus", (struct str){in.p, in.n}, ONE("good"),
           "1:1 a line longer than 65536 bytes: left out, to its end\n");
    buf_reset(&in);
    buf_puts(&in, "bad");
    for (int i = 0; i < 65; i++)
        buf_putf(&in, ",t%d=v", i);
    buf_puts(&in, " f=1\n");
    expect("influx", (struct str){in.p, in.n}, "", "1:379 one tag too many: at most 64\n");
    buf_free(&in);
}

Test(convert_hostile, fields_of_munin_without_number)
{
    struct buf in = {0};
    struct heard h = {0};

    for (int i = 0; i < 5000; i++)
        buf_putf(&in, "f%d.type DERIVE\n", i);
    for (int i = 0; i < 5000; i++)
        buf_putf(&in, "f%d.value 1\n", i);
    convert("munin", (struct str){in.p, in.n}, 4096, &h);
    cr_assert_eq(h.nfaults, 2 * (5000 - 4096));
    cr_assert_not_null(strstr(h.out.p, "{\"name\":\"f4095\",\"value\":1,\"type\":\"counter\"}"));
    cr_assert_null(strstr(h.out.p, "f4096\"")); /* its type is not known: better none than wrong */
    forget(&h);
    buf_free(&in);
}

/* --- numbers --- */

Test(convert_hostile, numbers_of_any_length)
{
    struct buf in = {0}, out = {0};
    struct heard h = {0};

    buf_puts(&in, "a 1");
    put_n(&in, "0", 308);
    buf_puts(&in, ".5\nb 1");
    put_n(&in, "0", 309);
    buf_puts(&in, "\nc 0.");
    put_n(&in, "0", 398);
    buf_puts(&in, "\nd 0.");
    put_n(&in, "0", 399);
    buf_puts(&in, "\ne 1e");
    put_n(&in, "9", 390);
    buf_puts(&in, "\nf 1e-");
    put_n(&in, "9", 390);
    buf_puts(&in, "\n");
    convert("lines", (struct str){in.p, in.n}, SIZE_MAX, &h);
    cr_assert_str_eq(h.faults.p, "2:3 value is more than a double can be: at most 1.8e308\n"
                                 "4:3 value is 401 bytes long: no number is\n"
                                 "5:3 value is more than a double can be: at most 1.8e308\n");
    buf_puts(&out, "{\"name\":\"a\",\"value\":1");
    put_n(&out, "0", 308);
    buf_puts(&out, ".5}\n{\"name\":\"c\"");
    cr_assert_eq(strncmp(h.out.p, out.p, out.n), 0);
    cr_assert_not_null(strstr(h.out.p, "{\"name\":\"f\""));
    forget(&h);
    buf_free(&out);
    buf_free(&in);
}

/* --- in their place --- */

Test(convert_hostile, a_metric_stands_on_the_line_it_comes_from)
{
    static const char in[] = "# a comment\n\na 1\nbad\nb 1\n\n\n\nc 1\nd 1";
    struct heard h = {0};
    struct stream *s = open_stream("lines", &h, true);

    feed_pieces(s, in, sizeof in - 1, 5);
    stream_end(s, 0);
    stream_free(s);
    buf_putc(&h.out, 0);
    cr_assert_str_eq(h.out.p,
                     "\n\n{\"name\":\"a\",\"value\":1}\n\n{\"name\":\"b\",\"value\":1}\n\n\n\n"
                     "{\"name\":\"c\",\"value\":1}\n{\"name\":\"d\",\"value\":1}");
    forget(&h);
    s = open_stream("influx", &h, true);
    stream_take(s, "a f=1,s=\"\n\n\",g=1\nb f=1\n", 23);
    stream_end(s, 0);
    stream_free(s);
    buf_putc(&h.out, 0);
    cr_assert_str_eq(h.out.p, "{\"name\":\"a.f\",\"value\":1}{\"name\":\"a.g\",\"value\":1}\n\n\n"
                              "{\"name\":\"b.f\",\"value\":1}");
    forget(&h);
}

/* What comes is handed on at once. */
Test(convert_hostile, nothing_waits)
{
    struct heard h = {0};
    struct stream *s = open_stream("lines", &h, false);

    stream_take(s, "a 1\nb", 5);
    cr_assert_eq(h.nout, strlen(ONE("a")));
    stream_take(s, " 1\n", 3);
    cr_assert_eq(h.nout, 2 * strlen(ONE("a")));
    stream_end(s, 0);
    stream_free(s);
    forget(&h);
}

/* --- memory --- */

/* Megabytes of each kind of trouble: what is allocated at the end is not more than some lines. */
Test(convert_hostile, memory_is_bounded)
{
    static const struct {
        const char *format, *line;
    } TROUBLE[] = {
        {"lines", "a;b=c 1 1700000000\n"},
        {"lines", "aaaaaaaaaaaaaaaa"},
        {"influx", "a,t=v f=1,g=\"x\n"},
        {"influx", "a f=\"\\\"\n"},
        {"influx", "a f=\"x\",g=\"\n"},
        {"prometheus", "# TYPE a counter\na{l=\"v\"} 1\n"},
        {"prometheus", "a{l=\""},
        {"nagios", "OK | 'a'=1;2;3 b\n"},
        {"munin", "multigraph x\na.type DERIVE\na.value 1\n"},
        {"putval", "PUTVAL a/b/c N:1\n"},
    };

    for (size_t i = 0; i < sizeof TROUBLE / sizeof *TROUBLE; i++) {
        struct heard h = {.count_only = true};
        struct stream *s = open_stream(TROUBLE[i].format, &h, false);
        struct buf piece = {0};
        long before, after;

        put_n(&piece, TROUBLE[i].line, 1 << 14);
        before = (long)mallinfo2().uordblks;
        for (size_t all = 0; all < 4 << 20; all += piece.n)
            stream_take(s, piece.p, piece.n);
        after = (long)mallinfo2().uordblks;
        cr_expect_lt(after - before, 1 << 20, "%s: %s", TROUBLE[i].format, TROUBLE[i].line);
        stream_end(s, 0);
        stream_free(s);
        buf_free(&piece);
    }
}
