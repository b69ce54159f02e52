/* daemon/collectors.c - one entry a collector: its generation, its run (collect/collector.h), its
 * socket. What cannot be started (a socket path that is taken, no descriptors, no memory) is logged
 * once and tried again each second; the others do not notice. An entry that leaves is kept until
 * its run is gone, and is found by its name all the same: it has the socket that a new one would
 * need.
 */
#include "daemon/collectors.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/answer.h"
#include "daemon/collector_entry.h"
#include "daemon/sockets.h"

void collectors_init(struct collectors *c, struct keepers *keepers, const char *converter,
                     struct intake *in, struct selfmetrics *self,
                     const struct collectors_events *ev)
{
    *c = (struct collectors){
        .keepers = keepers, .converter = converter, .intake = in, .self = self, .ev = *ev};
    LIST_INIT(&c->list);
    c->slots.dirfd = -1;
}

void collectors_remember(struct collectors *c, int dirfd)
{
    slots_open(&c->slots, dirfd);
}

void collectors_free(struct collectors *c)
{
    slots_close(&c->slots);
}

/* --- a run --- */

static void on_run_started(void *arg, int64_t slot_ns)
{
    struct collector_entry *m = arg;

    m->started = clock_wall();
    source_run(m->source, slot_ns);
    m->recorded = m->conf->persistent;
    if (!m->recorded)
        return;
    m->slot_before = slots_get(&m->all->slots, m->conf->name);
    slots_put(&m->all->slots, m->conf->name, slot_ns);
}

/* Its metrics went elsewhere, and nobody misses them: it ended well. */
static void note_fruitless(struct collector_entry *m, bool good)
{
    const struct origin_counts *n = source_counts(m->source);
    bool nothing = n->accepted == 0 && n->rejected == 0;

    if (nothing && !m->brought_nothing && good)
        journal_fruitless(&m->run.journal, m->conf->output);
    m->brought_nothing = nothing && (m->brought_nothing || good);
}

/* What it sent before it ended is stamped with its slot and is its own: all of it is taken in first. */
static void on_run_ended(void *arg, const struct run_receipt *r)
{
    struct collector_entry *m = arg;
    struct last_run *l = &m->last;

    *l = (struct last_run){.started = m->started, .ended = clock_wall(), .receipt = *r};
    source_run_end(m->source, &l->accepted, &l->rejected);
    if (outcome_failed(r->outcome) || m->run.daemon)
        run_describe(r, m->conf, &l->words);
    note_fruitless(m, r->outcome == OUTCOME_OK);
    collector_entry_run_rows(m, m->all->self);
    if (r->outcome == OUTCOME_SPAWN && m->recorded)
        slots_put(&m->all->slots, m->conf->name, m->slot_before);
}

static uint64_t run_accepted(void *arg)
{
    const struct collector_entry *m = arg;

    return source_counts(m->source)->taken;
}

static int64_t run_withheld(void *arg)
{
    const struct collector_entry *m = arg;

    return source_withheld(m->source);
}

/* --- one collector --- */

static void run_collector(struct collector_entry *m);

static void close_source(struct collector_entry *m)
{
    if (m->source != NULL)
        source_close(m->source);
    m->source = NULL;
}

static void remove_collector(struct collector_entry *m)
{
    struct collectors *c = m->all;

    LIST_REMOVE(m, entries);
    close_source(m);
    generation_unref(m->gen);
    free(m);
    if (LIST_EMPTY(&c->list))
        c->ev.drained(c->ev.arg);
}

static void on_run_gone(void *arg)
{
    struct collector_entry *m = arg;

    collector_end(&m->run);
    m->begun = false;
    if (m->leaving)
        remove_collector(m);
    else
        run_collector(m);
}

/* Logged once, however often it is tried. */
static void say_waiting(struct collector_entry *m, const char *why)
{
    if (!m->waiting)
        log_error("collector %s does not run yet: %s; trying again", m->conf->name, why);
    m->waiting = true;
    remark_set(&m->why, "%s", why);
}

/* As configured, unless the old run is still ending: then on_run_gone() comes here again. */
static void run_collector(struct collector_entry *m)
{
    const struct collector_events ev = {m,           on_run_started, on_run_ended,
                                        on_run_gone, run_accepted,   run_withheld};
    const struct conf *c = m->gen->conf;
    struct why why;

    if (m->begun)
        return;
    if (!m->conf->enabled) {
        close_source(m);
        return;
    }
    if (!sockets_open_own(&m->source, m->all->intake, c, m->conf, &why)) {
        say_waiting(m, why.text);
        return;
    }
    collector_start(&m->run, &(struct collector_means){m->all->keepers, c->host, m->all->converter},
                    m->conf, &ev);
    if (m->conf->persistent)
        collector_catch_up(&m->run, slots_get(&m->all->slots, m->conf->name), c->host);
    m->begun = true;
    m->waiting = false;
    collector_entry_rows(m, selfmetrics_beginning(m->all->self, clock_wall()));
}

static void retire(struct collector_entry *m)
{
    m->leaving = true;
    if (m->begun)
        collector_stop(&m->run); /* and then on_run_gone() */
    else
        remove_collector(m);
}

static struct collector_entry *find_collector(const struct collectors *c, const char *name)
{
    struct collector_entry *m;

    LIST_FOREACH (m, &c->list, entries)
        if (strcmp(m->conf->name, name) == 0)
            return m;
    return NULL;
}

static struct collector_entry *add_collector(struct collectors *c)
{
    struct collector_entry *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->all = c;
    LIST_INSERT_HEAD(&c->list, m, entries);
    return m;
}

static void configure_collector(struct collector_entry *m, struct generation *g,
                                const struct conf_collector *conf)
{
    bool changed = m->conf == NULL || m->conf->digest != conf->digest;
    struct generation *old = m->gen;

    m->leaving = false;
    m->gen = generation_ref(g);
    m->conf = conf;
    if (m->begun)
        collector_adopt(&m->run, conf);
    if (changed && m->begun) {
        log_info("collector %s changed", conf->name);
        collector_stop(&m->run); /* and then on_run_gone() */
    } else {
        run_collector(m);
    }
    generation_unref(old);
}

/* --- all of them --- */

/* Also those that are refused, or disabled, may run again. */
static void keep_records(struct collectors *c, const struct conf *conf)
{
    for (const struct conf_collector *k = conf->collectors; k != NULL; k = k->next)
        (void)slots_get(&c->slots, k->name);
    for (const struct conf_refused *r = conf->refused; r != NULL; r = r->next)
        if (r->collector != NULL)
            (void)slots_get(&c->slots, r->collector);
}

void collectors_apply(struct collectors *c, struct generation *g)
{
    struct collector_entry *next;

    c->gen = g;
    keep_records(c, g->conf);
    for (const struct conf_collector *k = g->conf->collectors; k != NULL; k = k->next) {
        struct collector_entry *m = find_collector(c, k->name);

        if (m == NULL)
            m = add_collector(c);
        if (m != NULL)
            configure_collector(m, g, k);
        else
            log_error("collector %s does not run: out of memory", k->name);
    }
    for (struct collector_entry *m = LIST_FIRST(&c->list); m != NULL; m = next) {
        next = LIST_NEXT(m, entries);
        if (m->gen == g || m->leaving)
            continue;
        log_info("collector %s is no longer configured", m->conf->name);
        retire(m);
    }
}

void collectors_retry(struct collectors *c)
{
    slots_look(&c->slots);
    for (const struct conf_collector *k = c->gen->conf->collectors; k != NULL; k = k->next) {
        const struct collector_entry *m = find_collector(c, k->name);

        if (k->enabled && (m == NULL || !m->begun)) {
            collectors_apply(c, c->gen);
            return;
        }
    }
}

void collectors_stop(struct collectors *c)
{
    struct collector_entry *next;

    for (struct collector_entry *m = LIST_FIRST(&c->list); m != NULL; m = next) {
        next = LIST_NEXT(m, entries);
        retire(m);
    }
}

void collectors_kill(struct collectors *c)
{
    struct collector_entry *next;

    for (struct collector_entry *m = LIST_FIRST(&c->list); m != NULL; m = next) {
        next = LIST_NEXT(m, entries);
        if (m->begun)
            collector_abandon(&m->run);
    }
}

/* --- what they tell --- */

void collectors_metrics(const struct collectors *c, const struct self_round *at)
{
    const struct collector_entry *m;

    LIST_FOREACH (m, &c->list, entries)
        if (m->begun)
            collector_entry_rows(m, *at);
}

void collectors_sources(const struct collectors *c,
                        void (*each)(void *arg, const char *collector, const struct source *s),
                        void *arg)
{
    const struct collector_entry *m;

    LIST_FOREACH (m, &c->list, entries)
        if (m->source != NULL)
            each(arg, m->conf->name, m->source);
}

void collectors_status(const struct collectors *c, struct buf *out)
{
    const struct collector_entry *m;
    bool first = true;

    LIST_FOREACH (m, &c->list, entries) {
        buf_puts(out, first ? "" : ",");
        collector_entry_status(m, out);
        first = false;
    }
}
