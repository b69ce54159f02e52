/* intake/users.c - a rate is one number: when all that was taken would have been earned
 *
 * Each metric moves that time on by what it costs; while it is less than BURST ahead there is room. So
 * nothing is to be done as time passes, and the last metric's bytes may go over by themselves: then
 * the next has to wait for them, too. Bytes are those of the spool and not of the socket, since what
 * is short there can be long here (tags beside many values).
 */
#include "intake/users.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "base/random.h"

static const int64_t BURST = 10 * NS_PER_S, HOUR = 3600 * NS_PER_S;
static const int64_t LOOK = 10 * NS_PER_S; /* from one look to the next */
static const int64_t CALM = 30 * NS_PER_S; /* without a refusal: that was its end */
static const struct rate LINES = {.lines = 10, .per_ns = 60 * NS_PER_S};

/* --- words --- */

const char *user_limit_key(enum user_limit w)
{
    static const char *const keys[USER_LIMITS] = {"metrics", "bytes", "series"};

    return keys[w];
}

static void put_user(struct buf *b, const struct user *u)
{
    if (u == &u->all->others)
        buf_putf(b, "all users but %d", USERS_MAX);
    else
        buf_putf(b, "user %lu", (unsigned long)u->uid);
}

/* "the 1MiB a second that user 1000 may send" */
static struct why limit_text(const struct user *u, enum user_limit w)
{
    const struct conf_per_user *l = u->all->limits;
    struct why text = {"what may be sent"}; /* without memory */
    struct buf b = {0};

    buf_puts(&b, "the ");
    if (w == USER_BYTES)
        units_put_size(&b, l->bytes);
    else
        buf_put_i64(&b, w == USER_METRICS ? l->metrics : l->series);
    buf_puts(&b, w == USER_METRICS ? " metrics a second" : "");
    buf_puts(&b, w == USER_BYTES ? " a second" : "");
    buf_puts(&b, w == USER_SERIES ? " series an hour" : "");
    buf_puts(&b, " that ");
    put_user(&b, u);
    buf_puts(&b, " may send");
    if (buf_ok(&b))
        why_set(&text, "%.*s", (int)b.n, b.p);
    buf_free(&b);
    return text;
}

static void explain_excess(const struct user *u, enum user_limit w, struct metric_fault *f)
{
    struct why limit = limit_text(u, w);

    (void)snprintf(f->field, sizeof f->field, "%s", w == USER_SERIES ? "name" : "");
    why_set(&f->why, "more than %s: send less, or raise intake.per_user.%s", limit.text,
            user_limit_key(w));
}

static void say_excess(struct user *u, enum user_limit w, int64_t now)
{
    struct why limit;
    uint64_t left_out;

    u->excess[w].logged = ratelimit_take(&u->all->lines, &LINES, now, &left_out);
    if (!u->excess[w].logged)
        return;
    limit = limit_text(u, w);
    log_warn("the shared socket: what is more than %s is refused: intake.per_user.%s", limit.text,
             user_limit_key(w));
    if (left_out > 0)
        log_warn("and so it was %" PRIu64 " times more since the last such line", left_out);
}

static void say_excess_ended(struct user *u, enum user_limit w)
{
    struct user_excess *e = &u->excess[w];
    struct buf b = {0};

    if (e->logged) {
        put_user(&b, u);
        log_info("the shared socket: nothing of %.*s is refused any more for "
                 "intake.per_user.%s: it was %" PRIu64 " metrics in %.1fs",
                 buf_ok(&b) ? (int)b.n : 0, b.p != NULL ? b.p : "", user_limit_key(w), e->refused,
                 (double)(e->last - e->since) / (double)NS_PER_S);
    }
    buf_free(&b);
    *e = (struct user_excess){0};
}

/* --- what is refused --- */

uint64_t user_refusals_sum(const struct user_refusals *r)
{
    uint64_t sum = 0;

    for (unsigned w = 0; w < USER_LIMITS; w++)
        sum += r->n[w];
    return sum;
}

static struct user_refusals *refusals_of(struct user *u)
{
    struct user_refusals *r = u->all->refused;

    if (u == &u->all->others)
        return &r[USERS_TOLD];
    for (unsigned i = 0; i < USERS_TOLD; i++) {
        bool used = user_refusals_sum(&r[i]) > 0;

        if (!used)
            r[i].uid = u->uid;
        if (!used || r[i].uid == u->uid)
            return &r[i];
    }
    return &r[USERS_TOLD];
}

static enum user_answer exceed(struct user *u, enum user_limit w, int64_t now,
                               struct metric_fault *f)
{
    struct user_excess *e = &u->excess[w];

    refusals_of(u)->n[w]++;
    if (e->since == 0) {
        e->since = now;
        say_excess(u, w, now);
    }
    e->last = now;
    e->refused++;
    if (f != NULL)
        explain_excess(u, w, f);
    return USER_BEYOND;
}

/* --- what it may --- */

static int64_t per_second(const struct user *u, enum user_limit w)
{
    return w == USER_METRICS ? u->all->limits->metrics : u->all->limits->bytes;
}

static bool is_spent(const struct user *u, enum user_limit w, int64_t now)
{
    int64_t rate = per_second(u, w);

    return rate > 0 && u->spent[w] + NS_PER_S / rate - now > BURST; /* not one more */
}

static void spend(struct user *u, enum user_limit w, size_t n, int64_t now)
{
    if (per_second(u, w) == 0)
        return;
    if (u->spent[w] < now)
        u->spent[w] = now;
    u->spent[w] += (int64_t)n * NS_PER_S / per_second(u, w);
}

static void next_hour(struct user *u, int64_t now)
{
    if (now - u->hour < HOUR)
        return;
    series_free(&u->series);
    u->hour = now;
}

enum user_answer user_may(struct user *u, const struct metric *m, int64_t now,
                          struct metric_fault *f)
{
    int64_t most = u->all->limits->series;

    if (is_spent(u, USER_METRICS, now))
        return exceed(u, USER_METRICS, now, f);
    if (is_spent(u, USER_BYTES, now))
        return exceed(u, USER_BYTES, now, f);
    if (most == 0)
        return USER_MAY;
    next_hour(u, now);
    switch (series_add(&u->series, series_hash(m, u->all->seed), (size_t)most)) {
    case SERIES_FULL:
        return exceed(u, USER_SERIES, now, f);
    case SERIES_NO_MEMORY:
        return USER_NO_MEMORY;
    default:
        return USER_MAY;
    }
}

void user_took(struct user *u, size_t bytes, int64_t now)
{
    spend(u, USER_METRICS, 1, now);
    spend(u, USER_BYTES, bytes, now);
}

/* --- who is known --- */

/* Its series are of another hour, it owes nothing, and nobody waits for the end of a refusal. */
static bool is_forgettable(const struct user *u, int64_t now)
{
    bool refused = false, spent = false;

    for (unsigned w = 0; w < USER_LIMITS; w++)
        refused |= u->excess[w].since != 0;
    for (unsigned w = 0; w < USER_SERIES; w++)
        spent |= u->spent[w] > now;
    return u->sessions == 0 && !refused && !spent && now - u->hour >= HOUR;
}

static void forget(struct user *u)
{
    LIST_REMOVE(u, users);
    u->all->n--;
    series_free(&u->series);
    free(u);
}

static void review(struct user *u, int64_t now)
{
    for (unsigned w = 0; w < USER_LIMITS; w++)
        if (u->excess[w].since != 0 && now - u->excess[w].last >= CALM)
            say_excess_ended(u, w);
    if (now - u->hour >= HOUR)
        series_free(&u->series);
}

static void on_look(void *arg)
{
    struct users *us = arg;

    users_look(us, loop_now(us->loop));
}

static void look_later(struct users *us, int64_t now)
{
    if (!us->look.armed)
        loop_timer_set(us->loop, &us->look, clock_second(now + LOOK), on_look, us);
}

void users_look(struct users *us, int64_t now)
{
    struct user *next;

    for (struct user *u = LIST_FIRST(&us->list); u != NULL; u = next) {
        next = LIST_NEXT(u, users);
        review(u, now);
        if (is_forgettable(u, now))
            forget(u);
    }
    review(&us->others, now);
    if (us->n > 0 || !is_forgettable(&us->others, now))
        look_later(us, now);
}

static struct user *known_user(const struct users *us, uid_t uid)
{
    struct user *u;

    LIST_FOREACH (u, &us->list, users)
        if (u->uid == uid)
            break;
    return u;
}

static struct user *add_user(struct users *us, uid_t uid, int64_t now)
{
    struct user *u;

    if (us->n >= USERS_MAX)
        users_look(us, now);
    if (us->n >= USERS_MAX || (u = calloc(1, sizeof *u)) == NULL)
        return &us->others;
    u->all = us;
    u->uid = uid;
    u->hour = now;
    LIST_INSERT_HEAD(&us->list, u, users);
    us->n++;
    return u;
}

struct user *user_enter(struct users *us, uid_t uid, int64_t now)
{
    struct user *u = known_user(us, uid);

    if (u == NULL)
        u = add_user(us, uid, now);
    u->sessions++;
    look_later(us, now);
    return u;
}

void user_leave(struct user *u)
{
    u->sessions--;
}

/* --- beginning and end --- */

void users_init(struct users *us, struct loop *l, const struct conf_per_user *limits)
{
    *us = (struct users){.loop = l, .limits = limits, .seed = random_u64(), .others.all = us};
    LIST_INIT(&us->list);
}

void users_free(struct users *us)
{
    struct user *u;

    for (unsigned w = 0; w < USER_LIMITS; w++) {
        LIST_FOREACH (u, &us->list, users)
            say_excess_ended(u, w);
        say_excess_ended(&us->others, w);
    }
    while ((u = LIST_FIRST(&us->list)) != NULL)
        forget(u);
    series_free(&us->others.series);
    loop_timer_clear(us->loop, &us->look);
}
