/* cli/spool_list.c - what the names and headers of the files say
 *
 * How many metrics a segment has is the difference between two names, so damage in it counts. A file that retention
 * takes away as we look is left out.
 */
#include "cli/spool_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/terminal.h"
#include "cli/show_metric.h"
#include "cli/spool_folder.h"
#include "cli/spool_verify.h"
#include "spool/reserve.h"
#include "spool/segment.h"
#include "spool/tail.h"

enum { BLOCK = 512 /* of st_blocks */ };

static void finish_line(struct buf *line)
{
    if (buf_ok(line))
        say(stdout, "%.*s", (int)line->n, line->p);
    else
        (void)puts("out of memory");
    buf_reset(line);
}

/* --- files --- */

static void list_segment(int dirfd, uint64_t first, uint64_t next, struct buf *line)
{
    struct segment_header h;
    enum segment_state state;
    struct stat st;
    int fd = segment_open(dirfd, first, &h, &state);

    if (fd < 0 && errno == ENOENT)
        return;
    buf_putf(line, "segment %" PRIu64 ": ", first);
    if (fd < 0 || fstat(fd, &st) < 0) {
        buf_putf(line, "cannot be read: %s", strerror(errno));
    } else {
        buf_putf(line, "%" PRIu64 " metrics, %" PRIu64 " bytes, ", next > first ? next - first : 0,
                 (uint64_t)st.st_size);
        if (state == SEGMENT_GOOD) {
            buf_puts(line, "made ");
            show_time_put(line, h.created_ns - h.created_ns % NS_PER_S);
        } else {
            buf_puts(line, state == SEGMENT_LATER ? "of a later Garnet" : "its header is damaged");
        }
        buf_puts(line, ", written ");
        show_time_put(line, st.st_mtim.tv_sec * NS_PER_S);
    }
    finish_line(line);
    fd_close(&fd);
}

static bool list_segments(int dirfd, uint64_t end, struct buf *line)
{
    struct segment_list l;

    if (segment_list(dirfd, &l) < 0)
        return false;
    for (size_t i = 0; i < l.n; i++)
        list_segment(dirfd, l.first_seq[i], i + 1 < l.n ? l.first_seq[i + 1] : end, line);
    segment_list_free(&l);
    return true;
}

static bool list_reserve(int dirfd)
{
    struct reserve r = {0};
    DIR *dir = fd_list(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *d;

    if (dir == NULL)
        return false;
    while ((d = readdir(dir)) != NULL)
        (void)reserve_adopt(&r, dirfd, d->d_name);
    closedir(dir);
    say(stdout, "reserve: %zu files, %" PRIu64 " bytes", r.n, r.bytes);
    reserve_free(&r);
    return true;
}

/* --- sinks --- */

/* When the first metric was accepted that it has not done with; 0: not known. */
static int64_t accepted_at(int dirfd, uint64_t position)
{
    struct tail *t = tail_open(dirfd, position);
    struct tail_frame f = {0};
    enum tail_result r = TAIL_WAIT;

    while (t != NULL && (r = tail_next(t, &f)) == TAIL_LOST)
        continue;
    tail_close(t);
    return r == TAIL_FRAME ? f.accepted_ns : 0;
}

static void list_sink(int dirfd, const struct audit_sink *s, uint64_t end, struct buf *line)
{
    uint64_t position = s->cursor.position;
    int64_t since;

    buf_putf(line, "sink %s: ", s->name);
    if (s->error != 0) {
        buf_putf(line, "its cursor cannot be read (%s): %s", strerror(s->error), s->broken);
    } else {
        buf_putf(line, "position %" PRIu64 ", %" PRIu64 " metrics behind", position,
                 end > position ? end - position : 0);
        since = end > position ? accepted_at(dirfd, position) : 0;
        if (since > 0) {
            buf_puts(line, ", the oldest accepted ");
            show_time_put(line, since - since % NS_PER_MS);
            buf_putf(line, ", %.1f s ago", (double)clock_between(since, clock_wall()) / 1e9);
        }
        buf_puts(line, s->held ? ", its worker runs" : ", no worker");
    }
    finish_line(line);
}

static bool list_all(int dirfd, const char *dir)
{
    struct audit a = {0};
    struct buf line = {0};
    uint64_t end;
    bool ok = audit_folder(&a, dirfd) && spool_end(dirfd, &end) >= 0;

    if (ok) {
        say(stdout,
            "spool %s: %" PRIu64 " segments, %" PRIu64 " bytes; sequence %" PRIu64 "..%" PRIu64,
            dir, a.segments, a.bytes, a.first, end);
        ok = list_segments(dirfd, end, &line) && list_reserve(dirfd);
        for (const struct audit_sink *s = a.sinks; ok && s != NULL; s = s->next)
            list_sink(dirfd, s, end, &line);
    }
    buf_free(&line);
    arena_free(&a.arena);
    return ok;
}

int spool_list(const char *dir)
{
    struct why why;
    int dirfd = spool_folder(dir, &why);
    bool ok = dirfd >= 0 && (list_all(dirfd, dir) || spool_fault(&why, errno));

    if (!ok)
        say(stderr, "garnet: %s: %s", dir, why.text);
    fd_close(&dirfd);
    return ok ? 0 : EXIT_WORLD;
}
