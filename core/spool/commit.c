/* spool/commit.c - what is held, tickets, and the log lines of a trouble's begin and end
 *
 * The only failure is a batch that is refused, with the reason.
 */
#include "spool/commit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "spool/sync.h"

/* --- what is held --- */

struct held_batch {
    STAILQ_ENTRY(held_batch) next;
    size_t n;
    uint32_t count;
    int64_t accepted_ns; /* wall clock */
    int64_t since_ns;    /* mono */
    char payload[];
};

static size_t cost(size_t n)
{
    return sizeof(struct held_batch) + n;
}

bool backlog_put(struct backlog *b, const void *payload, size_t n, uint32_t count)
{
    struct held_batch *h;

    if (n > BACKLOG_MAX || cost(n) > BACKLOG_MAX - b->bytes || (h = malloc(cost(n))) == NULL)
        return false;
    h->n = n;
    h->count = count;
    h->accepted_ns = clock_wall();
    h->since_ns = clock_mono();
    memcpy(h->payload, payload, n);
    if (b->batches == 0)
        STAILQ_INIT(&b->held);
    STAILQ_INSERT_TAIL(&b->held, h, next);
    b->bytes += cost(n);
    b->batches++;
    b->metrics += count;
    return true;
}

static void drop_oldest(struct backlog *b)
{
    struct held_batch *h = STAILQ_FIRST(&b->held);

    STAILQ_REMOVE_HEAD(&b->held, next);
    b->bytes -= cost(h->n);
    b->batches--;
    b->metrics -= h->count;
    free(h);
}

int backlog_flush(struct backlog *b, struct append *a)
{
    uint64_t end;

    for (; b->batches > 0; drop_oldest(b)) {
        const struct held_batch *h = STAILQ_FIRST(&b->held);

        if (append_held(a, h->payload, h->n, h->count, h->accepted_ns, &end) < 0)
            return -1;
    }
    return 0;
}

int64_t backlog_since(const struct backlog *b)
{
    return b->batches > 0 ? STAILQ_FIRST(&b->held)->since_ns : 0;
}

void backlog_clear(struct backlog *b)
{
    while (b->batches > 0)
        drop_oldest(b);
}

/* --- verdicts --- */

static void report_error(struct commit *c, int error)
{
    errno = error;
    if (error && !c->error)
        log_error(
            "spool: cannot be written: %m; metrics are held in memory, up to %d MiB, for less "
            "than a second, and then refused, until it can",
            BACKLOG_MAX >> 20);
    if (!error && c->error)
        log_info("spool: can be written again");
    c->error = error;
}

/* Once of each, in order. */
static void decide(struct commit *c, uint64_t ticket, const char *why)
{
    if (ticket <= c->decided)
        return;
    c->decided = ticket;
    c->ev.verdict(c->ev.arg, ticket, why);
}

/* --- writing --- */

static void ask(struct commit *c)
{
    sync_request(c->sync, append_segment(c->spool), c->written);
}

/* Everything up to c->written is in the spool. True: its verdict comes later. */
static bool must_wait(struct commit *c)
{
    c->dirty = true;
    c->ev.written(c->ev.arg);
    if (c->durable) {
        c->synced_for = c->written;
        ask(c);
    }
    return c->durable;
}

/* For what is written now. A ticket that the helper was asked about, or that is decided, takes no more. */
static uint64_t open_ticket(struct commit *c)
{
    uint64_t asked = sync_asked(c->sync);

    if (c->written <= c->decided || c->written <= asked)
        c->written = ++c->last;
    return c->written;
}

/* Whatever may become possible again; the rest is about the batch and for ever. */
static bool may_pass(int error)
{
    return error != EINVAL && error != EOVERFLOW;
}

static int refuse(struct commit *c, uint64_t count, struct why *why)
{
    why_set(why, "the spool cannot be written: %s; send it again later", strerror(c->error));
    c->refused += count;
    remark_set(&c->refusal, "%s", why->text);
    return -1;
}

static int hold_batch(struct commit *c, const void *records, size_t n, uint32_t count,
                      uint64_t *ticket, struct why *why)
{
    if (c->ending || !may_pass(c->error) || !backlog_put(&c->backlog, records, n, count))
        return refuse(c, count, why);
    *ticket = ++c->last;
    return 1;
}

int commit_batch(struct commit *c, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                 struct why *why)
{
    uint64_t end;

    if (c->gone || c->backlog.metrics > 0) /* in order: behind what is held */
        return hold_batch(c, records, n, count, ticket, why);
    report_error(c, append_frame(c->spool, records, n, count, &end) == 0 ? 0 : errno);
    if (c->error)
        return hold_batch(c, records, n, count, ticket, why);
    *ticket = open_ticket(c);
    return must_wait(c);
}

void commit_retry(struct commit *c)
{
    uint64_t before = c->backlog.batches;

    if (c->gone || before == 0)
        return;
    report_error(c, backlog_flush(&c->backlog, c->spool) == 0 ? 0 : errno);
    if (c->backlog.batches == before)
        return;
    c->written += before - c->backlog.batches;
    if (!must_wait(c))
        decide(c, c->written, NULL);
}

void commit_refuse_late(struct commit *c, int64_t now)
{
    struct backlog *b = &c->backlog;
    uint64_t before = b->metrics;
    struct why why;

    if (c->synced_for > c->decided) /* verdicts come in order: that one is on its way */
        return;
    for (; b->batches > 0 && now - backlog_since(b) >= HELD_MOST; drop_oldest(b))
        c->written++; /* or told of, as here: what is still held comes after it */
    if (b->metrics == before)
        return;
    (void)refuse(c, before - b->metrics, &why);
    decide(c, c->written, why.text);
}

void commit_end(struct commit *c)
{
    uint64_t left;

    commit_retry(c);
    c->ending = true;
    decide(c, c->written,
           "it is in the spool, but garnetd ends before it is known to be on the disk: it may "
           "not survive a power loss; send it again");
    if ((left = c->backlog.metrics) == 0)
        return;
    backlog_clear(&c->backlog);
    c->refused += left;
    log_error("spool: %" PRIu64 " metrics that were held in memory are refused: garnetd ends, and "
              "the spool still cannot be written",
              left);
    c->written = c->last;
    decide(c, c->last, "the spool cannot be written, and garnetd ends; send it again later");
}

/* --- syncing --- */

/* With the next order the helper makes room. True: a file of the reserve as well, and that it has made it, it says with
 * the order after that. */
static bool make_room(struct commit *c)
{
    struct reserve_file file = {0};
    bool lacks = !c->gone && !c->ending && reserve_ask(&c->spool->folder.reserve, &file);

    if (!c->ending)
        sync_make(c->sync, &file);
    return lacks;
}

void commit_sync(struct commit *c)
{
    bool lacks = make_room(c);

    if ((c->dirty || lacks) && !c->gone)
        ask(c);
    c->dirty = false;
}

void commit_reserved(void *arg, const struct reserve_file *file)
{
    struct commit *c = arg;

    append_reserved(c->spool, file);
}

uint64_t commit_seal(void *arg)
{
    struct commit *c = arg;

    return append_seal(c->spool);
}

static void say_again(struct commit *c, int error)
{
    errno = error;
    if (!c->failing)
        log_error("spool: syncing to disk failed: %m; what is not on the disk is written again");
    c->failing = true;
}

static void say_safe(struct commit *c)
{
    if (c->unsafe)
        log_info("spool: can be synced again");
    else if (c->failing)
        log_info("spool: what could not be synced has been written again and is on the disk");
    c->failing = c->unsafe = false;
}

/* Tried again each second, and with each batch. */
static void say_unsafe(struct commit *c, int error)
{
    errno = error;
    if (!c->unsafe)
        log_error("spool: writing it again failed: %m; metrics since the last sync may not survive "
                  "a power loss");
    c->failing = c->unsafe = c->dirty = true;
}

void commit_answered(void *arg, enum sync_verdict v, uint64_t seq, int error)
{
    struct commit *c = arg;

    if (v == SYNC_AGAIN) {
        say_again(c, error);
    } else if (v == SYNC_SAFE) {
        say_safe(c);
        decide(c, seq, NULL);
        if (make_room(c)) /* one file after the other, as long as there is room */
            ask(c);
    } else {
        say_unsafe(c, error);
        decide(c, seq,
               "it is in the spool, but the disk could not be synced: it may not survive a "
               "power loss; send it again");
    }
}

/* --- the folder --- */

/* What is held goes into the next one; what was written is gone with this one, synced or not. */
static void lose_folder(struct commit *c)
{
    sync_forget(c->sync);
    c->failing = c->unsafe = c->dirty = false;
    decide(c, c->written,
           "the spool was removed before it was synced: it may be lost; send it again");
}

/* Sequence numbers go on, so what the sinks had not sent from it is a gap, and counted by them. */
bool commit_look(struct commit *c, const char *dir)
{
    bool was_gone = c->gone;
    struct why why;

    if (!c->gone && append_there(c->spool, dir))
        return false;
    if (!was_gone)
        lose_folder(c);
    c->gone = !append_reopen(c->spool, dir, &why);
    if (c->gone && !was_gone)
        log_error("spool %s was removed or replaced, and %s; metrics are held in memory, up to "
                  "%d MiB, for less than a second, and then refused, until it can be used",
                  dir, why.text, BACKLOG_MAX >> 20);
    if (c->gone) {
        c->error = ENOENT;
        return false;
    }
    log_error("spool %s was removed or replaced: it has been opened again; what was in it and had "
              "not been sent is lost, and counted by each sink",
              dir);
    sync_renew(c->sync, append_next_seq(c->spool));
    return true;
}
