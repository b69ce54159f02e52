/* cli/emit.c - for shell scripts, so the command line is read strictly and the reply is waited for
 *
 * Only what could make the JSON something else than one metric is checked here; names, types, units
 * and times are garnetd's to judge, so that there is one truth. The options are read by hand,
 * because to getopt a VALUE like -5 is an option.
 *
 * Of a reply each error is printed, "rejected: line 1, byte 17, value: must be a finite number". It
 * holds the first ones alone, so the rest is only counted. What is no reply is called that: then
 * something else listens on that socket.
 *
 * Fails with EXIT_USAGE for the command line; with EXIT_WORLD when garnetd cannot be reached or
 * does not reply, when it refuses, and when standard input cannot be read; with 1 when it has
 * rejected something.
 */
#include "cli/emit.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/number.h"
#include "base/terminal.h"
#include "base/text.h"
#include "collector.h"
#include "conf/conf.h"
#include "conf/load.h"

const char EMIT_HELP[] =
    "usage: garnet emit NAME VALUE [--tag KEY=VALUE]... [--unit U] [--type T] [--time SECONDS]\n"
    "                   [--socket PATH | -c FILE]\n"
    "       garnet emit [--socket PATH | -c FILE] <JSON\n"
    "\n"
    "Sends one metric, or JSON as in docs/protocol.md from standard input, and waits for the "
    "reply.\n"
    "  --tag KEY=VALUE  may be repeated\n"
    "  --unit U         such as B, s, ms, %, req/s\n"
    "  --type T         gauge (default), counter, rate, count or timestamp\n"
    "  --time SECONDS   Unix time, also with decimals; default: now, or the due time of the run\n"
    "  --socket PATH    default: $GARNET_SOCKET, else " CONF_SOCKET "\n"
    "  -c FILE          garnetd's configuration: its socket\n"
    "Exit status: 0 all accepted, 1 something rejected (see standard error), 2 wrong usage,\n"
    "111 garnetd cannot be reached or does not reply.\n";

/* --- the command line --- */

static const char DIGITS[] = "0123456789";

bool emit_is_number(const char *s)
{
    const char *digits = s + (*s == '-');

    return number_grammar(s) && (*digits != '0' || strspn(digits, DIGITS) == 1);
}

/* As printf and awk write it where the language has it so. */
static bool decimal_comma(const char *s)
{
    bool minus = *s == '-';
    size_t n = strspn(s + minus, DIGITS), m;

    s += minus + n;
    m = *s == ',' ? strspn(s + 1, DIGITS) : 0;
    return (minus || n > 0) && m > 0 && s[1 + m] == 0;
}

static bool add_tag_option(struct emit *e, const char *arg, struct why *why)
{
    const char *equals = strchr(arg, '=');

    if (equals == NULL)
        return why_set(why, "--tag %.60s: write it as KEY=VALUE", arg);
    if (e->ntags == EMIT_MAX_TAGS)
        return why_set(why, "more than %d tags", EMIT_MAX_TAGS);
    e->tags[e->ntags++] = (struct tag){{arg, (size_t)(equals - arg)}, str_of(equals + 1)};
    return true;
}

/* argv[*i] begins with "--": takes it, and its value from behind a `=` or from the next
 * argument. */
static bool take_option(struct emit *e, int argc, char *const argv[], int *i, struct why *why)
{
    const struct {
        const char *name;
        const char **where;
    } options[] = {
        {"tag", NULL},      {"unit", &e->unit},     {"type", &e->type},
        {"time", &e->time}, {"socket", &e->socket}, {"config", &e->config},
    };
    const char *arg = strcmp(argv[*i], "-c") == 0 ? "config" : argv[*i] + 2,
               *val = strchr(arg, '=');
    size_t n = val != NULL ? (size_t)(val++ - arg) : strlen(arg);

    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        if (strlen(options[k].name) != n || strncmp(options[k].name, arg, n) != 0)
            continue;
        if (val == NULL && ++*i < argc)
            val = argv[*i];
        if (val == NULL)
            return why_set(why, "--%s needs a value", options[k].name);
        if (options[k].where == NULL)
            return add_tag_option(e, val, why);
        *options[k].where = val;
        return true;
    }
    return why_set(why, "unknown option --%.60s", arg);
}

static bool check_request(const struct emit *e, struct why *why)
{
    const char *complaint = NULL;

    if (e->name == NULL && (e->ntags > 0 || e->unit != NULL || e->type != NULL || e->time != NULL))
        complaint =
            "--tag, --unit, --type and --time go with NAME VALUE, not with JSON on standard input";
    else if (e->name != NULL && e->value == NULL)
        complaint = "VALUE is missing";
    else if (e->value != NULL && decimal_comma(e->value))
        complaint = "VALUE has a comma: a number's decimal point is a dot, such as 1.5 (LC_ALL=C "
                    "makes programs write it)";
    else if (e->value != NULL && !emit_is_number(e->value))
        complaint = "VALUE must be a number, such as 12, -3.5 or 1e6";
    else if (e->time != NULL && !emit_is_number(e->time))
        complaint = "--time must be Unix seconds, such as 1700000000 or 1700000000.25";
    else if (e->socket != NULL && e->config != NULL)
        complaint = "--socket and -c both say which socket: give one of them";
    return complaint == NULL || why_set(why, "%s", complaint);
}

bool emit_parse(struct emit *e, int argc, char *const argv[], struct why *why)
{
    bool options = true;

    *e = (struct emit){0};
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && (strncmp(argv[i], "--", 2) == 0 || strcmp(argv[i], "-c") == 0)) {
            if (!take_option(e, argc, argv, &i, why))
                return false;
        } else if (options && argv[i][0] == '-' && argv[i][1] != 0 && !emit_is_number(argv[i]) &&
                   !decimal_comma(argv[i])) {
            return why_set(why, "unknown option %.60s", argv[i]);
        } else if (e->name == NULL) {
            e->name = argv[i];
        } else if (e->value == NULL) {
            e->value = argv[i];
        } else {
            return why_set(why, "%.60s: nothing may follow NAME VALUE but options", argv[i]);
        }
    }
    return check_request(e, why);
}

void emit_json(const struct emit *e, struct buf *out)
{
    buf_puts(out, "{\"name\":");
    buf_put_json(out, str_of(e->name));
    /* the digits as given: nothing is rounded on the way */
    buf_putf(out, ",\"value\":%s", e->value);
    if (e->time != NULL)
        buf_putf(out, ",\"time\":%s", e->time);
    if (e->type != NULL)
        buf_put_member(out, "type", str_of(e->type));
    if (e->unit != NULL)
        buf_put_member(out, "unit", str_of(e->unit));
    metric_put_tags(out, "tags", e->tags, e->ntags);
    buf_puts(out, "}\n");
}

/* --- the reply: one line as a rule, more when acknowledgements on the way were asked for --- */

struct sum {
    json_int_t rejected, shown;
    bool refused;
};

/* A member that may be missing. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s != NULL ? s : "";
}

static void show_error(const json_t *error, bool refused, FILE *err)
{
    json_int_t line = json_integer_value(json_object_get(error, "line"));
    const char *field = text_of(error, "field");

    char at[80] = "";

    if (line > 0)
        (void)snprintf(at, sizeof at,
                       "line %" JSON_INTEGER_FORMAT ", byte %" JSON_INTEGER_FORMAT ", ", line,
                       json_integer_value(json_object_get(error, "byte")));
    say(err, "%s: %s%s%s%s", refused ? "refused" : "rejected", at, field, field[0] != 0 ? ": " : "",
        text_of(error, "error"));
}

static void show_line(const json_t *reply, bool logged, struct sum *sum, FILE *err)
{
    json_int_t rejected = json_integer_value(json_object_get(reply, "rejected"));
    const json_t *errors = json_object_get(reply, "errors");
    size_t i, n = json_array_size(errors);

    for (i = 0; i < n && !(logged && rejected > 0); i++)
        show_error(json_array_get(errors, i), rejected == 0, err);
    sum->rejected += rejected;
    sum->shown += (json_int_t)n;
    sum->refused = sum->refused || (rejected == 0 && n > 0);
}

enum reply_verdict reply_show(const char *text, bool logged, FILE *err)
{
    struct str rest = str_of(text), line;
    struct sum sum = {0};

    while (str_line(&rest, &line)) {
        json_t *reply = json_loadb(line.s, line.n, 0, NULL);

        if (json_is_integer(json_object_get(reply, "accepted")) &&
            json_is_integer(json_object_get(reply, "rejected"))) {
            show_line(reply, logged, &sum, err);
        } else {
            say(err, "refused: this is not a reply of garnetd: %.*s",
                (int)(line.n < 200 ? line.n : 200), line.s);
            sum.refused = true;
        }
        json_decref(reply);
    }
    if (sum.rejected > sum.shown && !logged)
        (void)fprintf(err, "rejected: %" JSON_INTEGER_FORMAT " more; garnetd's log has them\n",
                      sum.rejected - sum.shown);
    return sum.rejected > 0 ? REPLY_REJECTED : sum.refused ? REPLY_REFUSED : REPLY_ACCEPTED;
}

/* --- sending --- */

static void send_metric(const struct emit *e, struct client *c)
{
    struct buf line = {0};

    emit_json(e, &line);
    if (buf_ok(&line))
        (void)client_send(c, line.p, line.n);
    else
        client_fail(c, "out of memory");
    buf_free(&line);
}

/* Standard input is shared with strangers, who may have made it non-blocking. */
static ssize_t read_input(char *part, size_t size)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    ssize_t n;

    while ((n = read(STDIN_FILENO, part, size)) < 0 && (errno == EINTR || errno == EAGAIN))
        if (errno == EAGAIN)
            (void)poll(&p, 1, -1);
    return n;
}

static void send_input(struct client *c)
{
    char part[16384];
    ssize_t n;

    do
        n = read_input(part, sizeof part);
    while (n > 0 && client_send(c, part, (size_t)n));
    if (n < 0)
        client_fail(c, "cannot read standard input: %s", strerror(errno));
}

/* NULL: what is wrong with the configuration is on standard error. */
static const char *socket_path(const struct emit *e, struct arena *a)
{
    const char *path = e->socket != NULL ? e->socket : getenv("GARNET_SOCKET");
    struct errors errors = {0};

    if (e->config != NULL) {
        struct conf_places places = {0};

        path = conf_places_of(a, e->config, &places, &errors) ? places.socket : NULL;
        if (path == NULL && errors.n == 0)
            (void)fputs("garnet emit: out of memory\n", stderr);
        else if (path == NULL)
            (void)fwrite(errors.text.p, 1, errors.text.n, stderr);
        errors_free(&errors);
        return path;
    }
    return path != NULL && path[0] != 0 ? path : CONF_SOCKET;
}

static int emit(const struct emit *e, const char *path)
{
    enum reply_verdict verdict = REPLY_REFUSED;
    struct client c;

    client_init(&c, "garnet", path);
    if (e->name != NULL)
        send_metric(e, &c);
    else
        send_input(&c);
    if (client_reply(&c))
        verdict = reply_show(c.reply.p, client_logged(&c), stderr);
    else
        say(stderr, "garnet: %s", c.error);
    if (c.cut_short && verdict == REPLY_ACCEPTED) {
        say(stderr, "garnet: %s: closed before it had read everything", c.path);
        verdict = REPLY_REFUSED;
    }
    client_close(&c);
    return verdict == REPLY_ACCEPTED ? 0 : verdict == REPLY_REJECTED ? 1 : EXIT_WORLD;
}

int emit_main(int argc, char *const argv[])
{
    struct arena a = {0};
    const char *path;
    struct emit e;
    struct why why;
    int status;

    if (!emit_parse(&e, argc, argv, &why)) {
        say(stderr, "garnet emit: %s", why.text);
        (void)fputs("(see `garnet emit --help`)\n", stderr);
        return EXIT_USAGE;
    }
    path = socket_path(&e, &a);
    status = path != NULL ? emit(&e, path) : EXIT_USAGE;
    arena_free(&a);
    return status;
}
