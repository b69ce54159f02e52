/* daemon/removed.c - a look through the folder of cursors, each time
 *
 * A cursor that cannot be read holds nothing, and is removed in its time. Of one from the future, or from
 * before there was any Garnet, nobody knows the age, since a clock is or was wrong: it is taken to be as
 * old as garnetd.
 */
#include "daemon/removed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/section.h"
#include "spool/account.h"
#include "spool/aside.h"

uint64_t removed_identity(const struct conf_sink *s)
{
    uint64_t h = digest_text(1, s->plugin);

    for (size_t i = 0; i < s->to.n; i++)
        h = digest_text(h, s->to.v[i]);
    return h != 0 ? h : 1;
}

/* What can still be read for it, and what it has lost by now. False with errno: that is not known; without a
 * cursor *a is as it was. */
static bool read_account(const struct append *spool, const char *file, struct cursor_state *c,
                         struct account *a)
{
    if (cursor_read(append_dirfd(spool), file, c) != 0)
        return false;
    errno = EBADMSG;
    return account_derive(a, c, NULL, append_oldest(spool), append_next_seq(spool));
}

/* --- going --- */

static void remove_now(const struct removed *r, const char *name)
{
    if (cursor_remove(append_dirfd(r->spool), name) != 0 && errno != ENOENT)
        log_warn("sink %s: its cursor cannot be removed: %m", name);
}

void removed_add(const struct removed *r, const struct conf_spool *c, const char *name, uint64_t id)
{
    double hours = (double)c->keep_removed / NS_PER_S / 3600;
    struct cursor_state state;
    struct account a = {0};
    unsigned long long queued;

    (void)read_account(r->spool, name, &state, &a);
    queued = (unsigned long long)a.queued;

    if (c->keep_removed == 0) {
        log_info("sink %s is no longer configured: its cursor is removed, %llu metrics were queued "
                 "for it",
                 name, queued);
        remove_now(r, name);
    } else if (aside_put(append_dirfd(r->spool), name, id, clock_wall() / NS_PER_S) == 0) {
        log_info(
            "sink %s is no longer configured: its cursor is set aside for %.3g h, %llu metrics "
            "are queued for it; if it comes back by then, it goes on there",
            name, hours, queued);
    } else if (errno == ENOENT) {
        log_info("sink %s is no longer configured; it has no cursor", name);
    } else {
        log_warn(
            "sink %s is no longer configured, and its cursor cannot be set aside: %s/cursors/%s: "
            "%m; it is removed, %llu metrics were queued for it",
            name, r->dir, name, queued);
        remove_now(r, name);
    }
}

/* --- coming back --- */

struct search {
    const char *name;
    uint64_t id;
    struct aside found; /* since 0: none; the last one that was set aside */
    bool other;         /* there is one of another sink that had the name */
};

static void compare(void *arg, const struct aside *a)
{
    struct search *s = arg;

    if (strcmp(a->name, s->name) != 0)
        return;
    if (a->id != 0 && a->id != s->id)
        s->other = true;
    else if (a->since >= s->found.since)
        s->found = *a;
}

static void log_return(const struct removed *r, const struct conf_sink *s)
{
    struct cursor_state c;
    struct account a;

    if (read_account(r->spool, s->name, &c, &a))
        log_info(
            "sink %s is back, and goes on where it was: %llu metrics are queued for it, and %llu "
            "are gone from the spool meanwhile",
            s->name, (unsigned long long)a.queued,
            (unsigned long long)(a.dropped[DROP_EXPIRED] - c.dropped[DROP_EXPIRED]));
}

void removed_return(const struct removed *r, const struct conf_sink *s)
{
    struct search of = {.name = s->name, .id = removed_identity(s)};
    int dirfd = append_dirfd(r->spool);
    struct cursor_state there;

    if (cursor_read(dirfd, s->name, &there) == 0 || aside_each(dirfd, compare, &of) < 0)
        return;
    if (of.found.since != 0 && aside_take(dirfd, &of.found) == 0)
        log_return(r, s);
    else if (of.found.since != 0)
        log_warn(
            "sink %s is back, and its cursor cannot be had again: %s/cursors/%s: %m; it begins "
            "anew",
            s->name, r->dir, of.found.file);
    else if (of.other)
        log_info(
            "sink %s has another plugin or `to` than the one that had its name: it begins anew",
            s->name);
}

/* --- meanwhile --- */

struct looking {
    const struct removed *r;
    const struct conf_spool *c;
    uint64_t half; /* where half of max_size begins */
    uint64_t needed;
    int64_t now; /* wall, s */
    int64_t up;  /* s */
};

static bool is_dated(const struct looking *l, const struct aside *a)
{
    static const int64_t year_2020 = 1577836800;

    return a->since >= year_2020 && a->since <= l->now;
}

static void look(void *arg, const struct aside *a)
{
    struct looking *l = arg;
    int64_t age = is_dated(l, a) ? l->now - a->since : l->up;
    uint64_t held;
    struct cursor_state c = {0};
    struct account n = {0};
    int why = read_account(l->r->spool, a->file, &c, &n) ? 0 : errno;

    if (age >= l->c->keep_removed / NS_PER_S) {
        log_info(
            "sink %s has not come back: its cursor is removed, %llu metrics were queued for it",
            a->name, (unsigned long long)n.queued);
        remove_now(l->r, a->file);
    } else if (why == 0 || cursor_passing(why)) {
        held = why == 0 && c.keep > l->half ? c.keep : l->half;
        l->needed = held < l->needed ? held : l->needed;
    }
}

uint64_t removed_needed(const struct removed *r, const struct conf_spool *c, uint64_t needed)
{
    struct looking l = {r,
                        c,
                        append_within(r->spool, (uint64_t)c->max_size / 2),
                        needed,
                        clock_wall() / NS_PER_S,
                        (clock_mono() - r->began) / NS_PER_S};

    (void)aside_each(append_dirfd(r->spool), look, &l);
    return l.needed;
}
