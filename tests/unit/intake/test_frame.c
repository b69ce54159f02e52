/* tests/unit/intake/test_frame.c - the scanner alone: what it finds, wherever the stream is cut */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "intake/frame.h"
#include "intake/json.h"
#include "rig/chance.h"

enum { DEPTH = 4, LONGEST = 60 };

static size_t scanned; /* bytes, those that were handed in again included */

static void feed(struct frame *f, struct buf *kept, const char *p, size_t n, struct buf *log);

/* The last f->again bytes of what was kept, once more. */
static void feed_again(struct frame *f, struct buf *kept, struct buf *log)
{
    struct buf again = {0};

    cr_assert_leq(f->again, kept->n, "it goes back to bytes that are gone");
    buf_put(&again, kept->p + kept->n - f->again, f->again);
    buf_reset(kept);
    feed(f, kept, again.p, again.n, log);
    buf_free(&again);
}

/* Feeds one piece as a client would, keeping what the scanner says must be kept. */
static void feed(struct frame *f, struct buf *kept, const char *p, size_t n, struct buf *log)
{
    while (n > 0) {
        size_t used;
        enum frame_result r = frame_scan(f, p, n, &used);

        cr_assert_leq(used, n);
        cr_assert(r != FRAME_MORE || used == n);
        scanned += used;
        p += used;
        n -= used;
        buf_put(kept, p - used, used);
        cr_assert_leq(f->length, kept->n, "it asks for bytes that are gone");
        cr_assert(r == FRAME_FAULT || f->again == 0);
        if (r == FRAME_OBJECT) {
            buf_putf(log, "%" PRIu64 ":%" PRIu64 " ", f->start.line, f->start.byte);
            buf_put(log, kept->p + kept->n - f->length, f->length);
            buf_putc(log, '\n');
        } else if (r == FRAME_FAULT) {
            buf_putf(log, "%" PRIu64 ":%" PRIu64 " ! %s\n", f->fault.line, f->fault.byte,
                     f->why.text);
            cr_assert_eq(f->length, 0);
            if (f->again > 0)
                feed_again(f, kept, log);
        }
        cr_assert_leq(f->length, f->max_value, "an object may not need this much memory");
        if (r != FRAME_FAULT)
            buf_drop(kept, kept->n - f->length);
        else if (f->length == 0)
            buf_reset(kept);
    }
}

/* The stream ends, or that is how it looks. */
static void feed_end(struct frame *f, struct buf *kept, struct buf *log)
{
    while (frame_end(f, "unfinished") == FRAME_FAULT) {
        buf_putf(log, "%" PRIu64 ":%" PRIu64 " ! %s\n", f->fault.line, f->fault.byte, f->why.text);
        if (f->again > 0)
            feed_again(f, kept, log);
    }
}

/* The log of p[0..n), cut at `cut`; 0: cut everywhere. */
static void scan(const char *p, size_t n, size_t cut, struct buf *log)
{
    struct frame f;
    struct buf kept = {0};

    frame_init(&f, DEPTH, LONGEST);
    buf_reset(log);
    if (cut == 0) {
        for (size_t i = 0; i < n; i++)
            feed(&f, &kept, p + i, 1, log);
    } else {
        feed(&f, &kept, p, cut < n ? cut : n, log);
        if (cut < n)
            feed(&f, &kept, p + cut, n - cut, log);
    }
    feed_end(&f, &kept, log);
    buf_putc(log, 0);
    buf_free(&kept);
}

static const struct {
    const char *input, *want;
} CASES[] = {
    {"", ""},
    {"{}", "1:1 {}\n"},
    {" \n\t{\"a\":[1,{\"b\":null}]} {}", "2:2 {\"a\":[1,{\"b\":null}]}\n2:23 {}\n"},
    {"[{},{}]{}", "1:2 {}\n1:5 {}\n1:8 {}\n"},
    {"[\n]\n{}", "3:1 {}\n"},
    {"{\"a\":\"\\\"}\\\\\"}{}", "1:1 {\"a\":\"\\\"}\\\\\"}\n1:14 {}\n"},
    {"{\"a\" 1}\n{}", "1:6 ! expected : after the key\n2:1 {}\n"},
    {"{\"a\":}{}\n{}", "1:6 ! expected a value\n2:1 {}\n"},
    {"{\"a\":1,5}\n{}",
     "1:8 ! expected a key, found a digit: a number's decimal point is a dot\n2:1 {}\n"},
    {"{\"a\":1,}\n{}", "1:8 ! expected a key in double quotes\n2:1 {}\n"},
    {"{'a':1}\n{}",
     "1:2 ! expected a key in double quotes: JSON's strings need double quotes\n2:1 {}\n"},
    {"{\"a\":[1}\n{}", "1:8 ! expected , or ]\n2:1 {}\n"},
    {"{\"a\":[1,]}\n{}", "1:9 ! expected a value\n2:1 {}\n"},
    {"{\"a\":[]}", "1:1 {\"a\":[]}\n"},
    {"{\"a\":1\n{}", "2:1 ! expected , or }\n2:1 {}\n"},
    {"{\"a\":1\n {}", "2:2 ! expected , or }\n2:2 {}\n"},
    {"{\"a\":1\n[{}]", "2:1 ! expected , or }\n2:2 {}\n"},
    {"{\"a\":1 {}\n{}", "1:8 ! expected , or }\n2:1 {}\n"},
    {"{\"a\n{}", "1:4 ! newline in a string: close it before the line ends\n2:1 {}\n"},
    {"{\"a\\\n{}", "1:5 ! newline in a string: close it before the line ends\n2:1 {}\n"},
    {"{\"a\x01\":1}\n{}", "1:4 ! control byte 0x01 in a string: leave it out\n2:1 {}\n"},
    {"{\x02}\n{}", "1:2 ! control byte 0x02: this is not text\n2:1 {}\n"},
    {"{\"a\":\n", "1:1 ! unfinished\n"},
    {"{\"a\":\n{}", "1:1 ! unfinished\n2:1 {}\n"},
    {"{\"a\":\n{}\n{}", "3:1 ! expected , or }\n2:1 {}\n3:1 {}\n"},
    {"{\"a\":\n {\"b\":\n{}\n{}", "4:1 ! expected , or }\n4:1 ! expected , or }\n3:1 {}\n4:1 {}\n"},
    {"{\"a\":\n{},\n{}", "3:1 ! expected a key in double quotes\n2:1 {}\n3:1 {}\n"},
    {"{\"a\":\n{},\"b\":x'\n{}",
     "2:9 ! expected , or }: JSON's strings need double quotes\n2:1 {}\n3:1 {}\n"},
    {"{\"a\":\n[{}]\n]\n{}", "3:1 ! expected , or }\n2:2 {}\n4:1 {}\n"},
    {"{\"a\":\n{}}\n{}", "1:1 {\"a\":\n{}}\n3:1 {}\n"},
    {"[{\"a\":\n{},{}]\n{}", "2:4 ! expected a key in double quotes\n2:1 {}\n2:4 {}\n3:1 {}\n"},
    {"{\"a\":1234567890123456789012345678901234567890123456789012,\"b\":\n{}}\n{}",
     "1:1 ! longer than 60 bytes\n3:1 {}\n"},
    {"{\"a\":\n{\"b\":12345678901234567890123456789012345678901234567890}\n{}",
     "1:1 ! longer than 60 bytes\n2:1 "
     "{\"b\":12345678901234567890123456789012345678901234567890}\n3:1 {}\n"},
    {"[{}", "1:2 {}\n1:4 ! the array is not closed: expected ]\n"},
    {"[{}\n{}", "1:2 {}\n2:1 ! expected , or ] after an array's element\n2:1 {}\n"},
    {"[{} {}]\n{}", "1:2 {}\n1:5 ! expected , or ] after an array's element\n2:1 {}\n"},
    {"[{\"a\"},\n{}\n,{}\n]\n{}", "1:6 ! expected : after the key\n2:1 {}\n3:2 {}\n5:1 {}\n"},
    {"]\n{}", "1:1 ! expected an object: {\"name\":...,\"value\":...}\n2:1 {}\n"},
    {",{}\n{}", "1:1 ! expected an object: {\"name\":...,\"value\":...}\n2:1 {}\n"},
    {"[1,{}]", "1:2 ! expected an object: {\"name\":...,\"value\":...}\n1:4 {}\n"},
    {"[[[{}]],{}]", "1:2 ! expected an object: {\"name\":...,\"value\":...}\n1:9 {}\n"},
    {"[\"]\\\"{\",{}]", "1:2 ! expected an object: {\"name\":...,\"value\":...}\n1:9 {}\n"},
    {"[[1,}\n{}", "1:2 ! expected an object: {\"name\":...,\"value\":...}\n2:1 {}\n"},
    {"\xef\xbb\xbf{}", "1:4 {}\n"},
    {"\xef\xbb{}\n{}", "1:3 ! expected an object: {\"name\":...,\"value\":...}\n2:1 {}\n"},
    {"{\"a\":[[[]]]}\n", "1:1 {\"a\":[[[]]]}\n"},
    {"{\"a\":[[[[]]]]}\n{}", "1:9 ! nested deeper than 4 levels\n2:1 {}\n"},
    {"{\"a\":[[[\n[]]]]}\n{}", "2:1 ! nested deeper than 4 levels\n3:1 {}\n"},
    {"{\"a\":\"123456789012345678901234567890123456789012345678901\"}{}",
     "1:1 {\"a\":\"123456789012345678901234567890123456789012345678901\"}\n1:60 {}\n"},
    {"{\"a\":\"12345678901234567890123456789012345678901234567890123\"}{}",
     "1:1 ! longer than 60 bytes\n1:62 {}\n"},
    {"{\"a\":\"1234567890123456789012345678901234567890123456789012345\"}{}",
     "1:1 ! longer than 60 bytes\n1:64 {}\n"},
    {"{\"a\":\"1234567890123456789012345678901234567890123456789012345\" 1}\n{}",
     "1:1 ! longer than 60 bytes\n2:1 {}\n"},
    {"{\"a\":\"1234567890123456789012345678901234567890123456789012345\"\n{}",
     "1:1 ! longer than 60 bytes\n2:1 {}\n"},
    {"{\"a\":\"1234567890123456789012345678901234567890123456789012345",
     "1:1 ! longer than 60 bytes\n"},
};

Test(frame, every_case_cut_everywhere)
{
    struct buf log = {0};

    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const char *in = CASES[i].input;

        for (size_t cut = 0; cut <= strlen(in) + 1; cut++) {
            scan(in, strlen(in), cut, &log);
            cr_expect_str_eq(log.p, CASES[i].want, "%s, cut at %zu: %s", in, cut, log.p);
        }
    }
    buf_free(&log);
}

/* `text` has one fault that is told, at byte `at`, and others that are known by then. */
static void known_faults_cost_no_words(const char *text, size_t at)
{
    struct frame f;
    size_t n = strlen(text), used;

    frame_init(&f, DEPTH, LONGEST);
    cr_assert_eq(frame_scan(&f, text, n, &used), FRAME_FAULT);
    cr_assert_eq(used, at);
    why_set(&f.why, "as it was");
    for (size_t from = used - f.again; from < n; from += used)
        cr_assert_neq(frame_scan(&f, text + from, n - from, &used), FRAME_FAULT);
    cr_assert_str_eq(f.why.text, "as it was");
}

Test(frame, what_is_known_is_not_put_into_words_again)
{
    known_faults_cost_no_words("{\"a\":\n{\"b\":1}\n!\n", 14);
    known_faults_cost_no_words("[[1 2]]\n", 1);
}

Test(frame, nul_bytes_are_no_text)
{
    struct buf log = {0};

    scan("\0\n{\"a\0\"}\n{}", 11, SIZE_MAX, &log);
    cr_assert_str_eq(log.p, "1:1 ! control byte 0x00: this is not text\n"
                            "2:4 ! control byte 0x00 in a string: leave it out\n3:1 {}\n");
    buf_free(&log);
}

Test(frame, idle_value_is_skipped)
{
    struct frame f;
    struct buf kept = {0}, log = {0};

    frame_init(&f, DEPTH, LONGEST);
    feed(&f, &kept, "[{},{\"a\":", 9, &log);
    cr_assert(frame_inside(&f));
    cr_assert_eq(frame_end(&f, "too slow"), FRAME_FAULT);
    cr_assert_str_eq(f.why.text, "too slow");
    cr_assert_eq(f.fault.byte, 5);
    cr_assert(!frame_inside(&f));
    cr_assert_eq(f.length, 0);
    feed(&f, &kept, "1},{}\n,{}]\n{}", 13, &log);
    buf_putc(&log, 0);
    cr_assert_str_eq(log.p, "1:2 {}\n2:2 {}\n3:1 {}\n");
    buf_free(&kept);
    buf_free(&log);
}

Test(frame, between_values_nothing_is_idle)
{
    struct frame f;
    size_t used;

    frame_init(&f, DEPTH, LONGEST);
    cr_assert_eq(frame_scan(&f, "[ ", 2, &used), FRAME_MORE);
    cr_assert(!frame_inside(&f));
    frame_init(&f, DEPTH, LONGEST);
    cr_assert_eq(frame_scan(&f, " \n", 2, &used), FRAME_MORE);
    cr_assert(!frame_inside(&f));
    cr_assert_eq(frame_end(&f, "x"), FRAME_MORE);
}

/* --- cut short --- */

static const char LINE[] = "{\"name\":\"next\",\"value\":2}\n";

static const char *const SHAPES[] = {
    "{\"name\":\"a\",\"value\":1}",
    "{\"name\":\"a\",\"values\":{\"b\":-1.5e3,\"c\":2},\"tags\":{\"k\":\"v\\n\\u00e9\"}}",
    "{\"name\":\"a\",\"x\":[1,[],[2,{}],{\"y\":[]}],\"value\":1}",
    "{\n  \"name\": \"a\",\n  \"values\":\n  {\n    \"b\": 1,\n    \"c\": 2\n  }\n}",
    "{\n  \"x\": [\n    [\n      1\n    ],\n    {\n    }\n  ],\n  \"value\": 1\n}",
    "[{\"name\":\"a\",\"value\":1},\n{\"name\":\"b\",\"value\":2}\n]",
};

/* Everything that may follow: it too is cut at every byte, so two objects in a row are. */
static void check_cut(const char *cut, size_t n, const char *follows, size_t most)
{
    struct frame f;
    struct buf in = {0}, kept = {0}, log = {0};

    buf_put(&in, cut, n);
    buf_putc(&in, '\n');
    buf_puts(&in, follows);
    frame_init(&f, 16, 4096);
    for (size_t i = 0; i < in.n; i += most)
        feed(&f, &kept, in.p + i, most < in.n - i ? most : in.n - i, &log);
    feed_end(&f, &kept, &log);
    buf_putc(&log, 0);
    cr_assert_not_null(strstr(log.p, " {\"name\":\"next\",\"value\":2}\n"), "%.*s\n%s", (int)in.n,
                       in.p, log.p);
    buf_free(&in);
    buf_free(&kept);
    buf_free(&log);
}

Test(frame, cut_short_anywhere_the_next_line_is_found, .timeout = 60)
{
    char line[512];

    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++)
        for (size_t n = 0; n <= strlen(SHAPES[i]); n++) {
            check_cut(SHAPES[i], n, LINE, SIZE_MAX / 2);
            check_cut(SHAPES[i], n, LINE, 1);
            for (size_t j = 0; j < sizeof SHAPES / sizeof *SHAPES; j++)
                for (size_t m = 0; m <= strlen(SHAPES[j]); m += 1 + m / 8) {
                    (void)snprintf(line, sizeof line, "%.*s\n%s", (int)m, SHAPES[j], LINE);
                    check_cut(SHAPES[i], n, line, SIZE_MAX / 2);
                    check_cut(SHAPES[i], n, line, 7);
                }
        }
}

/* Each line goes back to one before it, as often as the nesting allows and no more. */
Test(frame, going_back_is_bounded, .timeout = 60)
{
    static const char *const LINKS[] = {"{\"a\":\n",
                                        "{\"a\":[\n",
                                        "{\"a\":[1,2,{\"b\":\n",
                                        "{\"a\":[\n{},\n{},\n{},\n",
                                        "{\"a\":[\n[[[\n[\n",
                                        "[{\"a\":\n",
                                        "{\"a\":{\"b\":\n{\"c\":[[[\n[[[[[[[[[[[\n"};
    enum { DEEP = 16 };

    for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++)
        for (size_t most = 1; most < SIZE_MAX / 4096; most *= 4096) {
            struct frame f;
            struct buf in = {0}, kept = {0}, log = {0};

            while (in.n < 200000)
                buf_puts(&in, LINKS[i]);
            frame_init(&f, DEEP, 65536);
            scanned = 0;
            for (size_t at = 0; at < in.n; at += most)
                feed(&f, &kept, in.p + at, most < in.n - at ? most : in.n - at, &log);
            feed_end(&f, &kept, &log);
            cr_assert_leq(scanned, (DEEP + 1) * in.n, "%s: %zu of %zu", LINKS[i], scanned, in.n);
            buf_free(&in);
            buf_free(&kept);
            buf_free(&log);
        }
}

/* --- random damage --- */

static uint64_t seed = 20260101;

static size_t below(size_t n)
{
    return (size_t)random_below(&seed, n);
}

static void mutate(struct buf *b)
{
    static const char SPICE[] = "{}[]\",:\\\n \t0-.eEtfn'\xff\xc3\xa9\x01/u";

    for (size_t k = 1 + below(4); k > 0 && b->n > 0; k--) {
        size_t at = below(b->n), n = 1 + below(b->n - at);

        switch (below(4)) {
        case 0:
            b->p[at] = SPICE[below(sizeof SPICE)];
            break;
        case 1: /* cut out */
            memmove(b->p + at, b->p + at + n, b->n - at - n);
            b->n -= n;
            break;
        case 2: /* cut off */
            b->n = at;
            break;
        default: /* repeat */
            n = n < 40 ? n : 40;
            if (buf_room(b, n) == NULL)
                return;
            memcpy(b->p + b->n, b->p + at, n);
            b->n += n;
        }
    }
}

static unsigned metrics, faults;

static void count_metric(void *arg, const struct metric *m)
{
    struct metric_fault f;

    cr_assert(metric_check(m, arg, &f), "an invalid metric was handed on: %s %s", f.field,
              f.why.text);
    metrics++;
}

static void count_bad(void *arg, const struct json_fault *f)
{
    (void)arg;
    cr_assert_neq(f->what.why.text[0], 0);
    faults++;
}

/* Reads an object from a block of exactly its size: the sanitizer sees any step outside. */
static void read_objects(const char *log, size_t n)
{
    struct metric_limits limits = {64, 8, 64};
    const struct json_defaults d = {.limits = &limits, .time_ns = 1};
    const struct json_sink sink = {&limits, count_metric, count_bad};
    struct json_fault f;
    char *copy = malloc(n);

    memcpy(copy, log, n);
    if (json_read(copy, n, &d, &sink, &f) == JSON_FAULT) {
        cr_assert_leq(f.offset, n);
        cr_assert(metric_text_ok(str_of(f.what.why.text)), "%s", f.what.why.text);
        cr_assert(metric_text_ok(str_of(f.what.field)), "%s", f.what.field);
        faults++;
    }
    free(copy);
}

static void read_all(const char *p, size_t n)
{
    struct frame f;
    size_t used;

    frame_init(&f, 32, 4096);
    for (; n > 0; p += used, n -= used)
        if (frame_scan(&f, p, n, &used) == FRAME_OBJECT)
            read_objects(p + used - f.length, f.length);
}

Test(frame, random_damage, .timeout = 100)
{
    static const char *const SEEDS[] = {
        "{\"name\":\"cpu.user\",\"value\":12.5,\"time\":1700000000.25,\"tags\":{\"cpu\":\"0\"}}\n{}"
        "\n",
        "[{\"name\":\"d\",\"values\":{\"a\":1,\"b\":18446744073709551615}},\n{\"name\":\"x\"}]\n",
        "{\"name\":\"\xc3\xa9\\u00e9\\ud83d\\ude00\",\"value\":-1e-3,\"meta\":{\"a\":\"b\"}}\n[[1],"
        "{}]\n",
        "{\"name\":\"a\",\"tags\":\n{\"a\":\n{},\n\"b\":[\n[],\n{}]},\"value\":1}\n",
        "{\n  \"name\": \"a\",\n  \"value\": 9223372036854775808,\n  \"unit\": "
        "\"B\"\n}\n{\"ack\":true}\n",
    };
    struct buf b = {0}, whole = {0}, cut = {0};

    for (int i = 0; i < 100000; i++) {
        buf_reset(&b);
        buf_puts(&b, SEEDS[below(5)]);
        buf_puts(&b, SEEDS[below(5)]);
        mutate(&b);
        if (b.n == 0)
            continue;
        scan(b.p, b.n, SIZE_MAX, &whole);
        scan(b.p, b.n, i % 8 == 0 ? 0 : 1 + below(b.n), &cut);
        cr_assert_eq(whole.n, cut.n, "%d: %.*s\n%s\n%s", i, (int)b.n, b.p, whole.p, cut.p);
        cr_assert_eq(memcmp(whole.p, cut.p, whole.n), 0, "%d: %.*s\n%s\n%s", i, (int)b.n, b.p,
                     whole.p, cut.p);
        read_all(b.p, b.n);
    }
    cr_assert_gt(metrics, 10000);
    cr_assert_gt(faults, 10000);
    buf_free(&b);
    buf_free(&whole);
    buf_free(&cut);
}
