/* cli/plugin_preview.c - metrics on standard input, through the plugin of each sink, to standard output
 *
 * The configuration, the reader of JSON, the plugin host and the batches are the daemon's own, so
 * what is printed is what would be sent. Each sink's plugin runs in a child, where it can crash or
 * hang alone, and in a network without interfaces where the kernel grants one. A configuration or a
 * metric that is wrong is printed, and makes the exit status 1; the other sinks and metrics go on.
 */
#include "cli/plugin_preview.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/terminal.h"
#include "cli/show_sink.h"
#include "conf/load.h"
#include "plugintest/metrics.h"

struct preview {
    const struct conf *conf;
    const struct conf_sink *sink; /* the one at hand */
    struct str json;
    int64_t now;
    struct child *child;
    uint64_t seq;          /* these in the child */
    struct show_sink show; /* large */
    FILE *out;             /* our standard output: the plugin's is standard error */
};

/* --- in the child --- */

/* The very bytes, but for a terminal. */
static bool show_bytes(void *arg, struct str bytes)
{
    struct preview *v = arg;

    if (!isatty(fileno(v->out)))
        return fwrite(bytes.s, 1, bytes.n, v->out) == bytes.n;
    say_text(v->out, bytes);
    return ferror(v->out) == 0;
}

static void preview_metric(void *arg, const struct metric *m)
{
    struct preview *v = arg;

    show_sink_metric(&v->show, m, ++v->seq, true);
}

static void say_bad(void *arg, struct place at, const char *field, const char *why)
{
    (void)arg;
    say(stderr, "garnet plugin: standard input:%ju:%ju: %s%s%s", (uintmax_t)at.line,
        (uintmax_t)at.byte, field, *field != 0 ? ": " : "", why);
}

static unsigned read_metrics(struct preview *v, metrics_fn *metric, metrics_bad_fn *bad)
{
    const struct conf_intake *in = &v->conf->intake;
    const struct metric_limits limits = {(uint32_t)in->max_name, (uint32_t)in->max_tags,
                                         METRIC_TAG_LENGTH};
    struct tag tags[METRIC_MAX_TAGS];
    uint32_t ntags = 0;

    for (size_t i = 0; i < v->conf->tags.n; i++)
        (void)metric_tag(tags, &ntags, str_of(v->conf->tags.v[i].key),
                         str_of(v->conf->tags.v[i].val), true);
    return metrics_read(&(struct metrics_reader){.defaults = {.tags = tags,
                                                              .ntags = ntags,
                                                              .time_ns = v->now,
                                                              .now_ns = v->now,
                                                              .limits = &limits},
                                                 .max_depth = (uint32_t)in->max_depth,
                                                 .max_value = (size_t)in->max_value,
                                                 .arg = v,
                                                 .metric = metric,
                                                 .bad = bad},
                        v->json);
}

static int preview_sink(void *arg)
{
    struct preview *v = arg;
    int fd = show_sink_output();
    bool ok;

    if (fd < 0 || (v->out = fdopen(fd, "we")) == NULL) {
        say(stderr, "garnet plugin: sink %s: %s", v->sink->name, strerror(errno));
        return EXIT_WORLD;
    }
    v->show = (struct show_sink){.program = "garnet plugin",
                                 .conf = v->conf,
                                 .sink = v->sink,
                                 .child = v->child,
                                 .each = true,
                                 .bytes = show_bytes,
                                 .arg = v};
    if (show_sink_open(&v->show)) {
        (void)read_metrics(v, preview_metric, NULL); /* the parent has printed what is wrong */
        show_sink_flush(&v->show);
    }
    ok = !v->show.failed;
    show_sink_close(&v->show);
    return ok && fclose(v->out) == 0 ? 0 : EXIT_CONFIG;
}

/* --- the command --- */

static bool is_chosen(const struct conf_sink *s, char *const names[], int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(s->name, names[i]) == 0)
            return true;
    return n == 0;
}

static bool has_sink(const struct conf *c, const char *name)
{
    if (conf_sink_named(c, name) != NULL)
        return true;
    say(stderr, "garnet plugin: the configuration has no sink \"%s\"", name);
    return false;
}

static int show_sinks(struct preview *v, char *const names[], int n)
{
    bool headers = n != 1 && v->conf->sinks != NULL && v->conf->sinks->next != NULL;
    int status = 0, result;
    struct why why;

    for (int i = 0; i < n; i++)
        if (!has_sink(v->conf, names[i]))
            return EXIT_USAGE;
    if (v->conf->sinks == NULL)
        (void)fprintf(stderr, "garnet plugin: the configuration has no sinks\n");
    if (read_metrics(v, NULL, say_bad) > 0)
        status = EXIT_CONFIG;
    for (v->sink = v->conf->sinks; v->sink != NULL; v->sink = v->sink->next) {
        if (!is_chosen(v->sink, names, n))
            continue;
        if (headers)
            say(stderr, "==> %s <==", v->sink->name);
        result = child_run(v->child, preview_sink, v, &why);
        if (result < 0)
            say(stderr, "garnet plugin: sink %s: its plugin %s", v->sink->name, why.text);
        status = result != 0 ? EXIT_CONFIG : status;
    }
    return status;
}

/* The configuration is read with the rights of whoever runs this, and not all of it is everybody's. */
static void say_rights(void)
{
    if (geteuid() != 0)
        (void)fprintf(stderr,
                      "garnet plugin: preview reads the configuration as a garnetd of user %ld "
                      "would: where a right is missing, run it as root or as the user that garnetd "
                      "runs as, with sudo for example\n",
                      (long)geteuid());
}

static int read_stdin(struct buf *json)
{
    if (isatty(STDIN_FILENO))
        (void)fputs(
            "garnet plugin: type metrics as JSON, such as {\"name\":\"x\",\"value\":1}, and "
            "end with Ctrl-D\n",
            stderr);
    return fd_read_all(STDIN_FILENO, -1, json);
}

int plugin_preview(const char *config, char *const names[], int n)
{
    struct snapshot snapshot = {0};
    struct errors e = {0};
    struct buf json = {0};
    struct asking asking = {.table = -1};
    struct conf *conf = conf_load(&snapshot, config, NULL, &asking, &e);
    struct preview v = {.conf = conf, .now = clock_wall(), .child = child_new()};
    int status = EXIT_WORLD;
    bool refused = false;

    for (const struct conf_sink *s = conf != NULL ? conf->sinks : NULL; s != NULL; s = s->next)
        refused |= s->refused;
    if (errors_fatal(&e) || refused) {
        (void)fwrite(e.text.p, 1, e.text.n, stderr);
        say_rights();
        status = EXIT_CONFIG;
    } else if (conf == NULL || v.child == NULL || read_stdin(&json) < 0) {
        (void)fprintf(stderr, "garnet plugin: cannot begin: %s\n", strerror(errno));
    } else {
        v.json = (struct str){json.p, json.n};
        status = show_sinks(&v, names, n);
    }
    if (v.child != NULL)
        child_free(v.child);
    buf_free(&json);
    conf_free(conf);
    snapshot_free(&snapshot);
    errors_free(&e);
    return status;
}
