/* sink/quarantine.c - the file is its own index
 *
 * A line found there by sequence counts only if it tells of the same metric: a spool that was begun
 * anew numbers from 1 again. Nothing here ends the worker: a line that cannot be written (full disk,
 * the file at its bound) is logged, and its metric is left out all the same.
 */
#include "sink/quarantine.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/number.h"
#include "base/text.h"
#include "model/metric.h"
#include "spool/opener.h"

static const char FOLDER[] = "quarantine", BEGIN[] = "{\"sequence\":";
enum { NO_LINE = -1, NEVER = -2 };

/* --- what is held --- */

static void hold_metric(struct quarantine *q, const struct held *h)
{
    size_t cap = q->cap > 0 ? q->cap * 2 : 64;
    struct held *more = q->n < q->cap ? q->held : reallocarray(q->held, cap, sizeof *more);

    if (more == NULL) {
        log_error("no memory to remember that metric %" PRIu64 " is in quarantine", h->seq);
        return;
    }
    q->cap = q->n < q->cap ? q->cap : cap;
    q->held = more;
    q->held[q->n++] = *h;
    q->lowest = h->seq < q->lowest ? h->seq : q->lowest;
    q->highest = h->seq > q->highest ? h->seq : q->highest;
}

static void hold_from_board(struct quarantine *q, const struct scoreboard *board)
{
    for (unsigned i = 0; board != NULL && i < SCOREBOARD_POISONS; i++) {
        uint64_t metric = atomic_load(&board->poisons[i].metric);
        struct held h = {.seq = metric - 1,
                         .at = NO_LINE,
                         .when_ns = atomic_load(&board->poisons[i].when_ns),
                         .signo = atomic_load(&board->poisons[i].signo)};

        if (metric != 0)
            hold_metric(q, &h);
    }
}

/* --- the file --- */

static int open_file(const struct quarantine *q, int flags)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s.ndjson", FOLDER, q->sink);
    return opener_open(q->dirfd, path, flags);
}

static void hold_lines(struct quarantine *q, const struct buf *text)
{
    const char *at = text->p, *end = at + text->n, *nl;

    for (; at < end && (nl = memchr(at, '\n', (size_t)(end - at))) != NULL; at = nl + 1) {
        struct held h = {.at = at - text->p};

        if ((size_t)(nl - at) < sizeof BEGIN || memcmp(at, BEGIN, sizeof BEGIN - 1) != 0 ||
            !isdigit((unsigned char)at[sizeof BEGIN - 1]))
            continue;
        h.seq = strtoull(at + sizeof BEGIN - 1, NULL, 10);
        hold_metric(q, &h);
    }
}

static void hold_from_file(struct quarantine *q)
{
    int fd = open_file(q, O_RDONLY);
    struct buf text = {.max = QUARANTINE_MAX};

    if (fd < 0 && errno == ENOENT)
        return;
    if (fd < 0 || (fd_read_all(fd, -1, &text) < 0 && errno != EFBIG))
        log_error("cannot read %s/%s/%s.ndjson: %m; what it holds may be given to the plugin again",
                  q->spool, FOLDER, q->sink);
    else if (text.n > 0)
        hold_lines(q, &text);
    buf_free(&text);
    fd_close(&fd);
}

void quarantine_open(struct quarantine *q, int dirfd, const char *spool, const char *sink,
                     const char *plugin, const struct scoreboard *board)
{
    *q = (struct quarantine){
        .sink = sink, .plugin = plugin, .spool = spool, .dirfd = dirfd, .lowest = UINT64_MAX};
    hold_from_file(q);
    hold_from_board(q, board);
}

void quarantine_close(struct quarantine *q)
{
    free(q->held);
    *q = (struct quarantine){.lowest = UINT64_MAX};
}

/* --- a metric as a line --- */

static void put_key(struct buf *b, const char *key)
{
    buf_putf(b, ",\"%s\":", key);
}

static void put_named(struct buf *b, const char *key, struct str s)
{
    if (s.n == 0)
        return;
    put_key(b, key);
    buf_put_json(b, s);
}

/* All but the line's end, which tells of the death: by so much two lines are of one metric. */
static void put_metric(struct buf *b, const char *sink, uint64_t seq, const struct metric *m)
{
    buf_puts(b, BEGIN);
    buf_put_u64(b, seq);
    put_named(b, "sink", str_of(sink));
    buf_putc(b, ',');
    metric_put_json(b, m, METRIC_TIME_US);
    put_named(b, "collector", m->collector);
    put_named(b, "prefix", m->prefix);
}

/* --- taking one --- */

static bool is_line_of(const struct quarantine *q, const struct held *h, const struct buf *metric)
{
    int fd = open_file(q, O_RDONLY);
    char *text = malloc(metric->n);
    bool same = fd >= 0 && text != NULL &&
                fd_read_at(fd, text, metric->n, (off_t)h->at) == (ssize_t)metric->n &&
                memcmp(text, metric->p, metric->n) == 0;

    free(text);
    fd_close(&fd);
    return same;
}

/* A line that a crash has cut is ended first. Where the new one is, or -1 with errno; EFBIG: the
 * file is at its bound. */
static int64_t append_line(int fd, struct buf *line)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last = '\n';

    if (size < 0 || (size > 0 && pread(fd, &last, 1, size - 1) != 1))
        return -1;
    if (last != '\n' && write(fd, "\n", 1) == 1)
        size++;
    if ((size_t)size + line->n > QUARANTINE_MAX) {
        errno = EFBIG;
        return -1;
    }
    return fd_write_all(fd, line->p, line->n) == 0 && fdatasync(fd) == 0 ? size : -1;
}

static int64_t store_line(const struct quarantine *q, struct buf *line)
{
    bool there = opener_mkdir(q->dirfd, FOLDER) == 0 || errno == EEXIST;
    int fd = there ? open_file(q, O_RDWR | O_CREAT | O_APPEND) : -1;
    int64_t at = fd >= 0 ? append_line(fd, line) : -1;

    fd_close(&fd);
    return at;
}

static void keep_line(struct quarantine *q, struct held *h, const struct metric *m,
                      struct buf *line)
{
    char death[96] = "by calling exit()";

    put_key(line, "signal");
    buf_put_i64(line, h->signo);
    put_key(line, "when");
    metric_put_time(line, h->when_ns, METRIC_TIME_US);
    buf_puts(line, "}\n");
    h->at = buf_ok(line) ? store_line(q, line) : NEVER;
    if (h->signo != 0)
        (void)snprintf(death, sizeof death, "from signal %d (%s)", h->signo, strsignal(h->signo));
    log_warn("metric %" PRIu64 " \"%.*s\" is put in quarantine: plugin %s died of it again and "
             "again, last %s; all others go on",
             h->seq, (int)m->name.n, m->name.n > 0 ? m->name.s : "", q->plugin, death);
    if (h->at >= 0) {
        log_warn("it can be read in %s/%s/%s.ndjson", q->spool, FOLDER, q->sink);
        return;
    }
    h->at = NEVER;
    log_error("it is only counted: %s/%s/%s.ndjson: %s", q->spool, FOLDER, q->sink,
              errno == EFBIG ? "it is full; move it away" : strerror(errno));
}

/* One that may be among those. */
static bool look_for(struct quarantine *q, uint64_t seq, const struct metric *m)
{
    struct held *wanted = NULL;
    struct buf line = {0};
    bool there = false;

    put_metric(&line, q->sink, seq, m);
    for (size_t i = 0; i < q->n && !there; i++) {
        struct held *h = &q->held[i];

        if (h->seq != seq)
            continue;
        there = h->at >= 0 && buf_ok(&line) && is_line_of(q, h, &line);
        wanted = h->at < 0 ? h : wanted;
    }
    if (!there && wanted != NULL && wanted->at == NO_LINE)
        keep_line(q, wanted, m, &line);
    buf_free(&line);
    return there || wanted != NULL;
}

bool quarantine_takes(struct quarantine *q, uint64_t seq, const struct metric *m)
{
    return seq >= q->lowest && seq <= q->highest && look_for(q, seq, m);
}
