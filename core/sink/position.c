/* sink/position.c - marks, and the cursor behind them
 *
 * A cursor that cannot be stored (full disk) loses nothing and stops nothing: the sink goes on, and
 * after a crash it would send again what came since. The log has it once, and once more when it works.
 */
#include "sink/position.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "spool/segment.h"

static const int64_t STORE_EVERY = 100 * NS_PER_MS, SYNC_EVERY = NS_PER_S;
static const int64_t HORIZON_EVERY = 10 * NS_PER_S;
static const uint64_t STORE_BYTES = 1 << 20;
static const int64_t FOR_EVER = INT64_MAX / 4;

/* --- the trail of the worker before us --- */

/* How long ago the cursor was stored, or less: the clock of a boot begins anew with the next one
 * and means nothing on another machine, and the wall clock jumps. Too little costs repeats. */
static int64_t since_stored(const struct cursor_state *s, int64_t now)
{
    int64_t mono = now - s->stored_ns, wall = clock_wall() - s->wall_ns;
    int64_t ns = mono < wall ? mono : wall;

    return ns > 0 ? ns : 0;
}

/* A sum that is right says that we have written it, not that we were right. */
static bool makes_sense(const struct cursor_state *s)
{
    const struct cursor_trail *t = s->trail;

    for (uint64_t i = 1; i < s->ntrail; i++)
        if (t[i].at_ns < t[i - 1].at_ns || t[i].seq < t[i - 1].seq)
            return false;
    return s->ntrail > 0 && t[0].at_ns > -FOR_EVER && t[0].seq >= s->start &&
           t[s->ntrail - 1].seq <= s->position && t[s->ntrail - 1].at_ns <= s->moved_ns &&
           s->moved_ns <= s->stored_ns && s->stored_ns < FOR_EVER && s->wall_ns >= 0;
}

/* Its times become ours. Without a trail, ours begins where it would have gone back to. */
static void take_trail(struct cursor_state *s, int64_t now)
{
    uint64_t back = s->keep + s->window;
    int64_t by;

    if (makes_sense(s)) {
        by = now - since_stored(s, now) - s->stored_ns;
        s->moved_ns += by;
        for (uint64_t i = 0; i < s->ntrail; i++)
            s->trail[i].at_ns += by;
        return;
    }
    s->moved_ns = now;
    s->trail[0] = (struct cursor_trail){now, back > s->start ? back : s->start};
    s->ntrail = 1;
}

static void free_marks(struct position *p)
{
    free(p->marks.v);
    free(p->unsure.v);
    p->marks.v = p->unsure.v = NULL;
}

/* What the worker before us had in memory is nobody's: who looks at the cursor is to know at once. A store
 * that fails costs no more than that. */
static void begin_reading(struct cursor *c)
{
    struct cursor_state *s = &c->state;

    if (s->taken == s->position && s->lost == s->dropped[DROP_EXPIRED])
        return;
    s->taken = s->position;
    s->lost = s->dropped[DROP_EXPIRED];
    (void)cursor_store(c);
}

int position_open(struct position *p, int dirfd, const char *name,
                  const struct position_rules *rules, int64_t now)
{
    struct cursor_state *s = &p->cursor.state;

    *p = (struct position){.rules = *rules,
                           .cursor = {.fd = -1},
                           .marks.cap = rules->fine ? POSITION_MARKS_FINE : POSITION_MARKS,
                           .unsure.cap = POSITION_MARKS,
                           .dirfd = dirfd};
    p->marks.v = reallocarray(NULL, p->marks.cap, sizeof *p->marks.v);
    p->unsure.v = reallocarray(NULL, p->unsure.cap, sizeof *p->unsure.v);
    if (p->marks.v == NULL || p->unsure.v == NULL || cursor_open(&p->cursor, dirfd, name) < 0) {
        free_marks(p);
        return -1;
    }
    p->again = s->position - s->owed;
    p->sure = position_point(p);
    p->sure.seq = p->again;
    begin_reading(&p->cursor);
    take_trail(s, now);
    return 0;
}

struct point position_point(const struct position *p)
{
    struct point at = {.seq = p->cursor.state.position};

    memcpy(at.dropped, p->cursor.state.dropped, sizeof at.dropped);
    return at;
}

/* --- the trail --- */

/* Where the position was replay_ns ago, or a little before that. */
static uint64_t long_ago(const struct position *p, int64_t now)
{
    const struct cursor_state *s = &p->cursor.state;
    uint64_t seq = s->trail[0].seq;

    if (s->moved_ns <= now - p->rules.replay_ns)
        return s->position;
    for (uint64_t i = 1; i < s->ntrail && s->trail[i].at_ns <= now - p->rules.replay_ns; i++)
        seq = s->trail[i].seq;
    return seq;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The position that was just reached, unless another was a moment ago; what nobody will go back to
 * is forgotten. All but two points cover the whole replay. */
static void leave_trail(struct position *p, int64_t now)
{
    struct cursor_state *s = &p->cursor.state;
    uint64_t old = 0;

    if (now - s->trail[s->ntrail - 1].at_ns < p->rules.replay_ns / (CURSOR_TRAIL - 2))
        return;
    while (old + 1 < s->ntrail && s->trail[old + 1].at_ns <= now - p->rules.replay_ns)
        old++;
    if (old == 0 && s->ntrail == CURSOR_TRAIL)
        old = 1; /* the clock jumped: then rather too little */
    s->ntrail -= old;
    memmove(s->trail, s->trail + old, s->ntrail * sizeof s->trail[0]);
    s->trail[s->ntrail++] = (struct cursor_trail){now, s->position};
}

/* --- marks --- */

static struct mark *mark_at(const struct marks *m, unsigned i)
{
    unsigned at = m->head + i; /* once round at most */

    return &m->v[at < m->cap ? at : at - m->cap];
}

static struct mark *first_before(const struct marks *m, uint64_t offset)
{
    return m->n > 0 && mark_at(m, 0)->offset <= offset ? mark_at(m, 0) : NULL;
}

static void drop_mark(struct marks *m)
{
    m->head = m->head + 1 < m->cap ? m->head + 1 : 0;
    m->n--;
}

static void put_mark(struct marks *m, uint64_t offset, const struct point *at)
{
    if (m->n == m->cap) { /* every other one is forgotten */
        m->n /= 2;
        for (unsigned i = 0; i < m->n; i++)
            *mark_at(m, i) = *mark_at(m, 2 * i + 1);
    }
    if (m->n == 0)
        m->head = 0; /* the memory behind is not touched where few are under way */
    *mark_at(m, m->n++) = (struct mark){offset, *at};
}

const struct point *position_last(const struct position *p)
{
    return p->marks.n > 0 ? &mark_at(&p->marks, p->marks.n - 1)->at : NULL;
}

bool position_room(const struct position *p, unsigned n)
{
    const struct marks *m = &p->marks;

    return m->n == 0 || (n <= m->cap && m->n <= m->cap - n);
}

bool position_settled(const struct position *p)
{
    return p->marks.n == 0 && p->unsure.n == 0;
}

void position_mark(struct position *p, uint64_t offset, const struct point *at)
{
    put_mark(&p->marks, offset, at);
}

void position_drop(struct position *p, uint64_t offset, enum drop_reason reason, uint64_t n)
{
    for (unsigned i = 0; i < p->marks.n; i++)
        if (mark_at(&p->marks, i)->offset >= offset)
            mark_at(&p->marks, i)->at.dropped[reason] += n;
}

static void owe_from(struct position *p, uint64_t again)
{
    p->dirty |= again != p->again;
    p->again = again;
}

/* It does not go back: what is read again though nothing was wrong with it says nothing. */
static void make_sure(struct position *p, const struct point *at)
{
    if (at->seq >= p->sure.seq)
        p->sure = *at;
}

/* The marks up to `offset`, from which what is beyond `sure` is kept. The last one. */
static bool pass_marks(struct position *p, uint64_t offset, uint64_t sure, struct mark *last)
{
    const struct mark *m;
    bool any = false;

    while ((m = first_before(&p->unsure, sure)) != NULL) {
        make_sure(p, &m->at);
        drop_mark(&p->unsure);
    }
    while ((m = first_before(&p->marks, offset)) != NULL) {
        *last = *m;
        any = true;
        drop_mark(&p->marks);
        if (last->offset <= sure)
            make_sure(p, &last->at);
        else
            put_mark(&p->unsure, last->offset, &last->at);
    }
    return any;
}

bool position_pass(struct position *p, uint64_t offset, uint64_t sure, int64_t now)
{
    struct mark last;
    bool any = pass_marks(p, offset, sure, &last);
    bool moves = any && last.at.seq > p->cursor.state.position;

    if (moves) {
        p->cursor.state.moved_ns = now;
        p->cursor.state.position = last.at.seq;
        leave_trail(p, now);
        memcpy(p->cursor.state.dropped, last.at.dropped, sizeof last.at.dropped);
        p->unsaved += last.offset - p->passed;
        p->dirty = true;
    }
    if (any)
        p->passed = last.offset;
    owe_from(p, p->sure.seq > p->again ? p->sure.seq : p->again);
    return moves;
}

uint64_t position_rewind(struct position *p, bool doubt, int64_t now)
{
    p->marks.head = p->marks.n = p->unsure.n = 0;
    p->passed = 0;
    if (doubt)
        owe_from(p, earlier(p->again, long_ago(p, now)));
    p->sure.seq = p->again;
    return p->again;
}

void position_note(struct position *p, uint64_t taken, uint64_t lost, uint64_t in_doubt,
                   uint64_t sent)
{
    struct cursor_state *s = &p->cursor.state;

    p->noted |= s->taken != taken || s->lost != lost || s->in_doubt != in_doubt || s->sent != sent;
    s->taken = taken;
    s->lost = lost;
    s->in_doubt = in_doubt;
    s->sent = sent;
}

static bool report_store(struct position *p, bool ok, const char *what)
{
    if (!ok && !p->sick)
        log_error("cannot %s the cursor: %m; after a crash metrics would be sent again", what);
    if (ok && p->sick)
        log_info("the cursor is being written again");
    p->sick = !ok;
    return ok;
}

static uint64_t log_before(const struct position *p, uint64_t at, int64_t ns)
{
    return ns > 0 ? segment_horizon(p->dirfd, at, ns) : at;
}

/* Where the log begins that is needed for what is sent from `from` on. Not before the sink does:
 * what came before it existed may be gone already. */
static uint64_t needed_from(struct position *p, uint64_t from, int64_t now)
{
    uint64_t start = p->cursor.state.start;

    if (p->rules.window_ns == 0 && p->rules.warm_ns == 0)
        return from;
    if (p->horizon_ns == 0 || now - p->horizon_ns >= HORIZON_EVERY) {
        p->horizon = log_before(p, log_before(p, from, p->rules.warm_ns), p->rules.window_ns);
        p->horizon_ns = now;
    }
    return earlier(p->horizon > start ? p->horizon : start, from);
}

static bool store(struct position *p, int64_t now)
{
    uint64_t back = earlier(p->again, long_ago(p, now));

    p->stored_ns = p->cursor.state.stored_ns = now;
    p->cursor.state.wall_ns = clock_wall();
    p->cursor.state.owed = p->rules.never_twice ? 0 : p->cursor.state.position - p->again;
    p->cursor.state.keep = needed_from(p, back, now);
    p->cursor.state.window = back - p->cursor.state.keep;
    if (!report_store(p, cursor_store(&p->cursor) == 0, "store"))
        return false;
    p->unsynced |= p->dirty;
    p->dirty = p->noted = false;
    p->unsaved = 0;
    return true;
}

static bool sync_now(struct position *p, int64_t now)
{
    p->synced_ns = now;
    p->unsynced = false; /* a failed sync is not repeated: the next store is synced */
    return report_store(p, cursor_sync(&p->cursor) == 0, "sync");
}

static int64_t left(int64_t since, int64_t every, int64_t now)
{
    return now - since >= every ? 0 : since + every - now;
}

/* What would be sent again is less than what is kept for it; ns until then, or -1. While the
 * position moves that is stored with it. */
static int64_t outlived_in(const struct position *p, int64_t now)
{
    const struct cursor_state *s = &p->cursor.state;

    return s->keep + s->window < p->again ? left(s->moved_ns, p->rules.replay_ns, now) : -1;
}

/* A store that failed waits its turn like any other, however many bytes have passed. */
void position_save(struct position *p, int64_t now)
{
    bool soon = p->unsaved >= STORE_BYTES && !p->sick;

    p->dirty |= outlived_in(p, now) == 0;
    if ((p->dirty || p->noted) && (soon || now - p->stored_ns >= STORE_EVERY))
        (void)store(p, now);
    if (p->unsynced && now - p->synced_ns >= SYNC_EVERY)
        (void)sync_now(p, now);
}

bool position_flush(struct position *p, bool sync, int64_t now)
{
    return ((!p->dirty && !p->noted) || store(p, now)) &&
           (!sync || !p->unsynced || sync_now(p, now));
}

int64_t position_due(const struct position *p, int64_t now)
{
    if (p->dirty || p->noted)
        return left(p->stored_ns, STORE_EVERY, now);
    return p->unsynced ? left(p->synced_ns, SYNC_EVERY, now) : outlived_in(p, now);
}

void position_close(struct position *p)
{
    cursor_close(&p->cursor);
    free_marks(p);
}
