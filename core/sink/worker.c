/* sink/worker.c - the loop of a worker
 *
 * In it three things in turn: let the sender move, fill and send batches as far as that goes without
 * waiting, store the position. What waits is only the loop, the plugin, a name look-up and the disk.
 * While there is nowhere to send to nothing is taken from the spool; when the stream was lost,
 * everything not settled is read and sent again. Ends with a plugin that gives up, or by its orders;
 * never for what goes wrong at the other end.
 */
#include "sink/worker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"
#include "delivery/link.h"
#include "sink/orders.h"
#include "sink/pace.h"
#include "sink/sender.h"
#include "sink/start.h"
#include "spool/opener.h"

enum { BATCHES_A_TURN = 16, DOZES = 10 /* at least, until a batch is of age */ };
static const int64_t LOOK_EVERY = 2 * NS_PER_S; /* behind garnetd's words */
static const int64_t USEFUL_EVERY = NS_PER_S, LONGEST_DOZE = 50 * NS_PER_MS, LAST_HOPE = NS_PER_S;

struct worker {
    const struct conf_sink *sink;
    struct scoreboard *board; /* shared with garnetd */
    int dirfd;                /* the spool */
    struct loop *loop;
    struct orders orders;
    struct plugin plugin;
    struct waits waits;
    struct batch batch;
    struct quarantine quarantine;
    struct counters counters;
    struct feed feed;
    struct pace pace;
    struct position position;
    struct sender sender;
    bool look; /* there may be more in the spool */
    int64_t looked_ns;
    bool leaving; /* the batch is closed and on its way */
    int64_t useful_ns;
    uint64_t steps;  /* begun, as the scoreboard has it */
    bool hurried;    /* asked to finish: what was waiting has had its next attempt, */
    bool seen;       /* and the end of the spool was: what comes now is for the next worker */
    int64_t hope_ns; /* mono: when something last could get through; 0: not looked at yet */
};

/* What it is at, for whoever looks at the scoreboard and sees whether that ever comes to its end: a file
 * may be on a disk that does not answer, and then nothing in here runs that could say so. */
static void begin_step(struct worker *w, enum scoreboard_step to)
{
    w->steps += SCOREBOARD_STEP_ONE;
    atomic_store_explicit(&w->board->step,
                          to == SCOREBOARD_WAITS ? SCOREBOARD_WAITS : w->steps | to,
                          memory_order_relaxed);
}

static void begin_sending(struct worker *w)
{
    begin_step(w, w->sender.by_plugin ? SCOREBOARD_DELIVERS : SCOREBOARD_SENDS);
}

/* The plugin may have written over the board: nothing is sent that was not taken. */
static void note_what_is_read(struct worker *w)
{
    uint64_t sent = atomic_load(&w->board->sent), taken = w->feed.taken;

    position_note(&w->position, taken, w->feed.read.dropped[DROP_EXPIRED], w->sender.in_doubt,
                  sent < taken ? sent : taken);
}

static void save_position(struct worker *w)
{
    begin_step(w, SCOREBOARD_STORES);
    note_what_is_read(w);
    position_save(&w->position, clock_mono());
}

/* --- the work --- */

/* What the sender says of its last move. */
static void after_move(struct worker *w, enum sender_result result)
{
    int64_t now = clock_mono();

    switch (result) {
    case SENDER_DONE:
        if (w->useful_ns == 0 || now - w->useful_ns >= USEFUL_EVERY) {
            w->useful_ns = now;
            orders_say(&w->orders, WORKER_USEFUL);
        }
        break;
    case SENDER_ANEW:
        w->leaving = w->seen = false;
        w->look = true;
        pace_behind(&w->pace, now);
        break;
    case SENDER_FATAL:
        orders_give_up(&w->orders, plugin_why(&w->plugin));
        break;
    case SENDER_WAITS:
        break;
    }
}

static bool is_of_age(const struct worker *w, int64_t now)
{
    return w->feed.since_ns != 0 && (w->orders.finish || now - w->feed.since_ns >= w->plugin.flush);
}

/* From the spool into the batch, no more than the pace allows; true when it is to leave. */
static bool fill_batch(struct worker *w)
{
    const struct feed *f = &w->feed;
    int64_t now = clock_mono();
    uint64_t from = f->read.seq;
    enum feed_result result = FEED_DRY;

    if (w->look || (!w->seen && is_of_age(w, now))) { /* with what came in a doze */
        result = feed_fill(&w->feed, pace_allows(&w->pace, now), now);
        pace_took(&w->pace, f->read.seq - from);
        if (result == FEED_DRY) {
            pace_at_end(&w->pace, now);
            w->look = false;
            w->seen = w->orders.finish;
            w->looked_ns = now;
        }
    }
    w->leaving = result == FEED_FULL || (result != FEED_FATAL && is_of_age(w, now));
    if (result == FEED_FATAL || (w->leaving && !batch_end(&w->batch))) {
        orders_give_up(&w->orders, plugin_why(&w->plugin));
        w->leaving = false;
    }
    return w->leaving;
}

static void publish_oldest(struct worker *w)
{
    atomic_store(&w->board->oldest_ns, feed_oldest(&w->feed));
}

/* As far as it goes without waiting; true when there is more for the next turn. */
static bool work(struct worker *w)
{
    for (int i = 0; i < BATCHES_A_TURN; i++) {
        enum sender_result result;

        begin_step(w, SCOREBOARD_READS);
        if (orders_stopping(&w->orders) || !sender_may(&w->sender, clock_mono()) ||
            (!w->leaving && !fill_batch(w)))
            return false;
        publish_oldest(w);
        begin_sending(w);
        result = sender_send(&w->sender);
        if (result != SENDER_DONE) {
            after_move(w, result);
            return result == SENDER_ANEW;
        }
        w->leaving = false;
        feed_next_batch(&w->feed);
        after_move(w, sender_follow(&w->sender, clock_mono()));
        pace_moved(&w->pace, clock_mono());
        save_position(w);
    }
    return true;
}

/* Nothing waits, in the spool or here. */
static bool all_sent(const struct worker *w)
{
    return w->orders.finish && !w->look && !w->leaving && w->feed.since_ns == 0;
}

/* Asked to finish, and nobody takes what is left. What a plugin has by then is waited for, and it gets no more. */
static bool is_hopeless(struct worker *w, int64_t now)
{
    if (!w->orders.finish)
        return false;
    if (sender_hopes(&w->sender, !all_sent(w), now) || w->hope_ns == 0)
        w->hope_ns = now;
    sender_rest(&w->sender, now - w->hope_ns >= LAST_HOPE);
    return sender_stalled(&w->sender) ||
           (now - w->hope_ns >= LAST_HOPE && !sender_in_flight(&w->sender, now));
}

static int64_t sooner_of(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* How long nothing needs to be done unless somebody says so. */
static int64_t idle_for(const struct worker *w)
{
    int64_t now = clock_mono(), ns = sooner_of(LOOK_EVERY, position_due(&w->position, now)), at;

    ns = sooner_of(ns, sender_due(&w->sender, now));
    if (w->orders.finish && w->hope_ns != 0)
        ns = sooner_of(ns, w->hope_ns + LAST_HOPE > now ? w->hope_ns + LAST_HOPE - now : LAST_HOPE);
    if (!sender_may(&w->sender, now) || w->leaving)
        return ns;
    if (w->feed.since_ns != 0) {
        at = w->feed.since_ns + w->plugin.flush;
        ns = sooner_of(ns, at > now ? at - now : 0);
    }
    return w->look ? sooner_of(ns, pace_due(&w->pace, now)) : ns;
}

/* What comes while a batch waits for its age is read from time to time and not as it comes: a wake-up
 * costs as much as a hundred metrics. */
static void doze(const struct worker *w)
{
    int64_t age = w->plugin.flush / DOZES, most = age < LONGEST_DOZE ? age : LONGEST_DOZE;
    struct timespec ts = {0};

    if (w->feed.since_ns == 0 || w->look || w->leaving || w->orders.finish ||
        w->plugin.def.event != NULL) /* which may be due sooner than anybody here knows */
        return;
    ts.tv_nsec = sooner_of(most, idle_for(w));
    (void)nanosleep(&ts, NULL);
}

static void worker_turn(struct worker *w)
{
    bool more;

    if (orders_news(&w->orders))
        w->look |= !w->seen;
    if (w->orders.finish && !w->hurried)
        sender_hurry(&w->sender);
    w->hurried = w->orders.finish;
    begin_sending(w);
    after_move(w, sender_turn(&w->sender, clock_mono()));
    more = work(w);
    begin_step(w, SCOREBOARD_READS);
    if (!sender_may(&w->sender, clock_mono()) && w->look) /* only for what waits to be seen */
        (void)feed_fill(&w->feed, 0, clock_mono());
    publish_oldest(w);
    sender_finish(&w->sender, all_sent(w));
    save_position(w);

    if ((all_sent(w) && position_settled(&w->position)) || is_hopeless(w, clock_mono()))
        orders_stop(&w->orders, 0);
    if (orders_stopping(&w->orders))
        return;
    begin_step(w, SCOREBOARD_WAITS);
    doze(w);
    (void)loop_turn(w->loop, more ? 0 : idle_for(w));
    if (!w->seen && clock_mono() - w->looked_ns >= LOOK_EVERY)
        w->look = true;
}

/* --- the beginning --- */

/* What it confirms is looked at in the worker's next turn. */
static void on_plugin_event(void *arg, int fd, uint32_t events)
{
    struct worker *w = arg;
    int answer;

    begin_step(w, SCOREBOARD_DELIVERS);
    answer = plugin_event(&w->plugin, fd, events);
    begin_step(w, SCOREBOARD_WAITS);
    if (answer != GARNET_OK)
        orders_give_up(&w->orders, plugin_why(&w->plugin));
}

/* Waits for the cursor's lock and for the plugin. False: the reason is in the log, and the worker stops. */
static bool open_ends(struct worker *w, const struct conf *conf)
{
    const garnet_plugin *def = &w->plugin.def;
    struct position_rules rules = {.replay_ns = w->sink->confirm.replay};
    struct point at;

    if (!start_load(&w->plugin, conf, w->sink, &w->orders))
        return false;
    counters_init(&w->counters, plugin_counters(&w->plugin, w->sink), w->sink->counter_window);
    rules.window_ns = w->counters.mode != COUNTERS_RAW ? w->counters.window : 0;
    rules.warm_ns = (def->flags & GARNET_LIVE) != 0 ? w->sink->warm : 0;
    rules.never_twice = (def->flags & GARNET_IDEMPOTENT) == 0;
    /* What must not come twice is sent again by single metrics, where a batch is nothing but those. */
    rules.fine =
        rules.never_twice && def->begin == NULL && def->end == NULL && def->deliver == NULL;
    if (!start_position(&w->position, w->dirfd, conf, w->sink, &rules, &w->orders))
        return false;
    at = position_point(&w->position);
    scoreboard_put_read(w->board, at.seq, at.dropped[DROP_EXPIRED]); /* it has the cursor */
    waits_init(&w->waits, w->loop, on_plugin_event, w);
    w->plugin.host.waits = &w->waits;
    return start_plugin(&w->plugin, &w->orders, w->board);
}

/* What stands between them. False, with errno: no memory, or a spool that cannot be read. */
static bool join_ends(struct worker *w, const struct conf *conf)
{
    const garnet_plugin *def = &w->plugin.def;
    struct point from = position_point(&w->position);
    struct feed_rules rules = {
        .sink = w->sink,
        .quarantine = &w->quarantine,
        .counters = w->counters.mode != COUNTERS_RAW ? &w->counters : NULL,
        .start = w->position.cursor.state.start,
        .max_age = (def->flags & GARNET_UNTIMED) != 0 ? w->sink->max_age : 0,
        .live = (def->flags & GARNET_LIVE) != 0,
        .warm = w->sink->warm,
        .apart = def->deliver != NULL,
        .ends = w->position.rules.fine,
    };

    quarantine_open(&w->quarantine, w->dirfd, conf->spool.dir, w->sink->name, def->name, w->board);
    if (!batch_init(&w->batch, &w->plugin, link_batch_size(w->sink, w->plugin.batch_size)) ||
        feed_open(&w->feed, &w->batch, w->dirfd, &from, &rules) < 0)
        return false;
    w->batch.board = w->board;
    feed_seek(&w->feed, &from,
              feed_begin(&w->feed, position_rewind(&w->position, false, clock_mono())));
    pace_init(&w->pace, w->sink->catch_up_rate, clock_mono());
    sender_open(&w->sender, w->loop, w->sink, &w->feed, &w->position);
    w->look = true;
    return true;
}

static bool cannot(struct worker *w, const char *what, const char *of)
{
    log_error("cannot %s%s: %m", what, of);
    orders_stop(&w->orders, EXIT_WORLD);
    return false;
}

static bool make_ready(struct worker *w, const struct conf *conf, int control)
{
    w->loop = loop_new();
    if (!orders_open(&w->orders, w->loop, control))
        return cannot(w, "start", "");
    w->dirfd = opener_folder(conf->spool.dir);
    if (w->dirfd < 0)
        return cannot(w, "open the spool ", conf->spool.dir);
    return open_ends(w, conf) &&
           (join_ends(w, conf) || cannot(w, "begin to read the spool ", conf->spool.dir));
}

/* --- the end --- */

/* What has arrived until now is not to be sent again. False: that could not be put down. */
static bool wind_up(struct worker *w)
{
    after_move(w, sender_look(&w->sender, clock_mono()));
    note_what_is_read(w);
    return position_flush(&w->position, w->orders.status == 0, clock_mono());
}

static void take_apart(struct worker *w)
{
    orders_report_stop(&w->orders); /* these two before close(), which may not come back */
    orders_say(&w->orders, WORKER_ENDS);
    sender_close(&w->sender);
    waits_clear(&w->waits);
    (void)plugin_close(&w->plugin); /* what it may still look at goes after it */
    sender_free(&w->sender);
    feed_close(&w->feed);
    counters_forget(&w->counters);
    quarantine_close(&w->quarantine);
    batch_free(&w->batch);
    plugin_free(&w->plugin);
    position_close(&w->position);
    fd_close(&w->dirfd);
    orders_close(&w->orders);
    if (w->loop != NULL)
        loop_free(w->loop);
}

/* --- the whole --- */

int worker_run(const struct conf *conf, const struct conf_sink *sink, int control,
               struct scoreboard *board)
{
    struct worker *w = calloc(1, sizeof *w);
    bool kept = true;
    int status;

    if (w == NULL) {
        log_error("cannot start: %m");
        return EXIT_WORLD;
    }
    w->sink = sink;
    w->board = board;
    w->dirfd = w->position.cursor.fd = -1;
    if (make_ready(w, conf, control)) {
        orders_say(&w->orders, WORKER_READY);
        while (!orders_stopping(&w->orders))
            worker_turn(w);
        kept = wind_up(w);
    }
    status = w->orders.status == ORDERS_NONE ? 0 : w->orders.status;
    if (status == 0 && !kept)
        status = EXIT_WORLD;
    take_apart(w);
    free(w);
    return status;
}
