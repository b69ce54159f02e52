/* sink/lookup.c - finds the frame, and goes through it. Fails where the spool does */
#include "sink/lookup.h"

#include <stdlib.h>

#include "model/record.h"
#include "spool/tail.h"

static bool find_in_frame(const struct tail_frame *f, uint64_t seq, struct buf *name)
{
    struct metric *m = malloc(sizeof *m); /* too large for a stack */
    uint64_t at = f->seq;
    size_t from = 0, size = 1;

    while (m != NULL && size > 0 && at <= seq) {
        size = record_get((const char *)f->payload + from, f->length - from, m);
        from += size;
        at++;
    }
    if (m != NULL && size > 0)
        buf_putstr(name, m->name);
    free(m);
    return at == seq + 1 && size > 0 && buf_ok(name);
}

bool lookup_name(int dirfd, uint64_t seq, struct buf *name)
{
    struct tail *t = tail_open(dirfd, seq);
    struct tail_frame f;
    bool found = false;

    if (t == NULL)
        return false;
    if (tail_next(t, &f) == TAIL_FRAME && f.seq <= seq && seq - f.seq < f.count)
        found = find_in_frame(&f, seq, name);
    tail_close(t);
    return found;
}
