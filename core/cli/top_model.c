/* cli/top_model.c - each answer is matched with the rows by name, and what its counters grew by is kept
 *
 * A rate is of the last LATELY seconds, or of three intervals of a collector that runs less often, so that it does not jump
 * with each run. A counter that went back, another garnetd (its start is another) and a clock that was set back give no
 * rate, and not a negative one. Fails for want of memory only.
 */
#include "cli/top_model.h"

#include <stdlib.h>
#include <string.h>

#include "cli/show_status.h"

static const double LATELY = 10;

/* --- one row --- */

static const struct top_sample *sample_at(const struct top_row *r, size_t number)
{
    return &r->past[number % TOP_PAST];
}

static void add_sample(struct top_row *r, struct top_sample s)
{
    r->past[r->answers++ % TOP_PAST] = s;
}

/* Up to where it is not known: before a restart all may have been different. */
static double rate_lately(const struct top_row *r)
{
    double window = 3 * status_number(r->of, "interval"), seconds = 0, count = 0;

    window = window > LATELY ? window : LATELY;
    for (size_t i = r->answers; i > 0 && r->answers - i < TOP_PAST && seconds < window; i--) {
        const struct top_sample *s = sample_at(r, i - 1);

        if (s->seconds <= 0)
            break;
        seconds += (double)s->seconds;
        count += (double)s->count;
    }
    return seconds > 0 ? count / seconds : -1;
}

static void update_row(struct top_row *r, json_t *of, double seconds)
{
    bool sink = r->kind == TOP_SINK;
    double counter = status_number(of, sink ? "confirmed" : "accepted");
    struct top_sample s = {.lag = sink ? (float)status_number(of, "lag") : -1};

    if (seconds > 0 && counter >= r->counter) {
        s.seconds = (float)seconds;
        s.count = (float)(counter - r->counter);
    }
    json_incref(of);
    json_decref(r->of);
    r->of = of;
    r->name = status_text(of, "name");
    r->counter = counter;
    r->met = true;
    add_sample(r, s);
    r->rate = rate_lately(r);
    r->trouble = sink ? (double)s.lag : status_sum(json_object_get(of, "failures"));
}

static void free_row(struct top_row *r)
{
    json_decref(r->of);
    free(r);
}

double top_row_past(const struct top_row *r, enum top_what what, double *cells, size_t n)
{
    size_t each = n > 0 ? (TOP_PAST + n - 1) / n : 1, last = r->answers / each;
    double most = 0;

    for (size_t cell = 0; cell < n; cell++)
        cells[cell] = -1;
    for (size_t i = r->answers > TOP_PAST ? r->answers - TOP_PAST : 0; i < r->answers; i++) {
        const struct top_sample *s = sample_at(r, i);
        size_t back = last - i / each;
        double v = (double)s->lag;

        if (what == TOP_RATES)
            v = s->seconds > 0 ? (double)(s->count / s->seconds) : -1;
        if (back < n && v > cells[n - 1 - back])
            cells[n - 1 - back] = v;
        most = back < n && v > most ? v : most;
    }
    return most;
}

/* --- what is listed --- */

static int by_kind_and_name(const void *a, const void *b)
{
    const struct top_row *x = *(struct top_row *const *)a, *y = *(struct top_row *const *)b;

    return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind)
                              : strcmp(x->name, y->name);
}

int top_state_rank(const char *state)
{
    static const char *const good[] = {"disabled", "idle",    "running", "starting",
                                       "ending",   "pausing", "stalled", "down",
                                       "waiting",  "refused"}; /* see TOP_WARNS */
    int rank = 0;

    while (rank < (int)(sizeof good / sizeof *good) && strcmp(state, good[rank]) != 0)
        rank++;
    return rank;
}

static int by_order(const void *a, const void *b, void *order)
{
    const struct top_row *x = *(struct top_row *const *)a, *y = *(struct top_row *const *)b;
    double d = 0;

    switch (*(enum top_order *)order) {
    case TOP_BY_NAME:
        break;
    case TOP_BY_STATE:
        d = top_state_rank(status_text(y->of, "state")) -
            top_state_rank(status_text(x->of, "state"));
        break;
    case TOP_BY_RATE:
        d = y->rate - x->rate;
        break;
    case TOP_BY_TROUBLE:
        d = y->trouble - x->trouble;
        break;
    }
    return d != 0 ? (d > 0) - (d < 0) : by_kind_and_name(a, b);
}

void top_model_list(struct top_model *m)
{
    size_t n = 0;

    for (int kind = 0; kind < TOP_KINDS; kind++) {
        struct top_list *l = &m->lists[kind];

        *l = (struct top_list){.rows = m->listed + n};
        for (size_t i = 0; i < m->n; i++)
            if ((int)m->rows[i]->kind == kind && strcasestr(m->rows[i]->name, m->filter) != NULL)
                l->rows[l->n++] = m->rows[i];
        n += l->n;
        if (l->n > 0)
            qsort_r(l->rows, l->n, sizeof(struct top_row *), by_order, &m->order);
    }
}

/* --- one answer after the other --- */

/* The row of before, or a new one; NULL: no memory. */
static struct top_row *row_for(const struct top_model *m, enum top_kind kind, const json_t *of)
{
    struct top_row wanted = {.kind = kind, .name = status_text(of, "name")}, *key = &wanted, *r;
    struct top_row **found = NULL;

    if (m->n > 0)
        found = bsearch(&key, m->rows, m->n, sizeof(struct top_row *), by_kind_and_name);
    if (found != NULL && !(*found)->met) /* a sink that is being replaced is there twice */
        return *found;
    r = calloc(1, sizeof *r);
    if (r != NULL)
        r->kind = kind;
    return r;
}

static bool meet_rows(const struct top_model *m, enum top_kind kind, json_t *list, double seconds,
                      struct top_row **rows, size_t *n)
{
    json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        struct top_row *r = row_for(m, kind, one);

        if (r == NULL)
            return false;
        update_row(r, one, r->of != NULL ? seconds : 0);
        rows[(*n)++] = r;
    }
    return true;
}

/* What m->rows has and the answer has not goes. */
static void replace_rows(struct top_model *m, struct top_row **rows, size_t n)
{
    for (size_t i = 0; i < m->n; i++)
        if (!m->rows[i]->met)
            free_row(m->rows[i]);
    free(m->rows);
    m->rows = rows;
    m->n = n;
    for (size_t i = 0; i < n; i++)
        rows[i]->met = false;
    if (n > 0)
        qsort(rows, n, sizeof(struct top_row *), by_kind_and_name);
}

static bool meet_all(struct top_model *m, const json_t *status, double seconds)
{
    json_t *collectors = status_collectors(status), *sinks = json_object_get(status, "sinks");
    size_t n = 0, most = json_array_size(collectors) + json_array_size(sinks);
    struct top_row **rows = calloc(most + 1, sizeof(struct top_row *));
    struct top_row **listed = calloc(most + 1, sizeof(struct top_row *));
    bool ok = rows != NULL && listed != NULL &&
              meet_rows(m, TOP_COLLECTOR, collectors, seconds, rows, &n) &&
              meet_rows(m, TOP_SINK, sinks, seconds, rows, &n);

    if (rows != NULL)
        replace_rows(m, rows, n);
    json_decref(collectors);
    free(m->listed);
    m->listed = listed;
    return ok;
}

bool top_model_take(struct top_model *m, json_t *status)
{
    double now = status_number(status, "now");
    bool same = m->status != NULL &&
                status_number(m->status, "started") == status_number(status, "started") &&
                status_number(m->status, "pid") == status_number(status, "pid");
    double seconds = same ? now - status_number(m->status, "now") : 0;

    free(m->silence);
    m->silence = NULL;
    if (same && seconds == 0)
        return true;
    if (!meet_all(m, status, seconds))
        return false;
    json_incref(status);
    json_decref(m->status);
    m->status = status;
    arena_free(&m->arena);
    top_model_list(m);
    return verdict_of(&m->verdict, &m->arena, status, NULL, &(struct verdict_bounds){-1, -1});
}

bool top_model_silent(struct top_model *m, const char *why)
{
    for (size_t i = 0; i < m->n; i++)
        add_sample(m->rows[i], (struct top_sample){.lag = -1});
    free(m->silence);
    m->silence = strdup(why);
    return m->silence != NULL;
}

void top_model_free(struct top_model *m)
{
    for (size_t i = 0; i < m->n; i++)
        free_row(m->rows[i]);
    free(m->rows);
    free(m->listed);
    free(m->silence);
    json_decref(m->status);
    arena_free(&m->arena);
    *m = (struct top_model){0};
}
