/* daemon/sink_cursor.c - a cursor that cannot be read is left alone while the reason is ours (no
 * descriptor, no memory): it may well be there. One that is gone or damaged is made anew at the
 * oldest metric, if there ever was one: what the sink had sent is repeated, and nothing is lost.
 */
#include "daemon/sink_cursor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "spool/segment.h"

static const int64_t LOSS_EVERY = 10 * NS_PER_S, LOSS_OVER = 60 * NS_PER_S;

static uint64_t oldest_seq(const struct append *spool)
{
    uint64_t seq;

    return segment_oldest(append_dirfd(spool), &seq) > 0 ? seq : append_next_seq(spool);
}

/* A folder in its way is left to whoever has put it there. */
static const char *cursor_remedy(int error)
{
    return error == EISDIR
               ? ": a folder is in the way, of that name or, with a dot before and .tmp "
                 "behind, of its temporary one: remove it"
               : "";
}

static void say_not_made(const struct sink_cursor *c, const char *again, int error)
{
    log_error("sink %s: its cursor cannot be made%s: %s/cursors/%s: %s%s", c->name, again, c->dir,
              c->name, strerror(error), cursor_remedy(error));
}

/* A sink that had a cursor under an earlier garnetd is listed: if that is lost, it starts at the
 * oldest. */
void sink_cursor_init(struct sink_cursor *c, const struct append *spool, const char *dir,
                      const struct conf_sink *s)
{
    *c = (struct sink_cursor){.spool = spool,
                              .dir = dir,
                              .begun = cursor_listed(append_dirfd(spool), s->name),
                              .begin = s->start == START_OLDEST ? oldest_seq(spool)
                                                                : append_next_seq(spool)};
    (void)snprintf(c->name, sizeof c->name, "%s", s->name);
}

static bool make_again(struct sink_cursor *c)
{
    c->restore = cursor_restore(append_dirfd(c->spool), c->name, &c->known) < 0;
    if (c->restore)
        say_not_made(c, " again", errno);
    return !c->restore;
}

static bool make_new(struct sink_cursor *c)
{
    if (cursor_create(append_dirfd(c->spool), c->name, c->begin) < 0) {
        say_not_made(c, "", errno);
        return false;
    }
    c->begun = true;
    c->made_ns = clock_wall();
    return true;
}

/* Of the file as it is now. */
static bool read_cursor(const struct sink_cursor *c, struct cursor_state *st)
{
    if (cursor_read(append_dirfd(c->spool), c->name, st) != 0)
        return false;
    if (st->position <= append_next_seq(c->spool))
        return true;
    errno = EBADMSG; /* beyond all that there has ever been */
    return false;
}

bool sink_cursor_ensure(struct sink_cursor *c)
{
    struct cursor_state st;
    int why;

    if (read_cursor(c, &st))
        return true;
    why = errno;
    if (c->restore && why == ENOENT)
        return make_again(c);
    if (cursor_passing(why)) {
        log_error("sink %s: its cursor cannot be read now: %s", c->name, strerror(why));
        return false;
    }
    if (c->begun) {
        log_warn("sink %s: its cursor is lost (%s): it starts at the oldest metric in the spool, "
                 "repeating what it had sent",
                 c->name, strerror(why));
        c->begin = oldest_seq(c->spool);
    }
    return make_new(c);
}

void sink_cursor_lost(struct sink_cursor *c)
{
    c->restore = c->knows;
}

/* --- its account --- */

static void find_owner(struct sink_cursor *c, const struct scoreboard *b)
{
    uint64_t taken, lost;

    c->ours = c->ours || (b != NULL && scoreboard_get_read(b, &taken, &lost)) ||
              cursor_holder(append_dirfd(c->spool), c->name) == 0;
}

/* The owner first: what another has put down until it lets go is in what is read after that. */
static bool see_cursor(struct sink_cursor *c, const struct scoreboard *b, struct cursor_state *st)
{
    bool seen;

    find_owner(c, b);
    seen = read_cursor(c, st);
    if (!seen && c->knows && !c->unread && !c->restore)
        log_warn(
            "sink %s: its cursor cannot be read: %s/cursors/%s: %s; until it can, what this sink "
            "loses is not known, and the spool keeps what max_size and max_age allow",
            c->name, c->dir, c->name, strerror(errno));
    c->unread = !seen && !c->restore;
    return seen;
}

/* A worker that has just taken what was given up says so before it gives it up as well (sink/feed.c): in
 * between, too little has expired, and what it has in memory is too much by as many. And a gap that only a
 * worker knew of, now dead, cannot be read by the next one either. */
static void hold_expired(struct sink_cursor *c, struct account *a)
{
    uint64_t less =
        c->expired > a->dropped[DROP_EXPIRED] ? c->expired - a->dropped[DROP_EXPIRED] : 0;
    uint64_t read = less < a->unconfirmed ? less : a->unconfirmed;
    uint64_t rest = less - read < a->queued ? less - read : a->queued;

    less = read + rest;
    a->unconfirmed -= read;
    a->queued -= rest;
    a->dropped[DROP_EXPIRED] += less;
    a->all_dropped += less;
    c->expired = a->dropped[DROP_EXPIRED];
}

/* Another cursor than the one that was known begins its own account. What has expired by then was logged by
 * an earlier garnetd. */
static void begin_account(struct sink_cursor *c, uint64_t start, uint64_t expired)
{
    if (c->accounts && c->start == start)
        return;
    c->accounts = true;
    c->start = start;
    c->expired = 0;
    c->loss = (struct sink_loss){.logged = expired};
    c->progress = (struct sink_progress){.dropped = UINT64_MAX};
}

/* The cursor first, the end last: see spool/account.c. What another worker has read is in the cursor. False: it
 * does not add up. */
static bool derive(struct sink_cursor *c, const struct cursor_state *st, const struct scoreboard *b,
                   struct account *a)
{
    struct account_reading r = {st->taken, st->lost};
    bool read = !c->ours || (b != NULL && scoreboard_get_read(b, &r.taken, &r.lost));
    bool sound =
        account_derive(a, st, read ? &r : NULL, append_oldest(c->spool), append_next_seq(c->spool));

    begin_account(c, st->start, a->dropped[DROP_EXPIRED]);
    if (c->ours)
        hold_expired(c, a);
    return sound;
}

static void log_loss_over(struct sink_cursor *c)
{
    log_info(
        "sink %s: nothing that it had not sent has gone from the spool for a minute, after %llu "
        "metrics",
        c->name, (unsigned long long)c->loss.total);
    c->loss.total = c->loss.said = 0;
}

/* One line as it begins, one each ten seconds with the sum, one when it is over. */
static void log_loss(struct sink_cursor *c, uint64_t expired, bool last)
{
    struct sink_loss *l = &c->loss;
    uint64_t n = expired > l->logged ? expired - l->logged : 0;
    int64_t now = clock_mono();

    l->logged += n;
    l->total += n;
    l->last_ns = n > 0 ? now : l->last_ns;
    if (l->total == 0)
        return;
    if (l->said == 0) {
        log_warn(
            "sink %s: %llu metrics that it had not sent are gone from the spool (spool.max_size, "
            "max_age); further ones are counted",
            c->name, (unsigned long long)l->total);
    } else if (l->said < l->total && (last || now - l->at_ns >= LOSS_EVERY)) {
        log_warn("sink %s: %llu metrics that it had not sent are gone from the spool by now",
                 c->name, (unsigned long long)l->total);
    } else {
        if (now - l->last_ns >= LOSS_OVER)
            log_loss_over(c);
        return;
    }
    l->said = l->total;
    l->at_ns = now;
}

/* What is out already, and whether that stands still although there is more. */
static void watch_progress(struct sink_cursor *c, uint64_t sent)
{
    uint64_t out = sent > c->known.position ? sent : c->known.position;

    if (out >= append_next_seq(c->spool))
        c->still_ns = 0;
    else if (c->still_ns == 0 || out != c->still_at)
        c->still_ns = clock_mono();
    c->still_at = out;
}

/* Whether drops grow, and whether what is there to be confirmed is. */
static void note_progress(struct sink_progress *p, const struct account *a)
{
    uint64_t dropped = a->all_dropped;
    int64_t now = clock_mono();

    for (unsigned i = 0; i < DROP_COUNT; i++)
        if (drop_is_meant(i))
            dropped -= a->dropped[i];
    if (dropped > p->dropped) /* at first that says nothing */
        p->dropped_wall = clock_wall();
    if (a->confirmed > p->confirmed || a->unconfirmed + a->queued == 0)
        p->waiting_since = 0;
    else if (p->waiting_since == 0)
        p->waiting_since = now;
    p->dropped = dropped;
    p->confirmed = a->confirmed;
}

bool sink_cursor_look(struct sink_cursor *c, const struct scoreboard *b)
{
    struct cursor_state st;
    struct account a;
    bool seen = see_cursor(c, b, &st);

    if (seen) {
        c->known = st;
        c->knows = true;
        if (derive(c, &st, b, &a)) {
            log_loss(c, a.dropped[DROP_EXPIRED], false);
            note_progress(&c->progress, &a);
        }
    }
    watch_progress(c, b != NULL ? atomic_load(&b->sent) : 0);
    return seen;
}

void sink_cursor_end(struct sink_cursor *c)
{
    struct cursor_state st;
    struct account a;

    if (see_cursor(c, NULL, &st) && derive(c, &st, NULL, &a))
        log_loss(c, a.dropped[DROP_EXPIRED], true);
}

uint64_t sink_cursor_queued(const struct sink_cursor *c)
{
    struct cursor_state st;
    struct account a;

    if (!read_cursor(c, &st))
        return 0;
    (void)account_derive(&a, &st, NULL, append_oldest(c->spool), append_next_seq(c->spool));
    return a.queued;
}

int64_t sink_cursor_take_made(struct sink_cursor *c)
{
    int64_t made = c->made_ns;

    c->made_ns = 0;
    return made;
}

void sink_cursor_list(const struct append *spool, const char *dir, const char *const *names,
                      unsigned n)
{
    if (names == NULL || cursor_list_write(append_dirfd(spool), names, n) != 0)
        log_error("spool: the list of sinks cannot be written: %s/sinks: %s%s", dir,
                  strerror(errno), cursor_remedy(errno));
}

/* ns: the age of the oldest metric not yet written, as the worker says. Where none runs, or it hangs,
 * so long as the cursor has been seen to stand still. */
static int64_t lag_of(const struct sink_cursor *c, const struct scoreboard *b)
{
    int64_t oldest = b != NULL ? atomic_load(&b->oldest_ns) : 0;
    int64_t lag = oldest > 0 ? clock_wall() - oldest : 0;
    int64_t still = c->still_ns != 0 ? clock_mono() - c->still_ns : 0;

    lag = lag > still ? lag : still;
    return lag > 0 ? lag : 0;
}

/* What can happen to it, as its worker says; and what has happened, under an older configuration
 * say. */
static void write_dropped(const struct self_round *at, const struct account *a, uint64_t can)
{
    for (unsigned i = 0; drop_reason_name(i) != NULL; i++)
        if ((can >> i & 1) != 0 || a->dropped[i] > 0)
            self_count(at, BASIC, "garnet.sink.dropped", "Metric", drop_reason_name(i),
                       a->dropped[i]);
}

bool sink_cursor_metrics(struct sink_cursor *c, const struct self_round *at,
                         const struct scoreboard *b)
{
    struct cursor_state st;
    struct account a;

    self_real(at, BASIC, "garnet.sink.lag", "s", (double)lag_of(c, b) / 1e9);
    if (!see_cursor(c, b, &st) || !derive(c, &st, b, &a) || !c->ours)
        return false;
    write_dropped(at, &a, b != NULL ? atomic_load(&b->can_drop) : 0);
    self_count(at, BASIC, "garnet.sink.confirmed", "Metric", NULL, a.confirmed);
    self_gauge(at, BASIC, "garnet.sink.unconfirmed", "Metric", a.unconfirmed);
    self_gauge(at, BASIC, "garnet.sink.queued", "Metric", a.queued);
    return true;
}
