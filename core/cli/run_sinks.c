/* cli/run_sinks.c - each sink's plugin in a child (plugintest/child.h), where it can crash or hang alone
 *
 * A sink that is refused has its errors said, and costs no other.
 */
#include "cli/run_sinks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/terminal.h"
#include "cli/show_sink.h"
#include "model/record.h"

struct run_sinks {
    const char *program;
    const struct conf *conf;
    const struct conf_sink *sink; /* the one at hand */
    struct str before, records;
    struct child *child;
    struct show_sink show; /* these in the child; large */
    struct metric metric;
    FILE *out; /* our standard output: the plugin's is standard error */
};

/* --- in the child --- */

/* The last line has an end even where the plugin writes none, for what is printed next. */
static bool show_batch(void *arg, struct str bytes)
{
    struct run_sinks *v = arg;

    if (isatty(fileno(v->out)))
        say_text(v->out, bytes);
    else
        (void)fwrite(bytes.s, 1, bytes.n, v->out);
    if (bytes.s[bytes.n - 1] != '\n')
        (void)fputc('\n', v->out);
    return ferror(v->out) == 0;
}

static int show_records(void *arg)
{
    struct run_sinks *v = arg;
    struct str left = v->records, past = v->before;
    int fd = show_sink_output();
    uint64_t seq = 0;
    bool ok;

    if (fd < 0 || (v->out = fdopen(fd, "we")) == NULL) {
        say(stderr, "%s: sink %s: %s", v->program, v->sink->name, strerror(errno));
        return EXIT_WORLD;
    }
    v->show = (struct show_sink){.program = v->program,
                                 .conf = v->conf,
                                 .sink = v->sink,
                                 .child = v->child,
                                 .mask = true,
                                 .bytes = show_batch,
                                 .arg = v};
    if (show_sink_open(&v->show)) {
        for (size_t n; (n = record_get(past.s, past.n, &v->metric)) > 0; past.s += n, past.n -= n)
            show_sink_metric(&v->show, &v->metric, ++seq, false);
        v->show.each = true;
        for (size_t n; (n = record_get(left.s, left.n, &v->metric)) > 0; left.s += n, left.n -= n)
            show_sink_metric(&v->show, &v->metric, ++seq, true);
        show_sink_flush(&v->show);
    }
    ok = !v->show.failed;
    show_sink_close(&v->show);
    return ok && fclose(v->out) == 0 ? 0 : EXIT_CONFIG;
}

/* --- the sinks --- */

static int say_refused(const struct run_sinks *v)
{
    for (const struct conf_refused *f = v->conf->refused; f != NULL; f = f->next)
        if (text_same(f->sink, v->sink->name))
            (void)fputs(f->lines, stderr);
    return EXIT_CONFIG;
}

static int show_in_child(struct run_sinks *v)
{
    struct why why;
    int result;

    (void)fflush(stdout);
    if (v->sink->refused)
        return say_refused(v);
    result = child_run(v->child, show_records, v, &why);
    if (result < 0)
        say(stderr, "%s: sink %s: its plugin %s", v->program, v->sink->name, why.text);
    return result < 0 ? EXIT_CONFIG : result;
}

static struct run_sinks *begin_showing(const char *program, const struct conf *conf,
                                       struct str records)
{
    static struct run_sinks v; /* too large for a stack */

    v = (struct run_sinks){
        .program = program, .conf = conf, .records = records, .child = child_new()};
    if (v.child != NULL)
        return &v;
    say(stderr, "%s: there is no memory to show what sinks would send", program);
    return NULL;
}

int run_sink_show(const char *program, const struct conf *conf, const struct conf_sink *sink,
                  struct str before, struct str records)
{
    struct run_sinks *v = begin_showing(program, conf, records);
    int status = EXIT_WORLD;

    if (v == NULL)
        return status;
    v->sink = sink;
    v->before = before;
    status = show_in_child(v);
    child_free(v->child);
    return status;
}

int run_sinks_show(const struct conf *conf, struct str records)
{
    struct run_sinks *v = begin_showing("garnet run", conf, records);
    int status = 0, result;

    if (v == NULL)
        return EXIT_WORLD;
    if (conf->sinks == NULL)
        say(stderr, "garnet run: %s has no sinks", conf->root->at.file);
    else if (records.n == 0)
        say(stderr, "garnet run: there is no metric to show as the sinks would send it");
    for (const struct conf_sink *s = conf->sinks; s != NULL && records.n > 0; s = s->next) {
        say(stdout, "==> sink %s: %s%s%s <==", s->name, s->plugin, s->to.n > 0 ? " to " : "",
            s->to.n > 0 ? s->to.v[0] : "");
        v->sink = s;
        if ((result = show_in_child(v)) != 0)
            status = result;
    }
    child_free(v->child);
    return status;
}
