/* intake/intake.c - what connections share: the turn's batch, its commit, the sweep for idle ones
 *
 * A turn of the loop gathers the records of all clients in one buf; the hook after the turn has it
 * written, settles who gets which reply, and closes who is done. The spool's refusal turns a
 * batch's metrics into rejected ones, with its reason; nothing here fails by itself but for
 * memory, when it is made.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "base/log.h"
#include "intake/conn.h"
#include "model/record.h"

enum { SWEEPS = 4 }; /* for one idle limit */

void intake_commit(struct intake *in)
{
    char why[128] = "";
    uint64_t ticket = 0;
    int r = 0;

    if (in->count > 0) {
        r = in->commit(in->arg, in->batch.p, in->batch.n, in->count, &ticket, why);
        if (r < 0 && !in->refused_said)
            log_error("the spool refuses metrics: %s", why);
        in->refused_said = r < 0;
    }
    if (r < 0)
        in->own_rejected += in->own;
    else if (r > 0)
        pending_add(&in->own_pending, ticket, in->own);
    buf_reset(&in->batch);
    in->count = in->own = 0;
    for (struct conn *c = in->touched; c != NULL; c = c->next_touched)
        conn_committed(c, r > 0, ticket, r < 0 ? why : NULL);
}

static void after_turn(void *arg)
{
    struct intake *in = arg;
    struct conn *c;

    slices_run(in);
    if (in->count > 0 || in->touched != NULL)
        intake_commit(in);
    while ((c = in->touched) != NULL) {
        in->touched = c->next_touched;
        c->touched = false;
        conn_settle(c);
    }
}

static void known(struct intake *in, uint64_t ticket, const char *why)
{
    uint64_t own = pending_take(&in->own_pending, ticket);

    in->own_rejected += why != NULL ? own : 0;
    for (struct conn *c = in->clients; c != NULL; c = c->next)
        conn_known(c, ticket, why);
    for (struct source *s = in->sources; s != NULL; s = s->next)
        source_known(s, ticket, why == NULL);
}

void intake_safe(struct intake *in, uint64_t ticket)
{
    known(in, ticket, NULL);
}

void intake_unsafe(struct intake *in, uint64_t ticket, const char *why)
{
    known(in, ticket, why);
}

void intake_own(struct intake *in, const struct metric *m)
{
    record_put(&in->batch, m);
    if (!buf_ok(&in->batch)) {
        log_error("no memory for Garnet's own metric");
        in->own_rejected++;
        intake_commit(in);
        return;
    }
    in->count++;
    in->own++;
    if (in->batch.n >= BATCH_FULL)
        intake_commit(in);
}

uint64_t intake_own_rejected(const struct intake *in)
{
    return in->own_rejected;
}

static void sweep(void *arg)
{
    struct intake *in = arg;
    int64_t now = loop_now(in->loop);
    struct conn *next;

    for (struct conn *c = in->clients; c != NULL; c = next) {
        next = c->next;
        conn_idle(c, now);
    }
    if (in->clients != NULL)
        intake_sweep(in);
}

void intake_sweep(struct intake *in)
{
    if (!in->sweeper.armed)
        loop_timer_set(in->loop, &in->sweeper, loop_now(in->loop) + in->limits.idle / SWEEPS + 1,
                       sweep, in);
}

unsigned intake_busy(const struct intake *in)
{
    unsigned n = 0;

    for (const struct conn *c = in->clients; c != NULL; c = c->next)
        n += !conn_quiet(c);
    return n;
}

bool intake_quiet(const struct intake *in)
{
    return in->count == 0 && intake_busy(in) == 0;
}

unsigned intake_connections(const struct intake *in)
{
    return in->nclients;
}

uint64_t intake_refused_connections(const struct intake *in)
{
    return in->refused;
}

uint64_t intake_gave_way(const struct intake *in)
{
    return in->gave_way;
}

void intake_limits(struct intake *in, const struct conf_intake *limits)
{
    in->limits = *limits;
    in->metric_limits = (struct metric_limits){
        .max_name = (uint32_t)limits->max_name,
        .max_tags = (uint32_t)limits->max_tags,
        .max_tag = METRIC_TAG_LENGTH,
    };
}

struct intake *intake_new(struct loop *l, const struct conf_intake *limits,
                          intake_commit_fn *commit, void *arg)
{
    struct intake *in = calloc(1, sizeof *in);

    if (in == NULL || (in->read = malloc(READ_SIZE)) == NULL) {
        free(in);
        return NULL;
    }
    in->loop = l;
    in->reserve =
        eventfd(0, EFD_CLOEXEC); /* without it all works but the refusal for want of one */
    in->commit = commit;
    in->arg = arg;
    intake_limits(in, limits);
    loop_after(l, &in->hook, after_turn, in);
    return in;
}

void intake_free(struct intake *in)
{
    if (in == NULL)
        return;
    after_turn(in);
    loop_after_del(in->loop, &in->hook);
    while (in->clients != NULL)
        conn_free(in->clients);
    loop_timer_clear(in->loop, &in->pause);
    loop_timer_clear(in->loop, &in->sweeper);
    fd_close(&in->reserve);
    buf_free(&in->batch);
    pending_free(&in->own_pending);
    free(in->read);
    free(in);
}
