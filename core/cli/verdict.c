/* cli/verdict.c - part for part, gravest first; what is missing in an answer says nothing
 *
 * Nothing here fails but the arena.
 */
#include "cli/verdict.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/show_status.h"
#include "spool/cursor.h"

enum { RECENT = 600, LONG_UNCONFIRMED = 300, REASONS_MAX = 4096 };

struct judging {
    struct verdict *v;
    struct arena *a;
    double now;
    const struct verdict_bounds *bounds;
};

const char *verdict_name(enum verdict_grade g)
{
    static const char *const names[] = {"healthy", "degraded", "failing"};

    return names[g];
}

/* Between two characters: half of one could not be printed as JSON. */
static void cut_text(char *out, size_t size, const char *text)
{
    size_t n = strnlen(text, size - 1);

    while (n > 0 && text[n] != '\0' && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    memcpy(out, text, n);
    out[n] = '\0';
}

__attribute__((format(printf, 3, 4))) static void
add_reason(struct judging *j, enum verdict_grade g, const char *fmt, ...)
{
    struct verdict *v = j->v;
    va_list ap;
    char text[2048], shown[1536];

    if (v->n == REASONS_MAX)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cut_text(shown, sizeof shown, text);
    v->reasons[v->n++] = (struct verdict_reason){g, arena_strdup(j->a, shown)};
    if (g > v->grade)
        v->grade = g;
}

/* What is said to have been later than now was before the clock was set back. */
static bool within(const struct judging *j, double at, double seconds)
{
    enum { AHEAD = 60 };

    return at > 0 && j->now - at < seconds && at - j->now < AHEAD;
}

static bool recent(const struct judging *j, double at)
{
    return within(j, at, RECENT);
}

/* --- garnetd itself --- */

static void weigh_spool(struct judging *j, const json_t *spool)
{
    const json_t *refused = json_object_get(spool, "last_refused");

    if (json_is_true(json_object_get(spool, "folder_gone")))
        add_reason(j, VERDICT_FAILING, "spool: its folder %s is gone and cannot be made again",
                   status_text(spool, "folder"));
    else if (within(j, status_number(refused, "at"), 60))
        add_reason(j, VERDICT_FAILING, "spool: %s", status_text(refused, "text"));
    else if (recent(j, status_number(refused, "at")))
        add_reason(j, VERDICT_DEGRADED, "spool: it has refused metrics %s: %s",
                   status_ago(j->now, status_number(refused, "at")).text,
                   status_text(refused, "text"));
    if (json_is_true(json_object_get(spool, "sync_fails")))
        add_reason(j, VERDICT_DEGRADED, "spool: what is written cannot be synced to the disk");
    if (json_is_true(json_object_get(spool, "disk_full")))
        add_reason(
            j, VERDICT_DEGRADED,
            "spool: the disk is full: %s of its reserve are left; when no sink has done with "
            "any more, the oldest metrics give way",
            status_size(status_number(spool, "reserve")).text);
    if (status_number(spool, "held") > 0)
        add_reason(j, VERDICT_DEGRADED,
                   "spool: the disk takes nothing now: metrics wait in memory");
}

static void weigh_main_file(struct judging *j, const json_t *c)
{
    if (status_text(c, "errors")[0] != '\0')
        add_reason(j, VERDICT_DEGRADED, "%s is not in use, the one before it is: %s",
                   status_text(c, "file"), status_text(c, "errors"));
}

static void weigh_refused(struct judging *j, const json_t *list, const char *only)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        const char *sink = status_text(one, "sink"), *collector = status_text(one, "collector");

        if (only != NULL && strcmp(only, sink) != 0 && strcmp(only, collector) != 0)
            continue;
        add_reason(j, VERDICT_DEGRADED, "%s %s is refused%s: %s",
                   *sink != '\0'        ? "sink"
                   : *collector != '\0' ? "collector"
                                        : "file",
                   *sink != '\0'        ? sink
                   : *collector != '\0' ? collector
                                        : status_text(one, "file"),
                   json_is_true(json_object_get(one, "old_runs")) ? " (as it was before, it runs)"
                                                                  : "",
                   status_text(one, "errors"));
    }
}

/* --- sinks --- */

/* ": TEXT", or ""; with its age where that is no longer of what is now. */
static const char *last_error(struct judging *j, const json_t *of)
{
    const json_t *e = json_object_get(of, "last_error");
    const char *text = status_text(e, "text"), *said = "";

    if (*text != '\0' && recent(j, status_number(e, "at")))
        said = arena_printf(j->a, ": %s", text);
    else if (*text != '\0')
        said = arena_printf(j->a, "; %s it said: %s",
                            status_ago(j->now, status_number(e, "at")).text, text);
    return said != NULL ? said : "";
}

static bool is_meant(const char *reason)
{
    unsigned i = 0;

    while (i < DROP_COUNT && strcmp(drop_reason_name(i), reason) != 0)
        i++;
    return drop_is_meant(i);
}

/* "; in all 3 expired, 1 rejected", since the sink is there; or "". */
static const char *all_drops(struct judging *j, const json_t *s)
{
    const char *key, *said = "";
    json_t *n;

    json_object_foreach (json_object_get(s, "dropped"), key, n)
        if (said != NULL && json_number_value(n) > 0 && !is_meant(key))
            said = arena_printf(j->a, "%s%s %.0f %s", said, *said == '\0' ? "; in all" : ",",
                                json_number_value(n), key);
    return said != NULL ? said : "";
}

static void weigh_bounds(struct judging *j, const json_t *s, const char *name)
{
    if (j->bounds->lag >= 0 && status_number(s, "lag") > (double)j->bounds->lag / 1e9)
        add_reason(j, VERDICT_DEGRADED, "sink %s: its lag is %s", name,
                   status_span(status_number(s, "lag")).text);
    if (j->bounds->queued >= 0 && status_number(s, "queued") > (double)j->bounds->queued)
        add_reason(j, VERDICT_DEGRADED, "sink %s: %.0f metrics are queued", name,
                   status_number(s, "queued"));
}

static void weigh_sink(struct judging *j, const json_t *s)
{
    const char *name = status_text(s, "name"), *state = status_text(s, "state");
    double waits = status_number(s, "nothing_confirmed_for");
    double usual =
        2 * status_number(s, "confirm_every"); /* so long it may take where all is well */
    const char *error = last_error(j, s);

    if (waits >= (usual > LONG_UNCONFIRMED ? usual : LONG_UNCONFIRMED) &&
        strcmp(state, "refused") != 0)
        add_reason(j, VERDICT_FAILING, "sink %s: nothing has been confirmed for %s%s", name,
                   status_span(waits).text, error);
    else if (strcmp(state, "down") == 0 || strcmp(state, "stalled") == 0 ||
             strcmp(state, "stopped") == 0 || strcmp(state, "pausing") == 0)
        add_reason(j, VERDICT_DEGRADED, "sink %s is %s%s", name,
                   strcmp(state, "pausing") == 0 ? "without a worker" : state, error);
    if (recent(j, status_number(s, "last_drop")))
        add_reason(j, VERDICT_DEGRADED, "sink %s: it has dropped metrics %s%s", name,
                   status_ago(j->now, status_number(s, "last_drop")).text, all_drops(j, s));
    weigh_bounds(j, s, name);
}

/* --- collectors --- */

static void weigh_run(struct judging *j, const json_t *c, const char *name)
{
    const json_t *last = json_object_get(c, "last_run");
    double since = status_number(c, "running_since"), interval = status_number(c, "interval");
    bool oneshot = strcmp(status_text(c, "mode"), "oneshot") == 0;

    if (oneshot && since > 0 && j->now - since > 2 * interval)
        add_reason(j, VERDICT_DEGRADED,
                   "collector %s has been running for %s, and its interval is %s", name,
                   status_span(j->now - since).text, status_span(interval).text);
    if (json_is_true(json_object_get(last, "failed")) &&
        within(j, status_number(last, "ended"), interval > RECENT ? 2 * interval : RECENT))
        add_reason(j, VERDICT_DEGRADED, "collector %s: its last run failed %s: %s", name,
                   status_ago(j->now, status_number(last, "ended")).text,
                   status_text(last, "error"));
}

static void weigh_collector(struct judging *j, const json_t *c)
{
    const char *name = status_text(c, "name");
    const json_t *error = json_object_get(c, "last_error");

    if (strcmp(status_text(c, "state"), "waiting") == 0)
        add_reason(j, VERDICT_DEGRADED, "collector %s cannot be started: %s", name,
                   status_text(json_object_get(c, "waits_for"), "text"));
    weigh_run(j, c, name);
    if (recent(j, status_number(error, "at")))
        add_reason(j, VERDICT_DEGRADED, "collector %s: some of what it sent was rejected %s: %s",
                   name, status_ago(j->now, status_number(error, "at")).text,
                   status_text(error, "text"));
    if (status_number(c, "brought_nothing") > 0)
        add_reason(
            j, VERDICT_DEGRADED,
            "collector %s: its runs end well, and it has sent no metric yet: `garnet run %s` "
            "shows what it does",
            name, name);
}

/* --- all --- */

static int by_grade(const void *a, const void *b)
{
    const struct verdict_reason *x = a, *y = b;

    if (x->grade != y->grade)
        return x->grade > y->grade ? -1 : 1;
    return x < y ? -1 : 1; /* glibc's qsort merges: equal ones keep their order */
}

static void weigh_each(struct judging *j, const json_t *list, const char *only,
                       void (*weigh)(struct judging *j, const json_t *one))
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one)
        if (only == NULL || strcmp(only, status_text(one, "name")) == 0)
            weigh(j, one);
}

static void weigh_garnetd(struct judging *j, const json_t *status)
{
    weigh_spool(j, json_object_get(status, "spool"));
    weigh_main_file(j, json_object_get(status, "configuration"));
    if (json_array_size(json_object_get(status, "sinks")) == 0)
        add_reason(j, VERDICT_DEGRADED, "there is no sink: nothing is delivered anywhere");
}

static void weigh_shared(struct judging *j, const json_t *intake)
{
    const json_t *shared = json_object_get(intake, "last_error");

    if (recent(j, status_number(shared, "at")))
        add_reason(j, VERDICT_DEGRADED, "the shared socket: something was rejected %s: %s",
                   status_ago(j->now, status_number(shared, "at")).text,
                   status_text(shared, "text"));
}

bool verdict_of(struct verdict *v, struct arena *a, const json_t *status, const char *only,
                const struct verdict_bounds *bounds)
{
    struct judging j = {.v = v, .a = a, .now = status_number(status, "now"), .bounds = bounds};

    *v = (struct verdict){.reasons = arena_alloc(a, REASONS_MAX * sizeof *v->reasons)};
    if (v->reasons == NULL)
        return false;
    if (only == NULL)
        weigh_garnetd(&j, status);
    weigh_refused(&j, json_object_get(json_object_get(status, "configuration"), "refused"), only);
    weigh_each(&j, json_object_get(status, "sinks"), only, weigh_sink);
    weigh_each(&j, json_object_get(status, "collectors"), only, weigh_collector);
    if (only == NULL)
        weigh_shared(&j, json_object_get(status, "intake"));
    qsort(v->reasons, v->n, sizeof *v->reasons, by_grade);
    return arena_ok(a);
}
