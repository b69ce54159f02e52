/* cli/explain.c - first what the spool has of it, then what comes; then each sink's part
 *
 * The spool is the memory: it has every metric that was accepted, for as long as retention keeps it. What was rejected is not in it:
 * of that garnetd remembers the last (cli/explain_memory.h). The sinks' plugins run in children, without a network, and get *** for
 * their secrets (cli/run_sinks.h). Fails where the configuration or the spool cannot be read.
 */
#include "cli/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/number.h"
#include "base/terminal.h"
#include "base/text.h"
#include "cli/ask.h"
#include "cli/explain_memory.h"
#include "cli/explain_seen.h"
#include "cli/options.h"
#include "cli/run_sinks.h"
#include "cli/show_metric.h"
#include "cli/show_status.h"
#include "conf/load.h"
#include "model/record.h"
#include "sink/feed.h"

const char EXPLAIN_HELP[] =
    "usage: garnet explain METRIC [--for TIME] [-c FILE]\n"
    "\n"
    "What becomes of a metric: from which collector it comes, and for each sink whether `only` "
    "and\n"
    "`drop` let it pass, the line that it becomes, and whether that was sent and confirmed. Looks\n"
    "through the spool, and waits for the next one. For one that never came: the nearest names, "
    "and\n"
    "what was rejected of late. Needs root, or the user that garnetd runs as.\n"
    "  METRIC         its name, or a pattern such as 'cpu.*'\n"
    "  --for TIME     waits so long for the next one; default: twice its interval, at most 1m, or "
    "15s\n"
    "  -c FILE        garnetd's configuration (default " GARNET_CONFIG ")\n"
    "Exit status: 0 it has been seen, 1 it has not, 2 wrong usage, 111 the spool or the "
    "configuration\n"
    "cannot be read.\n";

enum { SHOWN = 8 };
static const int64_t LOOK_AGAIN = 100 * NS_PER_MS, WAIT_UNKNOWN = 15 * NS_PER_S;
static const int64_t WAIT_MOST = 60 * NS_PER_S, WAIT_UNSAID = 3 * NS_PER_S;

struct explaining {
    const char *name, *config;
    int64_t wait; /* ns; < 0: by its interval */
    const struct conf *conf;
    json_t *status, *memory; /* or NULL: no garnetd answers */
    struct follow follow;
    struct seen seen;
    uint64_t began; /* the number of the first metric that came while we looked */
};

/* --- looking --- */

/* All that there is now. False: it cannot be read. */
static bool read_all(struct explaining *x)
{
    struct follow *f = &x->follow;

    for (;;) {
        switch (follow_next(f)) {
        case FOLLOW_METRIC:
            seen_take(&x->seen, f, &f->metric);
            break;
        case FOLLOW_GAP:
            x->seen.left_out += f->lost;
            break;
        case FOLLOW_WAIT:
            return true;
        case FOLLOW_ERROR:
            say(stderr, "garnet explain: %s: %m", x->conf->spool.dir);
            return false;
        }
    }
}

static int64_t patience_for(const struct explaining *x)
{
    static struct metric m; /* too large for a stack */
    const struct seen_series *o = STAILQ_FIRST(&x->seen.series);

    if (x->wait >= 0)
        return x->wait;
    if (o == NULL || record_get(o->last.p, o->last.n, &m) == 0 || m.interval_ns == 0)
        return WAIT_UNKNOWN;
    return m.interval_ns < WAIT_MOST / 2 ? 2 * m.interval_ns + NS_PER_S : WAIT_MOST;
}

static bool has_come(const struct explaining *x)
{
    const struct seen_series *o;

    STAILQ_FOREACH (o, &x->seen.series, others)
        if (o->seq >= x->began)
            return true;
    return false;
}

static bool watch_spool(struct explaining *x)
{
    int64_t until, wait;

    if (!read_all(x))
        return false;
    x->began = x->follow.next;
    wait = patience_for(x);
    if (wait > WAIT_UNSAID)
        say(stderr, "garnet explain: waits up to %s for the next one (--for TIME)",
            status_span((double)wait / 1e9).text);
    until = clock_mono() + wait;
    while (!has_come(x) && clock_mono() < until) {
        const struct timespec pause = clock_timespec(LOOK_AGAIN);

        (void)nanosleep(&pause, NULL);
        if (!read_all(x))
            return false;
    }
    return true;
}

/* --- what a sink does with it --- */

static void show_fate(const struct explaining *x, const struct conf_sink *s, uint64_t seq)
{
    const json_t *one = status_named(json_object_get(x->status, "sinks"), s->name);

    if (one == NULL)
        return;
    if (status_digest(one) != s->digest)
        say(stdout, "    garnetd runs another configuration of this sink than the file has: see "
                    "`garnet check --plan`");
    if (status_number(one, "position") > (double)seq &&
        status_sum(json_object_get(one, "dropped")) > 0)
        say(stdout, "    confirmed, or dropped for a reason that `garnet status %s` has", s->name);
    else if (status_number(one, "position") > (double)seq)
        say(stdout, "    confirmed");
    else if (status_number(one, "sent") > (double)seq)
        say(stdout, "    sent, and not confirmed yet; the sink is %s", status_text(one, "state"));
    else
        say(stdout, "    not sent yet: %.0f metrics are queued, its lag is %s; the sink is %s",
            status_number(one, "queued"), status_span(status_number(one, "lag")).text,
            status_text(one, "state"));
}

static void show_sink_part(const struct explaining *x, const struct conf_sink *s,
                           const struct seen_series *o, const struct metric *m)
{
    const char *drop = feed_pattern(&s->drop, m), *only = feed_pattern(&s->only, m);

    if (drop != NULL) {
        say(stdout, "  sink %s: left out, by drop: \"%s\"", s->name, drop);
        return;
    }
    if (s->only.n > 0 && only == NULL) {
        say(stdout, "  sink %s: left out: no pattern of only matches its name", s->name);
        return;
    }
    say(stdout, "  sink %s:%s%s%s", s->name, only != NULL ? " taken, by only: \"" : " taken",
        only != NULL ? only : "", only != NULL ? "\"" : "");
    (void)fflush(stdout);
    (void)run_sink_show("garnet explain", x->conf, s, (struct str){o->before.p, o->before.n},
                        (struct str){o->last.p, o->last.n});
    show_fate(x, s, o->seq);
}

static void show_series(const struct explaining *x, const struct seen_series *o)
{
    static struct metric m; /* too large for a stack */
    double now = (double)clock_wall() / 1e9;
    char collector[COLLECTOR_NAME_MAX + 1];

    if (record_get(o->last.p, o->last.n, &m) == 0)
        return;
    show_metric(stdout, &m);
    (void)snprintf(collector, sizeof collector, "%.*s", (int)m.collector.n,
                   m.collector.n > 0 ? m.collector.s : "");
    say(stdout, "  from %s; %" PRIu64 " in the spool, the last stamped %s, number %" PRIu64,
        status_sender(collector, metric_is_garnets(m.prefix, m.name)).text, o->count,
        status_ago(now, (double)m.time_ns / 1e9).text, o->seq);
    if (o->seq < x->began)
        say(stdout, "  none has come while this command waited");
    for (const struct conf_sink *s = x->conf->sinks; s != NULL; s = s->next)
        show_sink_part(x, s, o, &m);
    if (x->conf->sinks == NULL)
        say(stdout, "  there is no sink");
}

/* --- one that is missing --- */

static void show_missing(const struct explaining *x)
{
    const char *near = seen_near(&x->seen, x->name);

    say(stdout, "%s is not among the %" PRIu64 " metrics in the spool%s%s%s", x->name,
        x->seen.metrics, x->seen.metrics > 0 ? ", the first of which is stamped " : "",
        x->seen.metrics > 0
            ? status_ago((double)clock_wall() / 1e9, (double)x->seen.oldest_ns / 1e9).text
            : "",
        x->seen.left_out > 0 ? "; some are gone by now, or cannot be read" : "");
    if (near != NULL)
        say(stdout, "  there is %s: is it that?", near);
    show_remembered(stdout, x->memory, near == NULL);
    show_rejections(stdout, x->memory, true);
    say(stdout,
        "  a collector that should bring it: garnet run NAME shows what it sends; sinks: garnet "
        "status");
}

/* --- all --- */

static int show_all(struct explaining *x)
{
    const struct seen_series *o;
    unsigned n = 0;

    if (STAILQ_EMPTY(&x->seen.series)) {
        show_missing(x);
        return EXIT_CONFIG;
    }
    STAILQ_FOREACH (o, &x->seen.series, others)
        if (n++ < SHOWN)
            show_series(x, o);
    if (n > SHOWN || x->seen.unkept > 0)
        say(stdout, "and %u series more%s: name one of them", n - (n < SHOWN ? n : SHOWN),
            x->seen.unkept > 0 ? ", or still more" : "");
    show_rejections(stdout, x->memory, false);
    return 0;
}

static int explain_metric(struct explaining *x)
{
    struct why why;
    int status = EXIT_WORLD;

    if (!follow_open(&x->follow, x->conf->spool.dir, true, &why))
        say(stderr, "garnet explain: %s: %s", x->conf->spool.dir, why.text);
    else if (!seen_init(&x->seen, x->name))
        say(stderr, "garnet explain: out of memory");
    else if (watch_spool(x)) {
        /* Now: how far the sinks are is to be known after what has come by then. */
        if (ask(x->conf->control.path, "status", ASK_WAITS, &x->status, &why) != ASK_ANSWERED)
            say(stderr, "garnet explain: what was sent and rejected is not known: %s", why.text);
        else if (ask_metric(x->conf->control.path, x->name, ASK_WAITS, &x->memory, &why) !=
                 ASK_ANSWERED)
            say(stderr, "garnet explain: what was rejected is not known: %s", why.text);
        if (x->seen.failed)
            say(stderr, "garnet explain: out of memory");
        status = x->seen.failed ? EXIT_WORLD : show_all(x);
    }
    seen_free(&x->seen);
    follow_close(&x->follow);
    json_decref(x->status);
    json_decref(x->memory);
    return status;
}

static bool parse_explain(struct explaining *x, int argc, char *const argv[], struct why *why)
{
    const char *wait = NULL;
    const struct cli_option options[] = {{"-c", &x->config}, {"--for", &wait}};
    enum option_next next;
    int i = 0;
    struct why clause;

    *x = (struct explaining){.config = GARNET_CONFIG, .wait = -1};
    while ((next = option_next(options, sizeof options / sizeof *options, argc, argv, &i)) !=
           OPTION_END) {
        if (next == OPTION_BARE)
            return why_set(why, "%s needs a value", argv[i]);
        if (argv[i][0] == '-' || x->name != NULL)
            return why_set(why, "%.60s: there is one METRIC, and --for and -c", argv[i]);
        x->name = argv[i];
    }
    if (wait != NULL && !units_duration(wait, &x->wait, &clause))
        return why_set(why, "--for %.40s: write a time, such as 30s", wait);
    if (x->name == NULL)
        return why_set(why, "which METRIC?");
    if (glob_fault(x->name) != NULL)
        return why_set(why, "\"%.60s\" %s", x->name, glob_fault(x->name));
    return true;
}

int explain_main(int argc, char *const argv[])
{
    static struct explaining x; /* too large for a stack */
    struct snapshot snapshot = {0};
    struct errors e = {0};
    struct asking asking = {.table = -1};
    struct conf *conf;
    struct why why;
    int status = EXIT_WORLD;

    if (!parse_explain(&x, argc, argv, &why)) {
        say(stderr, "garnet explain: %s (see `garnet explain --help`)", why.text);
        return EXIT_USAGE;
    }
    log_set_level(LOG_L_ERROR); /* what a plugin leaves out is for `garnet plugin preview` */
    conf = conf_load(&snapshot, x.config, NULL, &asking, &e);
    if (conf == NULL || errors_fatal(&e)) {
        say_text(stderr, (struct str){e.text.p, e.text.n});
    } else {
        x.conf = conf;
        status = explain_metric(&x);
    }
    conf_free(conf);
    snapshot_free(&snapshot);
    errors_free(&e);
    return status;
}
