/* cli/check_plan.c - by name and digest, as garnetd compares them; fails as stdio does */
#include "cli/check_plan.h"

#include <string.h>

#include "base/clock.h"
#include "base/terminal.h"
#include "cli/show_status.h"
#include "conf/change.h"

/* --- the plan --- */

static struct conf_part part_in_use(const json_t *one)
{
    const char *state = status_text(one, "state");

    if (one == NULL || strcmp(state, "disabled") == 0 || strcmp(state, "refused") == 0)
        return (struct conf_part){0};
    return (struct conf_part){true, status_digest(one)};
}

static void print_change(FILE *to, enum conf_change change, const char *kind, const char *name,
                         const char *file, unsigned *same)
{
    if (change == CHANGE_NONE)
        ++*same;
    else
        say(to, "%-9s %s %s%s%s", conf_change_name(change), kind, name, file != NULL ? ": " : "",
            file != NULL ? file : "");
}

/* A file that would be refused leaves what runs as it is. */
static bool would_be_refused(const struct conf *c, const char *collector)
{
    for (const struct conf_refused *r = c->refused; r != NULL; r = r->next)
        if (r->collector != NULL && strcmp(r->collector, collector) == 0)
            return true;
    return false;
}

static void plan_collectors(FILE *to, const struct conf *c, const json_t *list, unsigned *same)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        const char *name = status_text(one, "name");
        bool goes = conf_collector_named(c, name) == NULL && !would_be_refused(c, name);

        if (goes && part_in_use(one).runs)
            print_change(to, CHANGE_STOPS, "collector", name, NULL, same);
    }
    for (const struct conf_collector *k = c->collectors; k != NULL; k = k->next) {
        const struct conf_part now = {k->enabled != 0, k->digest};

        if (now.runs || part_in_use(status_named(list, k->name)).runs)
            print_change(to, conf_change_of(part_in_use(status_named(list, k->name)), now),
                         "collector", k->name, k->node->at.file, same);
    }
}

static void plan_sinks(FILE *to, const struct conf *c, const json_t *list, unsigned *same)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one)
        if (conf_sink_named(c, status_text(one, "name")) == NULL)
            print_change(to, CHANGE_STOPS, "sink", status_text(one, "name"), NULL, same);
    for (const struct conf_sink *s = c->sinks; s != NULL; s = s->next) {
        const struct conf_part now = {true, s->digest};

        if (!s->refused)
            print_change(to, conf_change_of(part_in_use(status_named(list, s->name)), now), "sink",
                         s->name, NULL, same);
    }
}

static void plan_refused(FILE *to, const struct conf *c, const json_t *status)
{
    for (const struct conf_refused *r = c->refused; r != NULL; r = r->next) {
        const char *kind = r->sink != NULL ? "sink" : "collector";
        const char *name = r->sink != NULL        ? r->sink
                           : r->collector != NULL ? r->collector
                                                  : r->file;
        const json_t *list = json_object_get(status, r->sink != NULL ? "sinks" : "collectors");

        say(to, "refused   %s %s%s", kind, name,
            part_in_use(status_named(list, name)).runs ? ": as it was before, it would run on"
                                                       : "");
    }
}

/* What may not change while garnetd runs (daemon/check.c), as far as it says what it has. NULL: nothing of that changes. */
static const char *what_would_stay(const struct conf *c, const json_t *status)
{
    const char *socket = status_text(json_object_get(status, "intake"), "socket");
    const char *folder = status_text(json_object_get(status, "spool"), "folder");

    if (socket[0] != '\0' && strcmp(socket, c->socket.path) != 0)
        return "socket";
    return folder[0] != '\0' && strcmp(folder, c->spool.dir) != 0 ? "spool.dir" : NULL;
}

bool check_plan(FILE *to, const struct conf *c, const json_t *status)
{
    const char *stays = what_would_stay(c, status);
    unsigned same = 0;

    if (stays != NULL) {
        say(to, "refused   %s: `%s` cannot change while garnetd runs: restart it", c->root->at.file,
            stays);
        return false;
    }
    plan_refused(to, c, status);
    plan_collectors(to, c, json_object_get(status, "collectors"), &same);
    plan_sinks(to, c, json_object_get(status, "sinks"), &same);
    say(to, "a reload would leave %u collectors and sinks as they are", same);
    return true;
}

/* --- advice --- */

static void advise_interval(FILE *to, const struct conf_collector *k, const json_t *one)
{
    double took = status_number(json_object_get(one, "last_run"), "duration");
    double interval = (double)k->interval / 1e9;

    if (k->mode == MODE_ONESHOT && took > interval)
        say(to,
            "warning: collector %s: its last run took %s, and its interval is %s: due times are "
            "missed",
            k->name, status_span(took).text, status_span(interval).text);
}

static double accepted_by_all(const json_t *status)
{
    double sum = status_number(json_object_get(status, "intake"), "accepted");
    const json_t *one;
    size_t i;

    json_array_foreach (json_object_get(status, "collectors"), i, one)
        sum += status_number(one, "accepted");
    return sum;
}

/* At the rate since garnetd's start, and as long as metrics are in its spool now. */
static void advise_spool(FILE *to, const struct conf *c, const json_t *status)
{
    enum { SOON = 60, DAY = 86400 };
    const json_t *spool = json_object_get(status, "spool");
    double metrics = status_number(spool, "next") - status_number(spool, "first");
    double up = status_number(status, "now") - status_number(status, "started");
    double each = metrics > 0 ? status_number(spool, "size") / metrics : 0;
    double day = up > SOON ? accepted_by_all(status) / up * each * DAY : 0;

    if (day > (double)c->spool.max_size)
        say(to,
            "warning: spool.max_size is %s: at the rate of the last %s that holds %s of an outage, "
            "and a day would "
            "take %s",
            status_size((double)c->spool.max_size).text, status_span(up).text,
            status_span((double)c->spool.max_size / day * DAY).text, status_size(day).text);
}

void check_advice(FILE *to, const struct conf *c, const json_t *status)
{
    const json_t *list = json_object_get(status, "collectors");

    for (const struct conf_collector *k = c->collectors; k != NULL; k = k->next)
        advise_interval(to, k, status_named(list, k->name));
    advise_spool(to, c, status);
}
