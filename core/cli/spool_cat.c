/* cli/spool_cat.c - frame by frame, as a worker reads, to standard output
 *
 * Fails with EXIT_WORLD when the spool cannot be read, or nobody takes what is written.
 */
#include "cli/spool_cat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/fd.h"
#include "base/terminal.h"
#include "cli/show_metric.h"
#include "cli/spool_folder.h"
#include "model/record.h"
#include "spool/segment.h"
#include "spool/tail.h"

struct cat {
    const struct spool_cat *asked;
    struct buf line;
    struct metric metric; /* too large for a stack */
};

static bool put_out(struct cat *c)
{
    bool ok = buf_ok(&c->line) && fwrite(c->line.p, 1, c->line.n, stdout) == c->line.n;

    if (!buf_ok(&c->line))
        errno = ENOMEM;
    buf_reset(&c->line);
    return ok;
}

static bool cat_gap(struct cat *c, uint64_t seq, uint64_t n, const char *reason)
{
    if (!c->asked->json) {
        say(stderr, "garnet: left out %" PRIu64 " (%s)", n, reason);
        return true;
    }
    show_gap_put_json(&c->line, seq, n, reason);
    return put_out(c);
}

/* The records in it from `from` on. */
static bool cat_frame(struct cat *c, const struct tail_frame *f, uint64_t from)
{
    size_t at = 0, size;
    uint64_t seq = f->seq, end = f->seq + f->count;
    bool ok = true;

    for (; ok && seq < end; at += size, seq++) {
        size = record_get((const char *)f->payload + at, f->length - at, &c->metric);
        if (size == 0) {
            from = seq > from ? seq : from;
            return cat_gap(c, from, end - from, "damaged");
        }
        if (seq < from)
            continue;
        if (c->asked->json)
            show_record_put_json(&c->line, seq, &c->metric);
        else
            show_metric_put(&c->line, &c->metric);
        ok = put_out(c);
    }
    return ok;
}

/* False with errno. */
static bool cat_from(struct cat *c, struct tail *t, uint64_t from)
{
    struct tail_frame f;
    enum tail_result r;
    uint64_t end = from;
    bool ok = true;

    for (; ok && ((r = tail_next(t, &f)) == TAIL_FRAME || r == TAIL_LOST);
         end = f.seq + f.count + f.lost)
        ok = r == TAIL_FRAME
                 ? cat_frame(c, &f, from)
                 : cat_gap(c, f.seq, f.lost, f.reason == TAIL_EXPIRED ? "expired" : "damaged");
    if (ok && tail_seen(t) > end) /* its last frames, with nothing behind them */
        ok = cat_gap(c, end, tail_seen(t) - end, "damaged");
    else if (ok && end == from && c->asked->from > 0)
        say(stderr, "garnet: there is nothing from %" PRIu64 " on", from);
    return ok && r != TAIL_ERROR && fflush(stdout) == 0;
}

int spool_cat(const struct spool_cat *asked)
{
    struct cat c = {.asked = asked};
    struct why why;
    int dirfd = spool_folder(asked->dir, &why);
    struct tail *t = NULL;
    uint64_t from = asked->from;
    bool ok = dirfd >= 0;

    if (ok) {
        ok = (from > 0 || segment_oldest(dirfd, &from) >= 0) &&
             (t = tail_open(dirfd, from)) != NULL && cat_from(&c, t, from);
        if (!ok && ferror(stdout) != 0)
            (void)why_set(&why, "cannot write to standard output: %s", strerror(errno));
        else if (!ok)
            (void)spool_fault(&why, errno);
    }
    if (!ok)
        say(stderr, "garnet: %s: %s", asked->dir, why.text);
    tail_close(t);
    buf_free(&c.line);
    fd_close(&dirfd);
    return ok ? 0 : EXIT_WORLD;
}
