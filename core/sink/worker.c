/* sink/worker.c - one sink's work: spool -> plugin -> transport -> cursor
 *
 * One loop, and in it three things in turn: let the outlet move, fill and send batches as far as
 * that goes without waiting, store the position. What waits is only the loop, the plugin, a name
 * look-up and the disk. While the outlet is down nothing is taken from the spool; when it was lost,
 * everything not settled is read and sent again. Ends with a plugin that gives up, or when told to
 * (job.c); never for what goes wrong at the other end.
 */
#include "sink/worker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/log.h"
#include "sink/job.h"

enum { BATCHES_A_TURN = 16 };
static const int64_t LOOK_EVERY = NS_PER_S, USEFUL_EVERY = NS_PER_S;
static const int64_t LAST_HOPE = NS_PER_S; /* asked to finish: for somewhere to send to */

static void send_step(struct job *j)
{
    job_step(j, j->by_plugin ? SCOREBOARD_DELIVERS : SCOREBOARD_SENDS);
}

/* ---- the work -------------------------------------------------------------------------------- */

static void useful(struct job *j, int64_t now)
{
    if (j->useful_ns != 0 && now - j->useful_ns < USEFUL_EVERY)
        return;
    j->useful_ns = now;
    job_say(j, 'u');
}

/* Confirmation may be a minute away: that the peer's kernel takes bytes is useful work, too. */
static bool gets_through(struct job *j)
{
    uint64_t acked = j->by_plugin ? 0 : outlet_acked(&j->outlet);
    bool more = acked > j->acked;

    j->acked = acked;
    return more;
}

static void pass(struct job *j)
{
    uint64_t arrived = j->by_plugin ? j->deliver.settled : outlet_settled(&j->outlet);
    uint64_t sure = j->by_plugin ? arrived : outlet_sure(&j->outlet);
    int64_t now = clock_mono();
    bool moves = position_pass(&j->position, arrived, sure, now);

    if (gets_through(j) || moves)
        useful(j, now);
}

static uint64_t with_bytes(const struct point *from, const struct point *to)
{
    uint64_t n = to->seq - from->seq;

    for (unsigned i = 0; i < sizeof to->dropped / sizeof *to->dropped; i++)
        n -= to->dropped[i] - from->dropped[i];
    return n;
}

/* The last metric that may have left, were it only in part; NULL: none has. */
static const struct point *last_sent(const struct job *j)
{
    const struct feed *f = &j->feed;
    size_t whole = j->marked > 0 ? f->ends[j->marked - 1].offset : 0;

    if (j->sent == whole)
        return position_last(&j->position);
    return j->marked < f->nends ? &f->ends[j->marked].at : &f->read;
}

/* What had left and was not acknowledged, or may have been refused, is sent again: a peer that must
 * not get anything twice may. One datagram that was refused alone cannot be there. */
static void count_loss(struct job *j, const struct outlet_loss *loss, const struct point *passed)
{
    const struct point *last = last_sent(j), *from = &j->position.sure;

    last = last != NULL && last->seq > passed->seq ? last : passed;

    if (loss->doubtful) /* else it never was a connection */
        atomic_store(&j->board->losses, atomic_load(&j->board->losses) + 1);
    if (!j->repeatable && !loss->certain && last->seq > from->seq)
        job_doubt(j, with_bytes(from, last));
}

/* The stream was lost: begin again behind what was settled, or further back where the peer may have
 * read what it did not keep. */
static void rewind_work(struct job *j, const struct outlet_loss *loss)
{
    bool doubt = loss->doubtful && j->repeatable;
    int64_t now = clock_mono();
    struct point from;

    (void)position_pass(&j->position, loss->kept, loss->sure, now);
    from = position_point(&j->position);
    count_loss(j, loss, &from);
    feed_seek(&j->feed, &from, position_rewind(&j->position, doubt, now));
    j->acked = 0;
    j->leaving = false;
    j->sent = j->marked = 0;
    j->look = true;
    j->seen = false;
    atomic_store(&j->board->sent, from.seq);
    pace_behind(&j->pace, now);
}

/* What is to be delivered again comes before anything new. */
static void follow_plugin(struct job *j)
{
    if (deliver_turn(&j->deliver, clock_mono()) == GARNET_FATAL)
        job_give_up(j);
    else
        pass(j);
}

static void follow_outlet(struct job *j)
{
    struct outlet_loss loss;

    if (outlet_turn(&j->outlet, clock_mono(), &loss))
        rewind_work(j, &loss);
    else
        pass(j);
    atomic_store(&j->board->stalled, outlet_stalled(&j->outlet));
}

/* True when there is somewhere to send to. */
static bool may_send(const struct job *j)
{
    return j->by_plugin ? deliver_may(&j->deliver, clock_mono()) : outlet_up(&j->outlet);
}

static bool batch_due(const struct job *j, int64_t now)
{
    return j->feed.since_ns != 0 && (j->finish || now - j->feed.since_ns >= j->sink->flush);
}

/* From the spool into the batch, no more than the pace allows. */
static enum feed_result take(struct job *j, int64_t now)
{
    uint64_t from = j->feed.read.seq;
    enum feed_result result = feed_fill(&j->feed, pace_allows(&j->pace, now), now);

    pace_took(&j->pace, j->feed.read.seq - from);
    if (result == FEED_DRY) {
        pace_at_end(&j->pace, now);
        j->look = false;
        j->seen = j->finish;
        j->looked_ns = now;
    }
    return result;
}

/* Fills the batch; true when it is to leave. */
static bool fill(struct job *j)
{
    int64_t now = clock_mono();
    enum feed_result result = j->look ? take(j, now) : FEED_DRY;

    if (result == FEED_FATAL ||
        ((result == FEED_FULL || batch_due(j, now)) && !batch_end(&j->batch))) {
        job_give_up(j);
        return false;
    }
    j->leaving = result == FEED_FULL || batch_due(j, now);
    return j->leaving;
}

static void mark_metrics(struct job *j)
{
    const struct feed *f = &j->feed;
    uint64_t begin = outlet_written(&j->outlet) - j->sent;

    for (; j->marked < f->nends && f->ends[j->marked].offset <= j->sent; j->marked++)
        position_mark(&j->position, begin + f->ends[j->marked].offset, &f->ends[j->marked].at);
}

/* A batch whose metrics would not have a mark each waits until some of those before have arrived. */
static bool send_out(struct job *j)
{
    const struct buf *b = &j->batch.bytes;

    if (j->feed.fine && j->sent == 0 && !position_room(&j->position, j->feed.nends + 1))
        return false;
    atomic_store(&j->board->sent, j->feed.read.seq);
    while (j->sent < b->n) {
        size_t done = outlet_write(&j->outlet, b->p + j->sent, b->n - j->sent);

        j->sent += done;
        if (done == 0)
            return false;
        mark_metrics(j);
    }
    position_mark(&j->position, outlet_written(&j->outlet), &j->feed.read);
    j->sent = j->marked = 0;
    return true;
}

static bool deliver(struct job *j)
{
    int answer;

    atomic_store(&j->board->sent, j->feed.read.seq);
    answer = j->batch.nmetrics > 0 ? deliver_batch(&j->deliver, &j->batch) : GARNET_OK;
    if (answer == GARNET_FATAL)
        job_give_up(j);
    if (answer != GARNET_OK)
        return false;
    position_mark(&j->position, j->deliver.sent, &j->feed.read);
    return true;
}

static void tell_oldest(struct job *j)
{
    atomic_store(&j->board->oldest_ns, feed_oldest(&j->feed));
}

/* As far as it goes without waiting; true when there is more for the next turn. */
static bool work(struct job *j)
{
    for (int i = 0; i < BATCHES_A_TURN; i++) {
        job_step(j, SCOREBOARD_READS);
        if (job_stopping(j) || !may_send(j) || (!j->leaving && !fill(j)))
            return false;
        tell_oldest(j);
        send_step(j);
        if (!(j->by_plugin ? deliver(j) : send_out(j)))
            return false;
        j->leaving = false;
        feed_next_batch(&j->feed);
        pass(j);
        pace_moved(&j->pace, clock_mono());
        job_step(j, SCOREBOARD_STORES);
        position_save(&j->position, clock_mono());
    }
    return true;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* How long nothing needs to be done unless somebody says so. */
static int64_t idle_for(const struct job *j)
{
    int64_t now = clock_mono(), ns = sooner(LOOK_EVERY, position_due(&j->position, now)), at;

    if (j->by_plugin)
        ns = sooner(ns, deliver_due(&j->deliver, now));
    else
        ns = sooner(ns, outlet_due(&j->outlet, now));
    if (may_send(j) && !j->leaving && j->feed.since_ns != 0) {
        at = j->feed.since_ns + j->sink->flush;
        ns = sooner(ns, at > now ? at - now : 0);
    }
    if (may_send(j) && !j->leaving && j->look)
        ns = sooner(ns, pace_due(&j->pace, now));
    return ns;
}

/* Asked to finish, and there is nobody who takes what is left. */
static bool hopeless(struct job *j, int64_t now)
{
    if (!j->finish)
        return false;
    if (may_send(j) || (j->by_plugin && !j->deliver.told)) {
        j->down_ns = 0;
        return !j->by_plugin && outlet_stalled(&j->outlet);
    }
    if (j->down_ns == 0)
        j->down_ns = now;
    return now - j->down_ns >= LAST_HOPE;
}

static bool all_done(const struct job *j)
{
    return j->finish && !j->look && !j->leaving && j->feed.since_ns == 0 &&
           position_settled(&j->position);
}

static void turn(struct job *j)
{
    bool more;

    send_step(j);
    if (j->by_plugin)
        follow_plugin(j);
    else
        follow_outlet(j);
    more = work(j);
    job_step(j, SCOREBOARD_READS);
    if (!may_send(j) && j->look) /* only for what waits to be seen */
        (void)feed_fill(&j->feed, 0, clock_mono());
    tell_oldest(j);
    if (!j->by_plugin)
        outlet_finish(&j->outlet, j->finish && !j->look && !j->leaving && j->feed.since_ns == 0);
    job_step(j, SCOREBOARD_STORES);
    position_save(&j->position, clock_mono());
    if (all_done(j) || hopeless(j, clock_mono())) {
        job_stop(j, 0);
        return;
    }
    if (job_stopping(j))
        return;
    job_step(j, SCOREBOARD_WAITS);
    (void)loop_turn(j->loop, more ? 0 : idle_for(j));
    if (!j->seen && clock_mono() - j->looked_ns >= LOOK_EVERY)
        j->look = true;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What has arrived until now is not to be sent again. */
static void wind_up(struct job *j)
{
    bool finished = j->status == 0;

    if (!j->by_plugin && outlet_up(&j->outlet)) {
        outlet_look(&j->outlet);
        pass(j);
    }
    job_stop(j, 0);
    if (!position_flush(&j->position, finished, clock_mono()) && j->status == 0)
        j->status = EXIT_WORLD;
}

bool worker_check(const struct conf *conf, const struct conf_sink *sink, struct errors *e)
{
    struct plugin p;
    bool ok = job_plugin(&p, conf, sink, e);

    plugin_unload(&p);
    return ok;
}

int worker_run(const struct conf *conf, const struct conf_sink *sink, int control,
               struct scoreboard *board)
{
    struct job *j = calloc(1, sizeof *j);
    int status;

    if (j == NULL) {
        log_error("cannot start: %m");
        return EXIT_WORLD;
    }
    if (job_ready(j, conf, sink, control, board)) {
        job_say(j, 'r');
        while (!job_stopping(j))
            turn(j);
        wind_up(j);
    }
    status = j->status == JOB_RUNNING ? 0 : j->status;
    job_free(j);
    free(j);
    return status;
}
