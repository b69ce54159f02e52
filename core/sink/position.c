/* sink/position.c - how far a sink has come
 *
 * A cursor that cannot be stored (full disk) loses nothing and stops nothing: the sink goes on, and
 * after a crash it would send again what came since. It is told once, and told again when it works.
 */
#include "sink/position.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static const int64_t STORE_EVERY = 100 * NS_PER_MS, SYNC_EVERY = NS_PER_S;
static const uint64_t STORE_BYTES = 1 << 20;

int position_open(struct position *p, int dirfd, const char *name)
{
    *p = (struct position){.cursor = {.fd = -1}};
    return cursor_open(&p->cursor, dirfd, name);
}

struct point position_point(const struct position *p)
{
    struct point at = {.seq = p->cursor.state.position};

    memcpy(at.dropped, p->cursor.state.dropped, sizeof at.dropped);
    return at;
}

bool position_full(const struct position *p)
{
    return p->n == POSITION_MARKS;
}

void position_mark(struct position *p, uint64_t offset, const struct point *at)
{
    if (position_full(p))
        panic("more than %d marks", POSITION_MARKS);
    p->marks[(p->head + p->n++) % POSITION_MARKS] = (struct mark){offset, *at};
}

bool position_pass(struct position *p, uint64_t offset)
{
    const struct mark *last = NULL;

    while (p->n > 0 && p->marks[p->head].offset <= offset) {
        last = &p->marks[p->head];
        p->head = (p->head + 1) % POSITION_MARKS;
        p->n--;
    }
    if (last == NULL)
        return false;
    p->cursor.state.position = last->at.seq;
    memcpy(p->cursor.state.dropped, last->at.dropped, sizeof last->at.dropped);
    p->unsaved += last->offset - p->passed;
    p->passed = last->offset;
    p->dirty = true;
    return true;
}

void position_forget(struct position *p)
{
    p->head = p->n = 0;
    p->passed = 0;
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

static bool store(struct position *p, int64_t now)
{
    p->stored_ns = now;
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
