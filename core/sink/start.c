/* sink/start.c - orders reach it while it waits for the plugin, or for the cursor's lock */
#include "sink/start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/random.h"
#include "base/throttle.h"

static const int64_t LOCK_RETRY = 100 * NS_PER_MS, LOCK_SILENCE = 1 * NS_PER_S,
                     LOCK_PATIENCE = 5 * NS_PER_S;

/* --- the plugin --- */

static struct pos plugin_pos(const struct conf_sink *sink)
{
    const struct node *v = node_get(sink->node, "plugin");

    return v != NULL ? v->at : sink->at;
}

/* Nobody who could alter it after this look would pass (base/trust.h), so it is loaded by its name,
 * which is what tells it where its own libraries are ($ORIGIN). What is missing is for dlopen(). */
bool start_may_load(const struct conf *conf, const struct conf_sink *sink, struct errors *e)
{
    const struct trust t = {.users = {geteuid(), conf->self}, .own_groups = sink->own_groups};
    struct trust_fault f;
    struct why why;

    if (sink->allow_writable || trust_look(&t, sink->plugin_file, &f) == TRUST_GOOD ||
        f.verdict == TRUST_ERROR)
        return true;
    trust_describe(&f, sink->plugin_file, &why);
    errors_world(e, plugin_pos(sink), "plugin: \"%s\" %s, or set allow_writable: true",
                 sink->plugin_file, why.text);
    return false;
}

bool start_check(struct plugin *p, const struct conf *conf, const struct conf_sink *sink,
                 struct errors *e)
{
    *p = (struct plugin){0};
    if (!start_may_load(conf, sink, e))
        return false;
    if (plugin_load(p, sink->plugin_file))
        return plugin_configure(p, sink, conf->host, e);
    errors_world(e, plugin_pos(sink), "plugin: %s", plugin_why(p));
    return false;
}

bool start_load(struct plugin *p, const struct conf *conf, const struct conf_sink *sink,
                struct orders *o)
{
    struct errors e = {0};
    bool ok = start_check(p, conf, sink, &e);
    struct str rest = {e.text.p, e.text.n}, line;

    while (str_line(&rest, &line))
        log_error("%.*s", (int)line.n, line.s);
    errors_free(&e);
    if (!ok)
        orders_stop(o, EXIT_CONFIG);
    return ok;
}

static int open_once(struct plugin *p, struct scoreboard *board, unsigned attempt)
{
    int answer;

    atomic_store(&board->step, attempt * (uint64_t)SCOREBOARD_STEP_ONE | SCOREBOARD_OPENS);
    answer = plugin_open(p);
    atomic_store(&board->step, SCOREBOARD_WAITS);
    return answer;
}

bool start_plugin(struct plugin *p, struct orders *o, struct scoreboard *board)
{
    struct throttle t = {.base = 100 * NS_PER_MS, .cap = 30 * NS_PER_S};
    int answer;

    plugin_stats_show(&p->stats, &board->stats);
    while ((answer = open_once(p, board, t.failures)) == GARNET_RETRY) {
        int64_t least = p->host.retry_ns, ns = throttle_next(&t, random_u64());

        if (t.failures == 1)
            log_warn("the plugin is not ready: %s; trying again", plugin_why(p));
        if (!orders_pause(o, ns > least ? ns : least))
            return false;
    }
    if (answer == GARNET_OK)
        return true;
    orders_give_up(o, plugin_why(p));
    return false;
}

/* --- the cursor --- */

/* Nobody but a worker of this sink is to have it. Its name is what /proc says. */
static void report_holder(pid_t holder, const char *cursor, const char *what)
{
    char path[32], *name;

    if (holder <= 0) {
        log_error("this sink's cursor, %s, is locked by another process: %s", cursor, what);
        return;
    }
    (void)snprintf(path, sizeof path, "/proc/%ld/comm", (long)holder);
    name = fd_line_after(path, "");
    log_error("this sink's cursor, %s, is locked by process %ld (%s): %s", cursor, (long)holder,
              name != NULL ? name : "?", what);
    free(name);
}

bool start_position(struct position *p, int dirfd, const struct conf *conf,
                    const struct conf_sink *sink, const struct position_rules *rules,
                    struct orders *o)
{
    int64_t since = clock_mono();
    bool reported = false;
    char cursor[PATH_MAX];

    (void)snprintf(cursor, sizeof cursor, "%s/cursors/%s", conf->spool.dir, sink->name);
    while (position_open(p, dirfd, sink->name, rules, clock_mono()) < 0) {
        if (errno == EAGAIN && clock_mono() - since < LOCK_PATIENCE) {
            if (!reported && (reported = clock_mono() - since >= LOCK_SILENCE))
                report_holder(p->cursor.holder, cursor,
                              "nothing is sent until it lets go, and there are no "
                              "metrics of this sink but garnet.sink.lag");
            if (!orders_pause(o, LOCK_RETRY))
                return false;
            continue;
        }
        if (errno == EAGAIN)
            report_holder(p->cursor.holder, cursor,
                          "end that process, unless it is a worker that is about to end");
        else if (errno == ENOENT || errno == EBADMSG)
            log_error("this sink's cursor is %s: garnetd will make a new one",
                      errno == ENOENT ? "missing" : "damaged");
        else
            log_error("cannot open this sink's cursor: %m");
        orders_stop(o, EXIT_WORLD);
        return false;
    }
    return true;
}
