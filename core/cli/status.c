/* cli/status.c - asks, judges, prints: the verdict first, in one line a reason
 *
 * The command line is read strictly: a health check that is misspelt must not look healthy. Without a garnetd the verdict is
 * failing, and what can be read of the spool is printed all the same.
 */
#include "cli/status.h"

#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/number.h"
#include "base/terminal.h"
#include "cli/ask.h"
#include "cli/options.h"
#include "cli/show_status.h"
#include "cli/spool_verify.h"
#include "cli/verdict.h"

const char STATUS_HELP[] =
    "usage: garnet status [NAME] [--json] [--max-lag TIME] [--max-queued N]\n"
    "                     [-c FILE | --socket PATH]\n"
    "\n"
    "Whether all is well, and if not, why: the most important reason first. Then what is running,\n"
    "how far each sink is, and the spool. With NAME: all about that collector or sink.\n"
    "  --json            the answer as garnetd gives it (docs/control.md), with \"verdict\"\n"
    "  --max-lag TIME    a sink that is further behind, such as 60s, is a reason\n"
    "  --max-queued N    a sink with more metrics queued is one, too\n"
    "  -c FILE           the configuration of the garnetd that is asked\n"
    "  --socket PATH     its control socket; default: the installed configuration's, else\n"
    "                    /run/garnet/control.sock\n"
    "Exit status, for health checks: 0 healthy; 1 degraded: something is refused, down, or has\n"
    "failed, been rejected or dropped within ten minutes, or within two of a collector's\n"
    "intervals; 2 failing: garnetd does not answer, cannot keep what is sent, or a sink has had\n"
    "nothing confirmed for five minutes, or twice its confirm.every;\n"
    "3 you may not ask. Wrong usage is 2, too: a check that is misspelt must not look healthy.\n";

enum { STATUS_NO_RIGHT = 3 };

struct status_options {
    const char *name, *socket, *config;
    bool json;
    struct verdict_bounds bounds;
};

/* --- the command line --- */

static bool take_lag(struct status_options *o, const char *text, struct why *why)
{
    struct why clause;

    if (units_duration(text, &o->bounds.lag, &clause))
        return true;
    return why_set(why, "--max-lag %.40s: write a time, such as 60s or 5m", text);
}

static bool take_queued(struct status_options *o, const char *text, struct why *why)
{
    struct why clause;

    if (units_int(text, &o->bounds.queued, &clause) && o->bounds.queued >= 0)
        return true;
    return why_set(why, "--max-queued %.40s: write a number of metrics", text);
}

static bool parse_status(struct status_options *o, int argc, char *const argv[], struct why *why)
{
    const char *lag = NULL, *queued = NULL;
    const struct cli_option options[] = {{"-c", &o->config},
                                         {"--socket", &o->socket},
                                         {"--max-lag", &lag},
                                         {"--max-queued", &queued}};
    enum option_next next;
    int i = 0;

    *o = (struct status_options){.bounds = {-1, -1}};
    while ((next = option_next(options, sizeof options / sizeof *options, argc, argv, &i)) !=
           OPTION_END) {
        if (next == OPTION_BARE)
            return why_set(why, "%s needs a value", argv[i]);
        if (strcmp(argv[i], "--json") == 0)
            o->json = true;
        else if (argv[i][0] == '-')
            return why_set(why, "unknown option %.60s", argv[i]);
        else if (o->name != NULL)
            return why_set(why, "%.60s: there can be one NAME, and \"%.60s\" is there", argv[i],
                           o->name);
        else
            o->name = argv[i];
    }
    if ((lag != NULL && !take_lag(o, lag, why)) || (queued != NULL && !take_queued(o, queued, why)))
        return false;
    return o->socket == NULL || o->config == NULL ||
           why_set(why, "--socket and -c both say which garnetd: give one of them");
}

/* --- printing --- */

enum { COLUMNS = 80, INDENT = 10 };

/* Where a line of at most `room` bytes ends: at a space, or where a word is longer, with the word. */
static size_t line_end(struct str text, size_t room)
{
    size_t end = room;

    if (text.n <= room)
        return text.n;
    while (end > 0 && text.s[end] != ' ')
        end--;
    while (end == 0 || (end < text.n && text.s[end] != ' '))
        end++;
    return end;
}

/* `before` is as wide as INDENT. */
static void print_reason(const char *before, const char *text)
{
    struct str rest = str_of(text), line;

    while (str_line(&rest, &line)) {
        while (line.n > 0) {
            size_t n = line_end(line, COLUMNS - INDENT - 2);

            say(stdout, "%-*s%.*s", INDENT, before, (int)n, line.s);
            before = "            "; /* two more: it is the same reason */
            n += n < line.n;
            line = (struct str){line.s + n, line.n - n};
        }
    }
}

static void print_verdict(const struct verdict *v)
{
    char first[32];

    if (v->n == 0)
        (void)puts(verdict_name(v->grade));
    (void)snprintf(first, sizeof first, "%s: ", verdict_name(v->grade));
    for (size_t i = 0; i < v->n; i++)
        print_reason(i == 0 ? first : "", v->reasons[i].text);
}

static int print_json(json_t *status, const struct verdict *v)
{
    json_t *reasons = json_array();

    for (size_t i = 0; i < v->n; i++)
        (void)json_array_append_new(reasons, json_pack("{s:s,s:s}", "grade",
                                                       verdict_name(v->reasons[i].grade), "text",
                                                       v->reasons[i].text));
    if (json_object_set_new(status, "verdict", json_string(verdict_name(v->grade))) < 0 ||
        json_object_set_new(status, "reasons", reasons) < 0 ||
        json_dumpf(status, stdout, JSON_INDENT(2)) < 0) {
        say(stderr, "garnet status: cannot be printed");
        return EXIT_WORLD;
    }
    (void)putchar('\n');
    return (int)v->grade;
}

static int show_answer(const struct status_options *o, json_t *status)
{
    struct arena a = {0};
    struct verdict v;
    int result = EXIT_WORLD;

    if (!verdict_of(&v, &a, status, o->name, &o->bounds)) {
        say(stderr, "garnet status: out of memory");
    } else if (o->name != NULL && !status_knows(status, o->name)) {
        say(stderr, "garnet status: there is no collector and no sink called \"%s\"", o->name);
        result = EXIT_USAGE;
    } else if (o->json) {
        result = print_json(status, &v);
    } else {
        result = (int)v.grade;
        print_verdict(&v);
        (void)putchar('\n');
        if (o->name == NULL)
            show_status(stdout, status);
        else
            show_status_of(stdout, status, o->name);
    }
    arena_free(&a);
    return result;
}

/* --- without a garnetd --- */

static void show_spool(const char *dir)
{
    struct audit audit;
    struct why why;

    if (!audit_spool(&audit, dir, &why)) {
        say(stdout, "spool %s %s", dir, why.text);
    } else {
        say(stdout, "spool %s: %s, %llu metrics", dir, status_size((double)audit.bytes).text,
            (unsigned long long)audit.metrics);
        for (const struct audit_sink *s = audit.sinks; s != NULL; s = s->next)
            say(stdout, "  sink %s: %llu metrics wait for it there%s", s->name,
                (unsigned long long)s->account.queued + s->account.unconfirmed,
                s->held ? "; a worker of it is there still" : "");
    }
    arena_free(&audit.arena);
}

static int show_silence(const struct status_options *o, const struct ask_where *w,
                        const struct why *why)
{
    if (o->json) {
        json_t *said = json_pack("{s:s,s:[{s:s,s:s}]}", "verdict", "failing", "reasons", "grade",
                                 "failing", "text", why->text);

        (void)json_dumpf(said, stdout, JSON_INDENT(2));
        (void)putchar('\n');
        json_decref(said);
        return VERDICT_FAILING;
    }
    say(stdout, "failing: %s", why->text);
    if (w->wrong != NULL && *w->wrong != '\0')
        say_text(stdout, str_of(w->wrong));
    if (w->spool != NULL)
        show_spool(w->spool);
    return VERDICT_FAILING;
}

int status_main(int argc, char *const argv[])
{
    struct status_options o;
    struct ask_where where;
    struct arena a = {0};
    json_t *status = NULL;
    struct why why;
    int result = EXIT_USAGE;

    if (!parse_status(&o, argc, argv, &why)) {
        say(stderr, "garnet status: %s\n(see `garnet status --help`)", why.text);
        return EXIT_USAGE;
    }
    if (ask_where(&where, &a, o.socket, o.config)) {
        switch (ask(where.socket, "status", ASK_WAITS, &status, &why)) {
        case ASK_ANSWERED:
            result = show_answer(&o, status);
            break;
        case ASK_NO_RIGHT:
            say(stderr, "garnet status: %s", why.text);
            result = STATUS_NO_RIGHT;
            break;
        default:
            result = show_silence(&o, &where, &why);
        }
    }
    json_decref(status);
    arena_free(&a);
    return result;
}
