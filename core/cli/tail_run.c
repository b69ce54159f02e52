/* cli/tail_run.c - from a follower (cli/follow.h) through a form into an output (cli/tail_output.h)
 *
 * The spool is looked at ten times a second. inotify would tell sooner, but each of its events is made in the writer's
 * own system call: garnetd would pay for everybody who looks. An idle look is one read and one stat.
 *
 * At most PIECE bytes of text wait for the reader, beyond what one metric, or one batch of a sink, makes of it. While they
 * wait nothing is read, and the segment's file is not held. Who had the newest metrics and has not for LATE is too slow:
 * he gets the newest again, and is told what that left out. From the oldest on he may take as long as retention lets him.
 *
 * SIGINT and SIGPIPE have their default actions: there is nothing to put in order. Fails when the spool or the
 * configuration cannot be read at the start; what cannot be read later is said once, and tried again.
 */
#include "cli/tail_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/glob.h"
#include "base/terminal.h"
#include "base/text.h"
#include "cli/follow.h"
#include "cli/show_metric.h"
#include "cli/show_sink.h"
#include "cli/spool_folder.h"
#include "cli/tail_output.h"
#include "sink/start.h"
#include "spool/segment.h"

enum { PIECE = 1 << 16 };
static const int64_t LOOK = 100 * NS_PER_MS, FOLDER_LOOK = NS_PER_S, LATE = 10 * NS_PER_S;

struct tailing {
    const struct tail_asked *asked;
    const char *dir;
    const struct conf *conf; /* with a sink only */
    struct tail_output out;
    struct follow follow;
    uint64_t begin;     /* what is before is only for the sink's counters */
    bool failing, gone; /* it could not be read, or is not there: that is said */
    int64_t looked_ns;
    struct show_sink *sink; /* or NULL */
};

bool tail_wants(const struct tail_asked *t, const struct metric *m)
{
    return (t->glob == NULL || glob_match(t->glob, m->name)) &&
           (t->collector == NULL || str_eq(m->collector, str_of(t->collector)));
}

/* --- what is shown --- */

static bool put_batch(void *arg, struct str bytes)
{
    struct tailing *t = arg;
    struct str line;

    if (!isatty(t->out.fd)) {
        buf_putstr(&t->out.bytes, bytes);
        return buf_ok(&t->out.bytes);
    }
    while (str_line(&bytes, &line)) {
        buf_put_visible(&t->out.bytes, line);
        buf_putc(&t->out.bytes, '\n');
    }
    return buf_ok(&t->out.bytes);
}

static void show_one(struct tailing *t)
{
    const struct follow *f = &t->follow;
    struct buf *out = &t->out.bytes;

    if (!tail_wants(t->asked, &f->metric))
        return;
    if (t->sink != NULL)
        show_sink_metric(t->sink, &f->metric, f->seq, f->seq >= t->begin);
    else if (t->asked->json)
        show_record_put_json(out, f->seq, &f->metric);
    else
        show_metric_put(out, &f->metric);
}

/* Standard error may be the terminal that takes nothing now: the segment is not to wait for it. */
static void say_gap(struct tailing *t)
{
    struct follow *f = &t->follow;

    if (t->sink != NULL) {
        if (f->seq + f->lost <= t->begin)
            return;
        show_sink_flush(t->sink);
        counters_forget(&t->sink->counters);
    }
    if (t->asked->json) {
        show_gap_put_json(&t->out.bytes, f->seq, f->lost, f->reason);
        return;
    }
    follow_release(f);
    say(stderr, "garnet tail: left out %" PRIu64 " (%s)", f->lost, f->reason);
}

/* Once while it lasts. */
static void say_failure(struct tailing *t, bool *said)
{
    struct why why;

    if (*said)
        return;
    *said = true;
    (void)spool_fault(&why, errno);
    say(stderr, "garnet tail: %s: %s; tries again", t->dir, why.text);
}

/* Into the output, until as much waits there as may. True: there is nothing more now. */
static bool read_spool(struct tailing *t)
{
    struct follow *f = &t->follow;

    while (tail_output_waits(&t->out) < PIECE && (t->sink == NULL || !t->sink->failed)) {
        if (follow_behind(f) > LATE && follow_skip(f))
            say_gap(t);
        switch (follow_next(f)) {
        case FOLLOW_METRIC:
            show_one(t);
            break;
        case FOLLOW_GAP:
            say_gap(t);
            break;
        case FOLLOW_ERROR:
            say_failure(t, &t->failing);
            return true;
        case FOLLOW_WAIT:
            t->failing = false;
            if (t->sink != NULL)
                show_sink_flush(t->sink);
            return true;
        }
    }
    return false;
}

static void look_at_folder(struct tailing *t)
{
    int64_t now = clock_mono();

    if (now - t->looked_ns < FOLDER_LOOK)
        return;
    t->looked_ns = now;
    switch (follow_look(&t->follow)) {
    case FOLLOW_GONE:
        say_failure(t, &t->gone);
        return;
    case FOLLOW_BACK:
        say(stderr, "garnet tail: %s was replaced by another folder: goes on there", t->dir);
        break;
    case FOLLOW_ANEW:
        say(stderr, "garnet tail: the numbers in %s have begun anew: goes on at the oldest metric",
            t->dir);
        t->begin = 0;
        break;
    case FOLLOW_SAME:
        break;
    }
    t->gone = false;
}

static int follow_on(struct tailing *t)
{
    for (;;) {
        bool dry = read_spool(t);

        if (!buf_ok(&t->out.bytes)) {
            (void)fputs("garnet tail: out of memory\n", stderr);
            return EXIT_WORLD;
        }
        switch (tail_output_write(&t->out)) {
        case TAIL_OUTPUT_DONE:
            break;
        case TAIL_OUTPUT_BUSY:
            follow_release(&t->follow);
            continue;
        case TAIL_OUTPUT_CLOSED:
            return 0;
        case TAIL_OUTPUT_BROKEN:
            say(stderr, "garnet tail: cannot write to standard output: %s", strerror(errno));
            return EXIT_WORLD;
        }
        if (t->sink != NULL && t->sink->failed)
            return EXIT_CONFIG;
        if (dry) {
            look_at_folder(t);
            if (!tail_output_rest(&t->out, LOOK))
                return 0;
        }
    }
}

/* --- the beginning --- */

static void say_what(const struct tailing *t)
{
    const struct tail_asked *a = t->asked;
    struct buf line = {0};

    if (a->sink != NULL)
        buf_putf(&line, "what sink %s would send of ", a->sink);
    buf_putf(&line, "metrics %s %s", a->oldest ? "from the oldest on in" : "as they come into",
             t->dir);
    if (a->glob != NULL)
        buf_putf(&line, ", named %s", a->glob);
    if (a->collector != NULL)
        buf_putf(&line, ", of collector %s", a->collector);
    if (t->sink != NULL && t->sink->plugin.def.deliver != NULL)
        buf_puts(
            &line,
            " (its plugin delivers by itself: these are the bytes that it would do that with)");
    if (buf_ok(&line))
        say(stderr, "garnet tail: %.*s", (int)line.n, line.p);
    buf_free(&line);
}

/* What a rate or delta at the beginning is the difference to comes before it. */
static bool begin_counters(struct tailing *t)
{
    struct follow *f = &t->follow;

    t->begin = f->next;
    if (t->sink->counters.mode != COUNTERS_RAW && !f->anywhere)
        follow_seek(f, segment_horizon(f->dirfd, f->next, t->sink->counters.window));
    return true;
}

static bool open_sink(struct tailing *t)
{
    const struct conf_sink *sink = conf_sink_named(t->conf, t->asked->sink);
    struct errors e = {0};
    bool ok;

    t->sink = calloc(1, sizeof *t->sink);
    if (t->sink == NULL || (t->out.fd = show_sink_output()) < 0) {
        say(stderr, "garnet tail: cannot begin: %s", strerror(errno));
        return false;
    }
    ok = start_may_load(t->conf, sink, &e);
    if (!ok)
        say_text(stderr, (struct str){e.text.p, e.text.n});
    errors_free(&e);
    *t->sink = (struct show_sink){.program = "garnet tail",
                                  .conf = t->conf,
                                  .sink = sink,
                                  .mask = true,
                                  .bytes = put_batch,
                                  .arg = t};
    return ok && show_sink_open(t->sink) && begin_counters(t);
}

int tail_run(const struct tail_asked *asked, const char *dir, const struct conf *conf)
{
    struct tailing *t = calloc(1, sizeof *t);
    int status = EXIT_WORLD;
    struct why why;

    if (t == NULL) {
        (void)fputs("garnet tail: out of memory\n", stderr);
        return EXIT_WORLD;
    }
    t->asked = asked;
    t->dir = dir;
    t->conf = conf;
    tail_output_init(&t->out, STDOUT_FILENO);
    if (!follow_open(&t->follow, dir, asked->oldest, &why)) {
        say(stderr, "garnet tail: %s: %s", dir, why.text);
    } else if (asked->sink != NULL && !open_sink(t)) {
        status = EXIT_CONFIG;
    } else {
        say_what(t);
        status = follow_on(t);
    }
    tail_output_free(&t->out);
    if (t->sink != NULL)
        show_sink_close(t->sink);
    free(t->sink);
    follow_close(&t->follow);
    free(t);
    return status;
}
