/* sink/position.c - how far a sink has come
 *
 * A cursor that cannot be stored (full disk) loses nothing and stops nothing: the sink goes on, and
 * after a crash it would send again what came since. It is told once, and told again when it works.
 */
#include "sink/position.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sink/horizon.h"

static const int64_t STORE_EVERY = 100 * NS_PER_MS, SYNC_EVERY = NS_PER_S;
static const int64_t HORIZON_EVERY = 10 * NS_PER_S;
static const uint64_t STORE_BYTES = 1 << 20;

/* What the worker before us would have gone back to is where our trail begins. */
int position_open(struct position *p, int dirfd, const char *name, int64_t replay_ns, int64_t now)
{
    struct cursor_state *s = &p->cursor.state;
    uint64_t back;

    *p = (struct position){
        .cursor = {.fd = -1}, .replay_ns = replay_ns, .moved_ns = now, .dirfd = dirfd};
    if (cursor_open(&p->cursor, dirfd, name) < 0)
        return -1;
    p->again = s->position - s->owed;
    back = s->keep + s->window;
    p->trail[p->ntrail].at_ns = now;
    p->trail[p->ntrail++].seq = back > s->start ? back : s->start;
    return 0;
}

void position_depends(struct position *p, int64_t window_ns)
{
    p->window_ns = window_ns;
}

struct point position_point(const struct position *p)
{
    struct point at = {.seq = p->cursor.state.position};

    memcpy(at.dropped, p->cursor.state.dropped, sizeof at.dropped);
    return at;
}

/* ---- the trail ------------------------------------------------------------------------------- */

/* Where the position was replay_ns ago, or a little before that. */
static uint64_t long_ago(const struct position *p, int64_t now)
{
    uint64_t seq = p->trail[0].seq;

    if (p->moved_ns <= now - p->replay_ns)
        return p->cursor.state.position;
    for (unsigned i = 1; i < p->ntrail && p->trail[i].at_ns <= now - p->replay_ns; i++)
        seq = p->trail[i].seq;
    return seq;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The position as it is now, unless that was remembered a moment ago; what nobody will go back to
 * is forgotten. Half the trail covers the whole replay. */
static void leave_trail(struct position *p, int64_t now)
{
    unsigned old = 0;

    if (now - p->trail[p->ntrail - 1].at_ns < p->replay_ns / (POSITION_TRAIL / 2))
        return;
    while (old + 1 < p->ntrail && p->trail[old + 1].at_ns <= now - p->replay_ns)
        old++;
    if (old == 0 && p->ntrail == POSITION_TRAIL)
        old = 1; /* the clock jumped: then rather too little */
    p->ntrail -= old;
    memmove(p->trail, p->trail + old, p->ntrail * sizeof p->trail[0]);
    p->trail[p->ntrail].at_ns = now;
    p->trail[p->ntrail++].seq = p->cursor.state.position;
}

/* ---- marks ----------------------------------------------------------------------------------- */

static struct mark *mark_at(struct position *p, unsigned i)
{
    return &p->marks[(p->head + i) % POSITION_MARKS];
}

const struct point *position_last(const struct position *p)
{
    return p->n > 0 ? &p->marks[(p->head + p->n - 1) % POSITION_MARKS].at : NULL;
}

static void thin_out(struct position *p)
{
    unsigned kept = 0;

    for (unsigned i = 1; i < p->n; i += 2)
        *mark_at(p, kept++) = *mark_at(p, i);
    p->n = kept;
}

void position_mark(struct position *p, uint64_t offset, const struct point *at)
{
    if (p->n == POSITION_MARKS)
        thin_out(p);
    *mark_at(p, p->n++) = (struct mark){offset, *at};
}

void position_drop(struct position *p, uint64_t offset, enum drop_reason reason, uint64_t n)
{
    for (unsigned i = 0; i < p->n; i++)
        if (mark_at(p, i)->offset >= offset)
            mark_at(p, i)->at.dropped[reason] += n;
}

static void move_to(struct position *p, const struct mark *m, int64_t now)
{
    leave_trail(p, now);
    p->moved_ns = now;
    p->cursor.state.position = m->at.seq;
    memcpy(p->cursor.state.dropped, m->at.dropped, sizeof m->at.dropped);
    p->unsaved += m->offset - p->passed;
    p->dirty = true;
}

static void owe_from(struct position *p, uint64_t again)
{
    p->dirty |= again != p->again;
    p->again = again;
}

bool position_pass(struct position *p, uint64_t offset, int64_t now)
{
    const struct mark *last = NULL;
    bool moves;

    while (p->n > 0 && p->marks[p->head].offset <= offset) {
        last = &p->marks[p->head];
        p->head = (p->head + 1) % POSITION_MARKS;
        p->n--;
    }
    moves = last != NULL && last->at.seq > p->cursor.state.position;
    if (moves)
        move_to(p, last, now);
    if (last != NULL)
        p->passed = last->offset;
    if (last != NULL)
        owe_from(p, last->at.seq > p->again ? last->at.seq : p->again);
    return moves;
}

uint64_t position_rewind(struct position *p, bool doubt, int64_t now)
{
    p->head = p->n = 0;
    p->passed = 0;
    if (doubt)
        owe_from(p, earlier(p->again, long_ago(p, now)));
    return p->again;
}

static bool succeeded(struct position *p, bool ok, const char *what)
{
    if (!ok && !p->sick)
        log_error("cannot %s the cursor: %m; after a crash metrics would be sent again", what);
    if (ok && p->sick)
        log_info("the cursor is being written again");
    p->sick = !ok;
    return ok;
}

/* Where the log begins that is needed for what is sent from `from` on. Not before the sink does:
 * what came before it existed may be gone already. */
static uint64_t needed(struct position *p, uint64_t from, int64_t now)
{
    uint64_t start = p->cursor.state.start;

    if (p->window_ns == 0)
        return from;
    if (p->horizon_ns == 0 || now - p->horizon_ns >= HORIZON_EVERY) {
        p->horizon = horizon_find(p->dirfd, from, p->window_ns);
        p->horizon_ns = now;
    }
    return earlier(p->horizon > start ? p->horizon : start, from);
}

static bool store(struct position *p, int64_t now)
{
    uint64_t back = earlier(p->again, long_ago(p, now));

    p->stored_ns = now;
    p->cursor.state.owed = p->cursor.state.position - p->again;
    p->cursor.state.keep = needed(p, back, now);
    p->cursor.state.window = back - p->cursor.state.keep;
    if (!succeeded(p, cursor_store(&p->cursor) == 0, "store"))
        return false;
    p->dirty = false;
    p->unsynced = true;
    p->unsaved = 0;
    return true;
}

static bool sync_now(struct position *p, int64_t now)
{
    p->synced_ns = now;
    p->unsynced = false; /* a failed sync is not repeated: the next store is synced */
    return succeeded(p, cursor_sync(&p->cursor) == 0, "sync");
}

/* A store that failed waits its turn like any other, however many bytes have passed. */
void position_save(struct position *p, int64_t now)
{
    bool soon = p->unsaved >= STORE_BYTES && !p->sick;

    if (p->dirty && (soon || now - p->stored_ns >= STORE_EVERY))
        (void)store(p, now);
    if (p->unsynced && now - p->synced_ns >= SYNC_EVERY)
        (void)sync_now(p, now);
}

bool position_flush(struct position *p, bool sync)
{
    int64_t now = clock_mono();

    return (!p->dirty || store(p, now)) && (!sync || !p->unsynced || sync_now(p, now));
}

static int64_t left(int64_t since, int64_t every, int64_t now)
{
    return now - since >= every ? 0 : since + every - now;
}

int64_t position_due(const struct position *p, int64_t now)
{
    if (p->dirty)
        return left(p->stored_ns, STORE_EVERY, now);
    return p->unsynced ? left(p->synced_ns, SYNC_EVERY, now) : -1;
}

void position_close(struct position *p)
{
    cursor_close(&p->cursor);
}
