/* cli/show_status.c - two tables, and a few lines around them; fails as stdio does */
#include "cli/show_status.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/terminal.h"

double status_number(const json_t *of, const char *key)
{
    return json_number_value(json_object_get(of, key));
}

const char *status_text(const json_t *of, const char *key)
{
    const char *s = json_string_value(json_object_get(of, key));

    return s != NULL ? s : "";
}

uint64_t status_digest(const json_t *of)
{
    return strtoull(status_text(of, "digest"), NULL, 16);
}

const json_t *status_named(const json_t *list, const char *name)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one)
        if (strcmp(status_text(one, "name"), name) == 0)
            return one;
    return NULL;
}

/* --- words --- */

struct status_sender status_sender(const char *collector, bool garnets)
{
    struct status_sender s;

    if (collector[0] != '\0')
        (void)snprintf(s.text, sizeof s.text, "collector %.80s", collector);
    else
        (void)snprintf(s.text, sizeof s.text, "%s",
                       garnets ? "Garnet itself" : "the shared socket");
    return s;
}

struct status_words status_span(double seconds)
{
    struct status_words w;
    long s = (long)(seconds + 0.5);

    if (seconds < 9.95 && seconds > 0)
        (void)snprintf(w.text, sizeof w.text, "%.*fs", seconds < 0.995 ? 2 : 1, seconds);
    else if (s < 60)
        (void)snprintf(w.text, sizeof w.text, "%lds", s);
    else if (s < 3600)
        (void)snprintf(w.text, sizeof w.text, "%ldm %lds", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(w.text, sizeof w.text, "%ldh %ldm", s / 3600, s % 3600 / 60);
    else
        (void)snprintf(w.text, sizeof w.text, "%ldd %ldh", s / 86400, s % 86400 / 3600);
    return w;
}

struct status_words status_ago(double now, double at)
{
    struct status_words w = {"never"}, span = status_span(now > at ? now - at : 0);

    if (at > 0)
        (void)snprintf(w.text, sizeof w.text, "%.24s ago", span.text);
    return w;
}

struct status_words status_size(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    struct status_words w;
    unsigned u = 0;

    while (bytes >= 1024 && u + 1 < sizeof units / sizeof *units) {
        bytes /= 1024;
        u++;
    }
    (void)snprintf(w.text, sizeof w.text, "%.*f %s", u > 0 && bytes < 9.95 ? 1 : 0, bytes,
                   units[u]);
    return w;
}

struct status_words status_count(double n)
{
    static const char units[] = " kMGT";
    struct status_words w;
    unsigned u = 0;

    while (n >= 99999.5 && u + 2 < sizeof units) {
        n /= 1000;
        u++;
    }
    if (u == 0)
        (void)snprintf(w.text, sizeof w.text, "%.0f", n);
    else
        (void)snprintf(w.text, sizeof w.text, "%.*f%c", n < 99.95 ? 1 : 0, n, units[u]);
    return w;
}

static struct status_words clock_text(double at)
{
    struct status_words w = {"?"};
    time_t t = (time_t)at;
    struct tm tm;

    if (localtime_r(&t, &tm) != NULL)
        (void)strftime(w.text, sizeof w.text, "%F %T", &tm);
    return w;
}

/* --- tables --- */

static int by_their_name(const void *a, const void *b)
{
    return strcmp(status_text(*(json_t *const *)a, "name"),
                  status_text(*(json_t *const *)b, "name"));
}

/* The list's objects by name, from malloc(); *n of them. NULL: none, or no memory. */
static json_t **sorted(const json_t *list, size_t *n)
{
    json_t **all = calloc(json_array_size(list) + 1, sizeof(json_t *));

    *n = all != NULL ? json_array_size(list) : 0;
    for (size_t i = 0; i < *n; i++)
        all[i] = json_array_get(list, i);
    if (*n > 0)
        qsort(all, *n, sizeof(json_t *), by_their_name);
    return all;
}

static int widest(json_t *const *all, size_t n, int least)
{
    int most = least;

    for (size_t i = 0; i < n; i++) {
        int w = (int)strlen(status_text(all[i], "name"));

        most = w > most ? w : most;
    }
    return most;
}

static struct status_words next_text(const json_t *c, double now)
{
    double next = status_number(c, "next_run");
    struct status_words w = {"-"};

    if (next > 0)
        w = status_span(next > now ? next - now : 0);
    return w;
}

struct status_words status_outcome(const json_t *c)
{
    const json_t *last = json_object_get(c, "last_run");
    const char *outcome = status_text(last, "outcome");
    struct status_words w = {"-"};

    if (strcmp(outcome, "exit") == 0)
        (void)snprintf(w.text, sizeof w.text, "exit %.0f", status_number(last, "exit_status"));
    else if (strcmp(outcome, "signal") == 0)
        (void)snprintf(w.text, sizeof w.text, "signal %.0f", status_number(last, "signal"));
    else if (*outcome != '\0')
        (void)snprintf(w.text, sizeof w.text, "%.12s %.12s", outcome,
                       status_span(status_number(last, "duration")).text);
    return w;
}

json_t *status_collectors(const json_t *status)
{
    json_t *all = json_copy(json_object_get(status, "collectors"));
    const json_t *one, *conf = json_object_get(status, "configuration");
    size_t i;

    json_array_foreach (json_object_get(conf, "refused"), i, one)
        if (*status_text(one, "collector") != '\0' &&
            !json_is_true(json_object_get(one, "old_runs")))
            (void)json_array_append_new(
                all,
                json_pack("{s:s,s:s}", "name", status_text(one, "collector"), "state", "refused"));
    return all;
}

static void show_collector_table(FILE *to, const json_t *status)
{
    double now = status_number(status, "now");
    json_t *list = status_collectors(status);
    size_t n;
    json_t **all = sorted(list, &n);
    int w = widest(all, n, 9);

    if (n > 0)
        (void)fprintf(to, "\n%-*s  %-8s  %-13s %8s %8s %6s  %s\n", w, "COLLECTOR", "STATE",
                      "LAST RUN", "ACCEPTED", "REJECTED", "MISSED", "NEXT IN");
    for (size_t i = 0; i < n; i++)
        say(to, "%-*s  %-8s  %-13s %8s %8s %6s  %s", w, status_text(all[i], "name"),
            status_text(all[i], "state"), status_outcome(all[i]).text,
            status_count(status_number(all[i], "accepted")).text,
            status_count(status_number(all[i], "rejected")).text,
            status_count(status_number(all[i], "missed")).text, next_text(all[i], now).text);
    free(all);
    json_decref(list);
}

double status_sum(const json_t *members)
{
    double sum = 0;
    const char *key;
    json_t *v;

    json_object_foreach ((json_t *)(uintptr_t)members, key, v)
        sum += json_number_value(v);
    return sum;
}

const char *status_endpoint(const json_t *s)
{
    const char *in_use = status_text(s, "endpoint");
    const char *first = json_string_value(json_array_get(json_object_get(s, "to"), 0));

    return *in_use != '\0' ? in_use : first != NULL ? first : status_text(s, "plugin");
}

static void show_sink_table(FILE *to, const json_t *status)
{
    size_t n;
    json_t **all = sorted(json_object_get(status, "sinks"), &n);
    int w = widest(all, n, 9);

    if (n > 0)
        (void)fprintf(to, "\n%-*s  %-8s  %7s %8s %8s %8s  %s\n", w, "SINK", "STATE", "LAG",
                      "QUEUED", "UNCONF'D", "DROPPED", "ENDPOINT");
    for (size_t i = 0; i < n; i++)
        say(to, "%-*s  %-8s  %7s %8s %8s %8s  %s", w, status_text(all[i], "name"),
            status_text(all[i], "state"), status_span(status_number(all[i], "lag")).text,
            status_count(status_number(all[i], "queued")).text,
            status_count(status_number(all[i], "unconfirmed")).text,
            status_count(status_sum(json_object_get(all[i], "dropped"))).text,
            status_endpoint(all[i]));
    free(all);
}

void show_status(FILE *to, const json_t *status)
{
    const json_t *conf = json_object_get(status, "configuration");
    const json_t *spool = json_object_get(status, "spool");
    const json_t *intake = json_object_get(status, "intake");
    double now = status_number(status, "now");

    say(to, "garnetd %s on %s: process %.0f, up %s%s", status_text(status, "version"),
        status_text(status, "host"), status_number(status, "pid"),
        status_span(now - status_number(status, "started")).text,
        strcmp(status_text(status, "phase"), "ending") == 0 ? ", ending" : "");
    say(to, "configuration %s, in use since %s", status_text(conf, "file"),
        clock_text(status_number(conf, "applied")).text);
    say(to, "spool %s: %s of %s, %s in reserve", status_text(spool, "folder"),
        status_size(status_number(spool, "size")).text,
        status_size(status_number(spool, "max_size")).text,
        status_size(status_number(spool, "reserve")).text);
    if (intake != NULL) /* at an end it is closed first */
        say(to, "socket %s: %.0f accepted, %.0f rejected, %.0f connections now",
            status_text(intake, "socket"), status_number(intake, "accepted"),
            status_number(intake, "rejected"), status_number(intake, "connections"));
    show_collector_table(to, status);
    show_sink_table(to, status);
}

/* --- one --- */

static bool is_time(const char *key)
{
    static const char *const times[] = {"at",       "due",           "started",  "ended",
                                        "next_run", "running_since", "last_drop"};

    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (strcmp(key, times[i]) == 0)
            return true;
    return false;
}

static void show_members(FILE *to, const json_t *of, int depth);

static void show_member(FILE *to, const char *key, const json_t *v, int depth)
{
    int indent = 2 * depth;

    if (json_is_object(v)) {
        say(to, "%*s%s", indent, "", key);
        show_members(to, v, depth + 1);
    } else if (json_is_array(v)) {
        size_t i;
        const json_t *one;

        json_array_foreach (v, i, one)
            say(to, "%*s%-*s %s", indent, "", 24 - indent, i == 0 ? key : "",
                json_is_string(one) ? json_string_value(one) : "");
    } else if (json_is_string(v)) {
        struct str rest = str_of(json_string_value(v)), line;

        for (; str_line(&rest, &line); key = "")
            say(to, "%*s%-*s %.*s", indent, "", 24 - indent, key, (int)line.n, line.s);
    } else if (json_is_boolean(v)) {
        say(to, "%*s%-*s %s", indent, "", 24 - indent, key, json_is_true(v) ? "yes" : "no");
    } else if (is_time(key)) {
        say(to, "%*s%-*s %s", indent, "", 24 - indent, key, clock_text(json_number_value(v)).text);
    } else {
        say(to, "%*s%-*s %.10g", indent, "", 24 - indent, key, json_number_value(v));
    }
}

static void show_members(FILE *to, const json_t *of, int depth)
{
    const char *key;
    json_t *v;

    json_object_foreach ((json_t *)(uintptr_t)of, key, v)
        show_member(to, key, v, depth);
}

/* Those of `list` whose `key` is `name`, with `title` above each. `to` NULL: they are only counted. */
static unsigned show_named(FILE *to, const json_t *list, const char *key, const char *name,
                           const char *title)
{
    const json_t *one;
    unsigned n = 0;
    size_t i;

    json_array_foreach (list, i, one) {
        if (strcmp(status_text(one, key), name) != 0)
            continue;
        n++;
        if (to != NULL) {
            say(to, "%s %s", title, name);
            show_members(to, one, 1);
        }
    }
    return n;
}

static unsigned show_all_of(FILE *to, const json_t *status, const char *name)
{
    const json_t *refused = json_object_get(json_object_get(status, "configuration"), "refused");

    return show_named(to, json_object_get(status, "collectors"), "name", name, "collector") +
           show_named(to, json_object_get(status, "sinks"), "name", name, "sink") +
           show_named(to, refused, "collector", name, "refused: collector") +
           show_named(to, refused, "sink", name, "refused: sink");
}

bool status_knows(const json_t *status, const char *name)
{
    return show_all_of(NULL, status, name) > 0;
}

void show_status_of(FILE *to, const json_t *status, const char *name)
{
    (void)show_all_of(to, status, name);
}
