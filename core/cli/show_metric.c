/* cli/show_metric.c - a metric on one line
 *
 * A part of it with a character in it that would read as the line's own stands in quotes. A time that the
 * calendar does not have is shown in seconds.
 */
#include "cli/show_metric.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

void show_time_put(struct buf *line, int64_t ns)
{
    time_t s = (time_t)(ns / NS_PER_S);
    int64_t rest = ns % NS_PER_S;
    int digits = 9;
    struct tm tm;

    if (ns < 0 || gmtime_r(&s, &tm) == NULL) {
        buf_putf(line, "%" PRId64 " ns", ns);
        return;
    }
    buf_putf(line, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
             tm.tm_hour, tm.tm_min, tm.tm_sec);
    for (; rest > 0 && rest % 1000 == 0; digits -= 3)
        rest /= 1000;
    if (rest > 0)
        buf_putf(line, ".%0*" PRId64, digits, rest);
    buf_putc(line, 'Z');
}

static void put_quoted(struct buf *line, struct str s)
{
    buf_putc(line, '"');
    for (size_t i = 0, n; i <= s.n; i += n + 1) {
        for (n = 0; i + n < s.n && s.s[i + n] != '"' && s.s[i + n] != '\\';)
            n++;
        buf_put_visible(line, (struct str){s.s + i, n});
        if (i + n < s.n) {
            buf_putc(line, '\\');
            buf_putc(line, s.s[i + n]);
        }
    }
    buf_putc(line, '"');
}

/* A name, a tag's key or value. */
static void put_part(struct buf *line, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.s[i] != 0 && strchr(" \"{},=[]\\", s.s[i]) != NULL) {
            put_quoted(line, s);
            return;
        }
    buf_put_visible(line, s);
}

static void put_origin(struct buf *line, const struct metric *m)
{
    if (m->collector.n == 0 && m->prefix.n == 0)
        return;
    buf_puts(line, " [");
    put_part(line, m->collector);
    if (m->prefix.n > 0) {
        buf_puts(line, m->collector.n > 0 ? ", prefix " : "prefix ");
        put_part(line, m->prefix);
    }
    buf_putc(line, ']');
}

void show_metric_put(struct buf *line, const struct metric *m)
{
    show_time_put(line, m->time_ns);
    buf_putc(line, ' ');
    put_part(line, m->name);
    for (uint32_t i = 0; i < m->ntags; i++) {
        buf_putc(line, i == 0 ? '{' : ',');
        put_part(line, m->tags[i].key);
        buf_putc(line, '=');
        put_part(line, m->tags[i].val);
    }
    buf_puts(line, m->ntags > 0 ? "} " : " ");
    metric_put_value(line, m->vtype, m->value);
    if (m->unit.n > 0) {
        buf_putc(line, ' ');
        put_part(line, m->unit);
    }
    if (m->type != METRIC_GAUGE)
        buf_putf(line, " %s", metric_type_name(m->type));
    put_origin(line, m);
    buf_putc(line, '\n');
}

/* But for the brace that it begins with. */
static void put_json(struct buf *line, const struct metric *m)
{
    metric_put_json(line, m, METRIC_TIME_NS);
    if (m->collector.n > 0)
        buf_put_member(line, "collector", m->collector);
    if (m->prefix.n > 0)
        buf_put_member(line, "prefix", m->prefix);
    buf_puts(line, "}\n");
}

void show_metric_put_json(struct buf *line, const struct metric *m)
{
    buf_putc(line, '{');
    put_json(line, m);
}

void show_record_put_json(struct buf *line, uint64_t seq, const struct metric *m)
{
    buf_putf(line, "{\"seq\":%" PRIu64 ",", seq);
    put_json(line, m);
}

void show_gap_put_json(struct buf *line, uint64_t seq, uint64_t n, const char *reason)
{
    buf_putf(line, "{\"seq\":%" PRIu64 ",\"left_out\":%" PRIu64, seq, n);
    buf_put_member(line, "reason", str_of(reason));
    buf_puts(line, "}\n");
}

void show_metric(FILE *to, const struct metric *m)
{
    struct buf line = {0};

    show_metric_put(&line, m);
    if (buf_ok(&line))
        (void)fwrite(line.p, 1, line.n, to);
    else
        (void)fputs("out of memory\n", to);
    buf_free(&line);
}
