/* convert/stream.c - one buffer, which begins with a line that is not used up
 *
 * It holds two lines' length at most. What a format has asked to have together is looked at again only when it turns out
 * not to be one thing, from its second line on.
 *
 * Without memory what cannot be held is a fault, and the rest of its line is passed over.
 */
#include "convert/stream.h"

#include <stdlib.h>

/* Where in JSON that is passed on we are. */
struct passed {
    size_t depth;
    bool in_string, escaped;
    bool within_line; /* it is not its first byte that comes */
};

struct stream {
    const struct format *format;
    struct output out;
    void *state;
    struct buf in;
    size_t joined;  /* so many bytes of `in` are whole lines that the format wants more of */
    size_t scanned; /* behind them there is no line end up to here */
    uint64_t line;  /* the number of the first one */
    bool skipping;  /* the rest of a line, which has been told */
    struct passed passed;
};

struct stream *stream_new(const struct format *format, const struct output_to *to, bool in_place)
{
    struct stream *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->state = calloc(1, format->state > 0 ? format->state : 1);
    if (s->state == NULL) {
        free(s);
        return NULL;
    }
    s->format = format;
    s->line = 1;
    output_init(&s->out, to, in_place);
    return s;
}

void stream_free(struct stream *s)
{
    if (s == NULL)
        return;
    if (s->format->clear != NULL)
        s->format->clear(s->state);
    output_free(&s->out);
    buf_free(&s->in);
    free(s->state);
    free(s);
}

/* Where faults find their place. */
static void set_place(struct stream *s, size_t begin, size_t end)
{
    s->out.input = (struct str){s->in.p != NULL ? s->in.p + begin : NULL, end - begin};
    s->out.line = s->line;
}

static enum format_step give(struct stream *s, size_t begin, size_t end, bool last)
{
    static const char MARK[] = {(char)0xef, (char)0xbb, (char)0xbf};
    char *p = s->in.p + begin;
    size_t n = end - begin;

    set_place(s, begin, end);
    if (s->line == 1 && n >= sizeof MARK && memcmp(p, MARK, sizeof MARK) == 0) {
        p += sizeof MARK;
        n -= sizeof MARK;
    }
    if (n > 0 && p[n - 1] == '\r')
        n--;
    return s->format->record(s->state, &s->out, p, n, last);
}

/* The lines from `begin` to the line end at `end` are used up. Returns where the next one begins. */
static size_t use_up(struct stream *s, size_t begin, size_t end)
{
    const char *p = s->in.p + begin, *nl;
    size_t n = end - begin;

    for (; n > 0 && (nl = memchr(p, '\n', n)) != NULL; p = nl + 1) {
        s->line++;
        n -= (size_t)(nl - p) + 1;
    }
    s->line++;
    return end + 1;
}

/* Likewise, of the first alone. */
static size_t use_first(struct stream *s, size_t begin, size_t end)
{
    const char *p = s->in.p + begin, *nl = memchr(p, '\n', end - begin);

    return use_up(s, begin, nl != NULL ? begin + (size_t)(nl - p) : end);
}

/* The line at `begin`, up to its end or, if that has not come (end == in.n), without. */
static size_t refuse_long(struct stream *s, size_t begin, size_t end)
{
    set_place(s, begin, end);
    (void)output_fault(&s->out, s->out.input.s, "a line longer than %d bytes: left out, to its end",
                       STREAM_LINE);
    if (end < s->in.n)
        return use_up(s, begin, end);
    s->skipping = true;
    return end;
}

/* Gives what is whole, and as `last` what was to be joined and has become too long. */
static void use_lines(struct stream *s)
{
    size_t begin = 0;

    while (s->in.n > 0) {
        const char *from = s->in.p + s->scanned;
        const char *nl = s->in.n > s->scanned ? memchr(from, '\n', s->in.n - s->scanned) : NULL;
        size_t end = nl != NULL ? s->scanned + (size_t)(nl - from) : s->in.n;
        bool joins = s->joined > begin, too_long = end - begin > STREAM_LINE;
        enum format_step step;

        if (nl == NULL && !too_long)
            break;
        if (too_long && !joins) {
            begin = s->joined = s->scanned = refuse_long(s, begin, end);
            continue;
        }
        if (too_long)
            end = s->joined - 1;
        step = give(s, begin, end, too_long);
        if (step == FORMAT_MORE) {
            s->joined = s->scanned = end + 1;
            continue;
        }
        begin = step == FORMAT_DONE ? use_up(s, begin, end) : use_first(s, begin, end);
        s->joined = s->scanned = begin;
    }
    s->scanned = s->in.n - begin;
    s->joined -= begin;
    buf_drop(&s->in, begin);
}

/* Passes over the rest of a line that has been told. */
static void skip_rest(struct stream *s, const char **p, size_t *n)
{
    const char *nl = memchr(*p, '\n', *n);
    size_t used = nl != NULL ? (size_t)(nl - *p) + 1 : *n;

    *p += used;
    *n -= used;
    if (nl != NULL) {
        s->skipping = false;
        s->line++;
    }
}

static void lose(struct stream *s)
{
    set_place(s, 0, 0);
    (void)output_fault(&s->out, NULL, "no memory for this line: it is lost");
    for (size_t i = 0; i < s->joined; i++)
        s->line += s->in.p[i] == '\n';
    buf_free(&s->in);
    s->joined = s->scanned = 0;
    s->skipping = true;
}

/* A string ends with its line whether it is closed or not, as garnetd has it. And an object that begins a line begins anew,
 * whatever was not closed before: else one missing } would make all that comes one object. */
static void follow(struct passed *j, char c)
{
    bool first = !j->within_line;

    j->within_line = c != '\n';
    if (first && c == '{') {
        j->depth = 1;
    } else if (j->in_string) {
        j->in_string = c != '\n' && (j->escaped || c != '"');
        j->escaped = j->in_string && !j->escaped && c == '\\';
    } else if (c == '"') {
        j->in_string = true;
    } else if (c == '{' || c == '[') {
        j->depth++;
    } else if ((c == '}' || c == ']') && j->depth > 0) {
        j->depth--;
    }
}

static void pass_on_json(struct stream *s, const char *p, size_t n)
{
    uint64_t line_ends = 0;

    for (size_t i = 0; i < n; i++) {
        follow(&s->passed, p[i]);
        line_ends += p[i] == '\n';
    }
    s->out.to->json(s->out.to->arg, p, n);
    s->out.handed_line += line_ends; /* only now: it may have begun a connection */
}

bool stream_is_between(const struct stream *s)
{
    return s->passed.depth == 0 && !s->passed.in_string;
}

uint64_t stream_handed_line(const struct stream *s)
{
    return s->out.handed_line;
}

void stream_take(struct stream *s, const char *p, size_t n)
{
    if (s->format->record == NULL && n > 0)
        pass_on_json(s, p, n);
    while (s->format->record != NULL && n > 0) {
        size_t part = n < STREAM_LINE ? n : STREAM_LINE;

        if (s->skipping) {
            skip_rest(s, &p, &n);
            continue;
        }
        buf_put(&s->in, p, part);
        if (!buf_ok(&s->in)) {
            lose(s);
            continue;
        }
        p += part;
        n -= part;
        use_lines(s);
    }
    output_flush(&s->out);
}

/* --- the end --- */

static bool all_blank(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r')
            return false;
    return true;
}

/* A line without its end: it gets one, or goes. */
static void end_last_line(struct stream *s, int status)
{
    size_t begin = s->joined, n = s->in.n - begin;
    bool bad = s->format->cut_is_bad || status == FORMAT_STATUS_KILLED;

    if (n == 0)
        return;
    if (!bad || all_blank(s->in.p + begin, n)) {
        buf_putc(&s->in, '\n');
        if (!buf_ok(&s->in))
            lose(s);
        return;
    }
    set_place(s, 0, s->in.n);
    (void)output_fault(&s->out, s->in.p + begin,
                       "the last line has no end, so it may be half of one: left out; print a "
                       "line end behind it");
    s->in.n = begin;
    s->scanned = begin;
}

void stream_end(struct stream *s, int status)
{
    end_last_line(s, status);
    use_lines(s);
    while (s->in.n > 0) { /* all of it is joined, and waits for what will not come */
        size_t end = s->joined - 1;
        enum format_step step = give(s, 0, end, true);
        size_t used = step == FORMAT_DONE ? use_up(s, 0, end) : use_first(s, 0, end);

        buf_drop(&s->in, used);
        s->joined = s->scanned = 0;
        use_lines(s);
    }
    s->out.input = (struct str){NULL, 0};
    s->out.line = s->line;
    if (s->format->end != NULL)
        s->format->end(s->state, &s->out, status);
    output_flush(&s->out);
}
