/* sink/sender.c - the way of the batch at hand
 *
 * Two ways with one face. The outlet counts in bytes of its stream, a plugin that delivers in bytes of
 * the batches that it was given: the position's marks are in either. Fails only through the plugin.
 */
#include "sink/sender.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "sink/lookup.h"

static const struct rate REJECTIONS = {3, 60 * NS_PER_S, 60 * NS_PER_S};

/* Metrics are sent again that may have arrived and must not come twice. */
static void count_doubt(struct sender *s, uint64_t metrics)
{
    s->in_doubt += metrics;
    atomic_store(&s->board->in_doubt, s->in_doubt);
}

/* By its name, for which the spool is read once more, or else by where in the batch it is. */
static void log_rejected(struct sender *s, const struct deliver_loss *l)
{
    struct buf first = {0};
    uint64_t ignored;

    if (!ratelimit_take(&s->rejections, &REJECTIONS, clock_mono(), &ignored))
        return;
    buf_putc(&first, '"');
    if (l->place == 0 || !lookup_name(s->feed->dirfd, l->place - 1, &first)) {
        buf_reset(&first);
        buf_putf(&first, "number %" PRIu32, l->first);
    } else {
        buf_putc(&first, '"');
    }
    log_warn("%" PRIu32 " of a batch of %" PRIu32
             " metrics are rejected, the first named being %.*s: %s (more are counted, and logged "
             "three times a minute at most)",
             l->n, l->of, (int)first.n, first.n > 0 ? first.p : "", l->why);
    buf_free(&first);
}

/* What came out about a batch, before or after it was marked. One that was read again has its account
 * already, whatever is said of it now. */
static void on_lost(void *arg, const struct deliver_loss *l)
{
    struct sender *s = arg;
    enum drop_reason reason = l->stale ? DROP_STALE : DROP_REJECTED;

    if (l->end <= s->again_to)
        return;
    position_drop(s->position, l->end, reason, l->n);
    feed_drop(s->feed, reason, l->n);
    if (l->stale)
        feed_log_stale(s->feed, l->n, l->eldest_ns);
    else
        log_rejected(s, l);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What the worker before us had sent and did not put down as arrived. The page knows to the last metric, a
 * new page nothing: then the cursor does, but for the last 100 ms. */
static void take_doubt(struct sender *s)
{
    const struct cursor_state *c = &s->position->cursor.state;
    uint64_t left = atomic_load(&s->board->sent);

    left = left != 0 ? left : c->sent;
    s->in_doubt = larger(atomic_load(&s->board->in_doubt), c->in_doubt);
    count_doubt(s, left > c->position && !s->repeatable ? left - c->position : 0);
    atomic_store(&s->board->sent, c->position);
}

void sender_open(struct sender *s, struct loop *l, const struct conf_sink *sink, struct feed *f,
                 struct position *at)
{
    struct plugin *p = f->batch->plugin;
    struct scoreboard *board = f->batch->board;
    uint64_t can_drop = feed_can_drop(f);

    *s = (struct sender){.feed = f,
                         .position = at,
                         .board = board,
                         .by_plugin = p->def.deliver != NULL,
                         .flush = p->flush,
                         .repeatable = (p->def.flags & GARNET_IDEMPOTENT) != 0};
    if (s->by_plugin)
        deliver_init(&s->deliver, p, f->rules.max_age, on_lost, s);
    else
        outlet_init(&s->outlet, l, sink, s->repeatable, (p->def.flags & GARNET_ORDERED) != 0);
    if (s->by_plugin || link_datagrams(sink))
        can_drop |= 1 << DROP_REJECTED;
    atomic_store(&board->can_drop, can_drop);
    take_doubt(s);
}

void sender_close(struct sender *s)
{
    if (s->position != NULL && !s->by_plugin)
        outlet_free(&s->outlet);
}

void sender_free(struct sender *s)
{
    deliver_free(&s->deliver);
}

bool sender_may(const struct sender *s, int64_t now)
{
    return s->by_plugin ? deliver_may(&s->deliver, now) : outlet_up(&s->outlet);
}

bool sender_hopes(struct sender *s, bool more, int64_t now)
{
    uint64_t ended = s->ended;

    if (!s->by_plugin)
        return outlet_up(&s->outlet);
    s->ended = s->deliver.ended;
    return s->ended != ended || (more && deliver_may(&s->deliver, now));
}

bool sender_in_flight(const struct sender *s, int64_t now)
{
    return s->by_plugin && deliver_in_flight(&s->deliver, now);
}

void sender_rest(struct sender *s, bool rest)
{
    s->deliver.rests = rest;
}

bool sender_stalled(const struct sender *s)
{
    return s->by_plugin ? s->deliver.stalled : outlet_stalled(&s->outlet);
}

int64_t sender_due(const struct sender *s, int64_t now)
{
    return s->by_plugin ? deliver_due(&s->deliver, now) : outlet_due(&s->outlet, now);
}

void sender_hurry(struct sender *s)
{
    if (s->by_plugin)
        deliver_hurry(&s->deliver);
    else
        outlet_hurry(&s->outlet);
}

void sender_finish(struct sender *s, bool finish)
{
    s->outlet.stream.finish = finish;
}

/* --- what has arrived --- */

/* Confirmation may be a minute away: that the peer's kernel takes bytes is useful work, too. */
enum sender_result sender_follow(struct sender *s, int64_t now)
{
    uint64_t acked = s->by_plugin ? 0 : stream_acked(&s->outlet.stream);
    uint64_t arrived = s->by_plugin ? s->deliver.settled : stream_settled(&s->outlet.stream);
    uint64_t sure = s->by_plugin ? arrived : stream_sure(&s->outlet.stream);
    bool useful = position_pass(s->position, arrived, sure, now) || acked > s->acked;

    s->acked = acked;
    return useful ? SENDER_DONE : SENDER_WAITS;
}

enum sender_result sender_look(struct sender *s, int64_t now)
{
    if (s->by_plugin)
        deliver_look(&s->deliver);
    else if (outlet_up(&s->outlet))
        (void)stream_look(&s->outlet.stream);
    else
        return SENDER_WAITS;
    return sender_follow(s, now);
}

/* --- a stream that was lost --- */

/* The last metric that may have left, were it only in part; NULL: none has. */
static const struct point *last_sent(const struct sender *s)
{
    const struct feed *f = s->feed;
    size_t whole = s->marked > 0 ? f->ends[s->marked - 1].offset : 0;

    if (s->sent == whole)
        return position_last(s->position);
    return s->marked < f->nends ? &f->ends[s->marked].at : &f->read;
}

static uint64_t metrics_with_bytes(const struct point *from, const struct point *to)
{
    uint64_t n = to->seq - from->seq;

    for (unsigned i = 0; i < sizeof to->dropped / sizeof *to->dropped; i++)
        n -= to->dropped[i] - from->dropped[i];
    return n;
}

/* What had left and was not acknowledged, or may have been refused, is sent again: a peer that must
 * not get anything twice may. One datagram that was refused alone cannot be there. */
static void count_in_doubt(struct sender *s, const struct stream_loss *loss,
                           const struct point *passed)
{
    const struct point *last = last_sent(s), *from = &s->position->sure;

    last = last != NULL && last->seq > passed->seq ? last : passed;
    if (!s->repeatable && !loss->certain && last->seq > from->seq)
        count_doubt(s, metrics_with_bytes(from, last));
}

static void send_again(struct sender *s, const struct stream_loss *loss, int64_t now)
{
    struct point from;
    uint64_t begin;

    (void)position_pass(s->position, loss->kept, loss->sure, now);
    from = position_point(s->position);
    count_in_doubt(s, loss, &from);
    if (loss->doubtful) /* else it never was a connection */
        atomic_store(&s->board->losses, atomic_load(&s->board->losses) + 1);
    begin = position_rewind(s->position, loss->doubtful && s->repeatable, now);
    feed_seek(s->feed, &from, feed_begin(s->feed, begin));
    s->acked = 0;
    s->sent = s->marked = 0;
    atomic_store(&s->board->sent, from.seq);
}

static uint64_t peer_now(const struct sender *s)
{
    if (s->by_plugin)
        return s->deliver.down ? SCOREBOARD_PEER_DOWN : SCOREBOARD_PEER_UP;
    if (outlet_up(&s->outlet))
        return SCOREBOARD_PEER_UP + s->outlet.at;
    return s->outlet.complaints > 0 ? SCOREBOARD_PEER_DOWN : 0;
}

enum sender_result sender_turn(struct sender *s, int64_t now)
{
    struct stream_loss loss;
    bool fatal = false, lost = false;

    if (s->by_plugin)
        fatal = deliver_turn(&s->deliver, now) == GARNET_FATAL;
    else
        lost = outlet_turn(&s->outlet, now, &loss);
    atomic_store(&s->board->stalled, sender_stalled(s));
    atomic_store(&s->board->peer, peer_now(s));
    if (!lost)
        return fatal ? SENDER_FATAL : sender_follow(s, clock_mono());
    send_again(s, &loss, clock_mono());
    return SENDER_ANEW;
}

/* --- a batch --- */

/* A batch whose metrics would not have a mark each waits until some of those before have arrived. */
static enum sender_result send_bytes(struct sender *s, const struct buf *b)
{
    const struct feed *f = s->feed;
    uint64_t begin = stream_written(&s->outlet.stream) - s->sent;

    if (f->rules.ends && s->sent == 0 && !position_room(s->position, f->nends + 1))
        return SENDER_WAITS;
    atomic_store(&s->board->sent, f->read.seq);
    while (s->sent < b->n) {
        size_t done = stream_write(&s->outlet.stream, b->p + s->sent, b->n - s->sent);

        if (done == 0)
            return SENDER_WAITS;
        s->sent += done;
        for (; s->marked < f->nends && f->ends[s->marked].offset <= s->sent; s->marked++)
            position_mark(s->position, begin + f->ends[s->marked].offset, &f->ends[s->marked].at);
    }
    position_mark(s->position, stream_written(&s->outlet.stream), &f->read);
    s->sent = s->marked = 0;
    return SENDER_DONE;
}

/* What was sent, and drops since, are counted up to where the batch begins; and what a live plugin has again up to
 * the position, which the last that it was sent may be before. */
static enum sender_result make_anew(struct sender *s)
{
    const struct point *last = position_last(s->position);
    struct point from = position_point(s->position);
    uint64_t begin = s->feed->begin;

    if (last != NULL && last->seq > from.seq)
        from = *last;

    deliver_anew(&s->deliver);
    feed_seek(s->feed, &from, begin < from.seq ? begin : from.seq);
    return SENDER_ANEW;
}

/* What was read again comes before all else, in batches of its own. */
static int hand_batch(struct sender *s, struct batch *b)
{
    int answer;

    if (!s->feed->again)
        return deliver_batch(&s->deliver, b);
    s->again_to = UINT64_MAX; /* the plugin may reject it before it returns */
    answer = deliver_batch(&s->deliver, b);
    s->again_to = s->deliver.sent;
    return answer;
}

enum sender_result sender_send(struct sender *s)
{
    struct batch *b = s->feed->batch;
    int answer = GARNET_OK;

    if (!s->by_plugin)
        return send_bytes(s, &b->bytes);
    if (feed_outlived(s->feed, s->deliver.attempt > 0 ? 0 : s->flush))
        return make_anew(s);
    atomic_store(&s->board->sent, s->feed->read.seq);
    if (b->nmetrics > 0)
        answer = hand_batch(s, b);
    if (answer != GARNET_OK)
        return answer == GARNET_FATAL ? SENDER_FATAL : SENDER_WAITS;
    position_mark(s->position, s->deliver.sent, &s->feed->read);
    return SENDER_DONE;
}
