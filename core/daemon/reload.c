/* SIGHUP: everything is read again, and taken as a whole or not at all.
 *
 * While a child reads and checks, the old configuration runs. HUPs that come meanwhile, the
 * start included, lead to one more round, so none is lost however many there are.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/load.h"

void reload_request(void *arg)
{
    struct daemon *d = arg;
    if (d->phase > PHASE_RUNNING)
        return;
    if (d->load) {
        d->reload_again = true;
        return;
    }
    d->reload_again = false;
    d->load = load_start(d->loop, d->conf_path, d->gen != NULL, d->sink_program, reload_loaded, d);
    if (!d->load) {
        d->reload_failures++;
        log_error("the configuration cannot be read: %m; %s",
                  d->gen ? "the old one stays" : "giving up");
    }
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

const char *reload_refusal(const struct conf *now, const struct conf *next)
{
    const struct conf_socket *a = &now->socket, *b = &next->socket;
    if (!same(a->path, b->path) || a->mode != b->mode || a->group != b->group)
        return "`socket` cannot change while garnetd runs: restart it";
    if (!same(now->spool.dir, next->spool.dir))
        return "`spool.dir` cannot change while garnetd runs: restart it";
    return NULL;
}

static void log_lines(enum log_level level, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        log_at(level, "%.*s", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void refused(struct daemon *d, const char *text)
{
    log_lines(LOG_L_ERROR, text);
    d->reload_failures++;
    if (d->gen)
        log_error("the new configuration is not used: the old one stays");
}

/* The snapshot has been checked by the child; here it becomes a configuration of this process. */
static struct generation *accept_snapshot(struct daemon *d, struct str bytes)
{
    struct snapshot snap = {0};
    struct errors e = {0};
    struct generation *g = NULL;
    struct conf *c = snapshot_read(&snap, bytes) ? conf_parse(&snap, &e) : NULL;
    const char *no = c && e.n == 0 && d->gen ? reload_refusal(d->gen->conf, c) : NULL;
    if (!c || e.n > 0) {
        refused(d, c && e.text.p ? e.text.p : "the configuration cannot be used: out of memory\n");
    } else if (no) {
        refused(d, no);
    } else {
        g = generation_new(c, bytes);
        buf_putc(&e.warnings, '\0');
        if (buf_ok(&e.warnings))
            log_lines(LOG_L_WARN, e.warnings.p);
        if (g)
            c = NULL; /* the generation's now */
        else
            refused(d, strerror(errno));
    }
    if (c)
        conf_free(c);
    errors_free(&e);
    snapshot_free(&snap);
    return g;
}

static void apply(struct daemon *d, struct generation *g)
{
    struct generation *old = d->gen;
    struct source_config shared = daemon_shared(g->conf);
    d->gen = g;
    if (!source_update(d->shared, &shared))
        log_error("socket: out of memory: the shared socket keeps its old tags");
    log_set_level((enum log_level)g->conf->log_level);
    intake_limits(d->intake, &g->conf->intake);
    append_configure(d->spool, g->conf->spool.segment_size, g->conf->spool.max_size,
                     g->conf->spool.max_age);
    d->commit.durable = g->conf->spool.durable;
    sinks_apply(d, g); /* first: a new sink sees what its new collectors send */
    collectors_apply(d, g);
    if (old->conf->self_metrics.interval != g->conf->self_metrics.interval)
        selfmetrics_start(d);
    generation_unref(old);
    d->reloads++;
    log_info("the configuration was reread and is in use");
}

void reload_loaded(void *arg, struct str snapshot, const char *errors)
{
    struct daemon *d = arg;
    d->load = NULL;
    struct generation *g = NULL;
    if (errors)
        refused(d, errors);
    else
        g = accept_snapshot(d, snapshot);
    if (g && d->phase == PHASE_RUNNING) {
        apply(d, g);
    } else if (d->phase == PHASE_LOADING && !(g && daemon_start(d, g))) {
        d->status = g ? EXIT_WORLD : EXIT_CONFIG;
        d->phase = PHASE_DONE;
        loop_stop(d->loop);
    }
    if (d->phase == PHASE_RUNNING && d->reload_again)
        reload_request(d);
}
