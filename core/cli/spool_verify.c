/* cli/spool_verify.c - one pass over a spool, and what it has found, for people and for scripts
 *
 * The cursors are read before the frames: a sink that moves on meanwhile has then more queued than
 * it needed to, and nothing is unexplained. A cursor's file is opened and closed by this process
 * alone, so the locks of the workers are not touched (spool/cursor.c).
 *
 * One fact a line is printed, "key value" pairs that do not change their order. Fails with EXIT_WORLD
 * when the folder cannot be read; whatever is wrong with what lies in it is a finding, and gives 1.
 */
#include "cli/spool_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/exit.h"
#include "base/fd.h"
#include "base/terminal.h"
#include "cli/spool_folder.h"
#include "model/record.h"
#include "spool/aside.h"
#include "spool/segment.h"
#include "spool/tail.h"

/* --- what there is --- */

struct adding {
    struct audit *audit;
    struct audit_sink **end;
    int dirfd;
    int failed; /* errno: it is us who cannot read, which says nothing of the cursor */
};

static void add_cursor(struct adding *at, const char *file, const char *name, const char *broken)
{
    struct audit_sink *s = arena_alloc(&at->audit->arena, sizeof *s);

    if (s == NULL)
        return; /* sticks in the arena */
    *s = (struct audit_sink){.name = arena_strdup(&at->audit->arena, name), .broken = broken};
    s->held = cursor_holder(at->dirfd, file) != 0;
    if (cursor_read(at->dirfd, file, &s->cursor) < 0)
        s->error = errno;
    if (s->error == EACCES || cursor_passing(s->error))
        at->failed = s->error;
    *at->end = s;
    at->end = &s->next;
}

static void add_sink(void *arg, const char *name)
{
    add_cursor(arg, name, name, "it will start at the oldest metric");
}

static void add_aside(void *arg, const struct aside *a)
{
    char name[sizeof a->name + 48];
    struct tm tm;
    time_t since = (time_t)a->since;
    int n = snprintf(name, sizeof name, "%s, removed, set aside", a->name);

    if (gmtime_r(&since, &tm) != NULL)
        (void)strftime(name + n, sizeof name - (size_t)n, " since %Y-%m-%dT%H:%M:%SZ", &tm);
    add_cursor(arg, a->file, name, "it holds nothing, and is removed in its time");
}

static bool read_sinks(struct audit *a, int dirfd)
{
    struct adding at = {a, &a->sinks, dirfd, 0};

    if (cursor_list_each(dirfd, add_sink, &at) < 0)
        return errno == ENOENT;
    if (aside_each(dirfd, add_aside, &at) < 0)
        return false;
    errno = at.failed;
    return at.failed == 0;
}

static bool read_segments(struct audit *a, int dirfd)
{
    struct segment_list l;

    if (segment_list(dirfd, &l) < 0)
        return false;
    a->segments = l.n;
    a->first = a->next = l.n > 0 ? l.first_seq[0] : 0;
    for (size_t i = 0; i < l.n; i++) {
        char name[SEGMENT_NAME];
        struct stat st;

        segment_name(name, l.first_seq[i]);
        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            a->bytes += (uint64_t)st.st_size;
        a->next = l.first_seq[i];
    }
    segment_list_free(&l);
    return true;
}

bool audit_folder(struct audit *a, int dirfd)
{
    bool ok = read_sinks(a, dirfd) && read_segments(a, dirfd);

    if (!ok || arena_ok(&a->arena))
        return ok;
    errno = ENOMEM;
    return false;
}

/* --- one pass --- */

/* How many of [seq, seq + n) are at or behind `from`. */
static uint64_t behind(uint64_t from, uint64_t seq, uint64_t n)
{
    return seq >= from ? n : seq + n > from ? seq + n - from : 0;
}

static void count_frame(struct audit *a, const struct tail_frame *f)
{
    size_t at = 0, size;
    uint32_t good = 0;
    struct metric m;

    while (good < f->count &&
           (size = record_get((const char *)f->payload + at, f->length - at, &m)) > 0) {
        at += size;
        good++;
    }
    a->frames++;
    a->metrics += good;
    a->bad_records += f->count - good;
    for (struct audit_sink *s = a->sinks; s != NULL; s = s->next) {
        uint64_t read = behind(s->from, f->seq, good);

        s->readable += read;
        s->unreadable += behind(s->from, f->seq, f->count) - read;
    }
}

static void count_lost(struct audit *a, const struct tail_frame *f, struct audit_damage ***end)
{
    struct audit_damage *d = arena_alloc(&a->arena, sizeof *d);

    if (d != NULL) {
        *d = (struct audit_damage){f->seq, f->lost, f->reason == TAIL_EXPIRED, NULL};
        **end = d;
        *end = &d->next;
    }
    a->lost += f->reason == TAIL_EXPIRED ? 0 : f->lost;
    for (struct audit_sink *s = a->sinks; s != NULL; s = s->next)
        s->unreadable += behind(s->from, f->seq, f->lost);
}

/* Where each goes on, before the frames are gone over: their end is not known yet. */
static void begin_sinks(struct audit *a)
{
    for (struct audit_sink *s = a->sinks; s != NULL; s = s->next) {
        struct account_reading r = {s->cursor.taken, s->cursor.lost};

        s->held = s->held && account_believed(&r, &s->cursor, SEQ_BELIEVED);
        s->from = s->held ? r.taken : s->cursor.position;
    }
}

static bool read_frames(struct audit *a, int dirfd)
{
    struct tail *t = tail_open(dirfd, a->first);
    struct audit_damage **end = &a->damage;
    struct tail_frame f;
    enum tail_result r;
    uint64_t seen;
    int failed;

    if (t == NULL)
        return false;
    begin_sinks(a);
    while ((r = tail_next(t, &f)) == TAIL_FRAME || r == TAIL_LOST)
        if (r == TAIL_FRAME)
            count_frame(a, &f);
        else
            count_lost(a, &f, &end);
    failed = errno;
    seen = tail_seen(t);
    tail_close(t);
    a->next = seen > a->next ? seen : a->next;
    errno = arena_ok(&a->arena) ? failed : ENOMEM;
    return r != TAIL_ERROR && arena_ok(&a->arena);
}

/* --- what follows --- */

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static void balance(struct audit_sink *s, const struct audit *a)
{
    const struct cursor_state *c = &s->cursor;
    const struct account_reading r = {c->taken, c->lost};
    bool sound = account_derive(&s->account, c, s->held ? &r : NULL, a->first, a->next);
    uint64_t settled = 0;

    for (unsigned i = 0; i < DROP_REASONS; i++)
        settled += c->dropped[i];
    s->unexplained = apart(s->account.queued, s->readable + s->unreadable);
    if (!sound)
        s->unexplained += apart(c->position, c->start + settled);
}

/* A cursor, or what its worker has read, may be ahead of what is left of the segments: the next number is
 * then the cursor's. */
static void balance_all(struct audit *a)
{
    for (struct audit_sink *s = a->sinks; s != NULL; s = s->next)
        if (s->error == 0 && !cursor_believed(&s->cursor, a->next))
            s->error = EBADMSG;
    for (const struct audit_sink *s = a->sinks; s != NULL; s = s->next)
        if (s->error == 0 && s->from > a->next)
            a->next = s->from;
    if (a->segments == 0)
        a->first = a->next;
    for (struct audit_sink *s = a->sinks; s != NULL; s = s->next)
        if (s->error == 0)
            balance(s, a);
}

bool audit_spool(struct audit *a, const char *dir, struct why *why)
{
    int dirfd = spool_folder(dir, why);
    bool ok;

    *a = (struct audit){0};
    if (dirfd < 0)
        return false;
    ok = audit_folder(a, dirfd) && read_frames(a, dirfd);
    if (!ok)
        (void)spool_fault(why, errno);
    else
        balance_all(a);
    fd_close(&dirfd);
    return ok;
}

/* --- printing --- */

static void print_damage(const struct audit *a)
{
    for (const struct audit_damage *d = a->damage; d != NULL; d = d->next)
        (void)printf("%s %" PRIu64 "..%" PRIu64 " (%" PRIu64 " metrics)\n",
                     d->expired ? "expired" : "damaged", d->seq, d->seq + d->count - 1, d->count);
    if (a->bad_records > 0)
        (void)printf("damaged records %" PRIu64 "\n", a->bad_records);
}

static void print_sink(const struct audit_sink *s)
{
    const struct account *n = &s->account;
    struct buf line = {0};

    if (s->error != 0) {
        say(stdout, "sink %s: its cursor cannot be read (%s): %s", s->name, strerror(s->error),
            s->broken);
        return;
    }
    buf_putf(&line,
             "sink %s: accepted %" PRIu64 " = confirmed %" PRIu64 " + unconfirmed %" PRIu64
             " + queued %" PRIu64 " + dropped %" PRIu64,
             s->name, n->accepted, n->confirmed, n->unconfirmed, n->queued, n->all_dropped);
    for (unsigned i = 0; drop_reason_name(i) != NULL; i++)
        if (n->dropped[i] > 0)
            buf_putf(&line, " %s=%" PRIu64, drop_reason_name(i), n->dropped[i]);
    if (s->unreadable > 0)
        buf_putf(&line, "; %" PRIu64 " of the queued cannot be read", s->unreadable);
    buf_putf(&line, "; unexplained %" PRIu64, s->unexplained);
    say(stdout, "%.*s", (int)line.n, line.n > 0 ? line.p : "");
    buf_free(&line);
}

static int print(const struct audit *a, const char *dir)
{
    bool sound = a->lost == 0 && a->bad_records == 0;

    say(stdout,
        "spool %s: %" PRIu64 " segments, %" PRIu64 " bytes; %" PRIu64 " frames, %" PRIu64
        " metrics; sequence %" PRIu64 "..%" PRIu64,
        dir, a->segments, a->bytes, a->frames, a->metrics, a->first, a->next);
    print_damage(a);
    for (const struct audit_sink *s = a->sinks; s != NULL; s = s->next) {
        print_sink(s);
        sound = sound && s->error == 0 && s->unexplained == 0;
    }
    return sound ? 0 : EXIT_CONFIG;
}

int spool_verify(const char *dir)
{
    struct audit a;
    struct why why;
    int status = EXIT_WORLD;

    if (audit_spool(&a, dir, &why))
        status = print(&a, dir);
    else
        say(stderr, "garnet: %s: %s", dir, why.text);
    arena_free(&a.arena);
    return status;
}
