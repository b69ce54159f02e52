/* garnet-convert - what a script prints, as JSON for Garnet's socket
 *
 *   script | garnet-convert FORMAT [SOCKET]
 *
 * What comes is converted and sent at once; while garnetd takes nothing, nothing is read, so the script waits, too. A
 * connection lasts as long as the input goes on: after 5 s of silence garnetd is asked what it has accepted, and what comes then
 * is sent over another one. So what is rejected is known soon, and a command that seldom has something to say holds no
 * connection.
 *
 * On TERM, INT and HUP it reads what is in the pipe, asks for the reply and ends; that takes at most 5 s longer than garnetd does.
 * It ends at once when garnetd cannot be reached, or is gone before it has everything: so does the script, by SIGPIPE.
 *
 * Exits 0, 1 (something in the input is wrong, or was rejected), EXIT_USAGE, or EXIT_WORLD.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/number.h"
#include "base/terminal.h"
#include "base/text.h"
#include "collector.h"
#include "convert/asked.h"
#include "convert/feed.h"
#include "convert/report.h"

static const char HELP[] =
    "usage: garnet-convert FORMAT [--status N | --status-fd N] [SOCKET] <TEXT\n"
    "\n"
    "Reads what a script prints, as it comes, and sends its metrics to Garnet. What is wrong with "
    "a\n"
    "line is said on standard error, with its place, and costs nothing else.\n" ASKED_FORMATS
        ASKED_STATUS "  SOCKET         Garnet's socket; else $GARNET_SOCKET\n"
    "Exit status: 0 all accepted, 1 something is wrong with the input or was rejected, 2 wrong "
    "usage,\n"
    "111 garnetd cannot be reached or does not reply, or the input cannot be read.\n";

static volatile sig_atomic_t asked_to_end;

static void end_soon(int signo)
{
    (void)signo;
    asked_to_end = 1;
}

struct sender {
    struct report report;
    struct stream *stream;
    const char *path;
    const sigset_t *waiting;
    struct client client;
    bool connected;
    uint64_t first_line; /* of the input, on this connection */
    bool gone;           /* nobody takes any more */
    int status;          /* of the exit, so far */
    bool logged;         /* garnetd says in the log of our standard error what it rejects */
    uint64_t faults;     /* in the input */
};

/* Asks for the reply, and tells of what is in it. */
static void get_reply(struct sender *s)
{
    if (!s->connected)
        return;
    s->connected = false;
    if (client_finish(&s->client) == 0)
        return;
    s->gone = s->client.error[0] != 0;
    if (!s->gone && !s->logged && s->first_line > 1)
        say(stderr,
            "garnet-convert: line 1 of that reply is line %" PRIu64
            " of the input, since a silence began a new connection",
            s->first_line);
    if (s->gone)
        s->status = EXIT_WORLD;
    else if (s->status == 0)
        s->status = 1;
}

static void send_json(void *arg, const char *p, size_t n)
{
    struct sender *s = arg;

    if (s->gone)
        return;
    if (!s->connected) {
        client_init(&s->client, "garnet-convert", s->path);
        s->client.hurry = &asked_to_end;
        s->client.waiting = s->waiting;
        s->connected = true;
        s->first_line = stream_handed_line(s->stream);
    }
    if (client_send(&s->client, p, n))
        return;
    get_reply(s); /* which says why */
    s->gone = true;
}

/* Into the log, the counts and the status of the collector, like a bad object (docs/protocol.md). There is no line end in it:
 * metrics stay on the lines that they come from. */
static void tell_fault(struct sender *s, const struct output_fault *f)
{
    struct buf b = {0};

    buf_puts(&b, "{\"error\":");
    buf_put_json(&b, str_of(f->text));
    if (f->line > 0) {
        buf_puts(&b, ",\"line\":");
        buf_put_u64(&b, f->line);
        buf_puts(&b, ",\"byte\":");
        buf_put_u64(&b, f->byte);
    }
    buf_putc(&b, '}');
    if (buf_ok(&b))
        send_json(s, b.p, b.n);
    buf_free(&b);
}

static void hear_fault(void *arg, const struct output_fault *f)
{
    struct sender *s = arg;

    s->faults++;
    if (s->logged)
        tell_fault(s, f);
    else
        report_fault(&s->report, f);
}

static void hear_left_out(void *arg, const struct output_fault *f, enum output_left what)
{
    report_left_out(&((struct sender *)arg)->report, f, what);
}

/* Held but where it waits, so that none comes between a look and the wait. */
static void catch_signals(sigset_t *waiting)
{
    static const int ENDS[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction end = {.sa_handler = end_soon};
    sigset_t held;

    (void)sigemptyset(&held);
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        (void)sigaddset(&held, ENDS[i]);
        (void)sigaction(ENDS[i], &end, NULL);
    }
    (void)signal(SIGPIPE, SIG_IGN); /* of standard error */
    (void)sigprocmask(SIG_BLOCK, &held, waiting);
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
        (void)sigdelset(waiting, ENDS[i]);
}

/* Until the input has ended, garnetd is gone, or we are to end. Returns how the command did. */
static int pass_on(struct sender *s, struct feed *feed, const struct asked *asked)
{
    enum feed_news news = FEED_INPUT;

    while (!s->gone && news != FEED_END && news != FEED_ASKED) {
        feed->beside = s->connected ? s->client.fd : -1;
        /* the rest of an object would be wrong on a connection of its own */
        feed->silence = s->connected && stream_is_between(s->stream) ? 5 * NS_PER_S : 0;
        news = feed_next(feed);
        if (news == FEED_SILENT || news == FEED_OTHER) {
            get_reply(s);
        } else if (news == FEED_FAILED) {
            say(stderr, "garnet-convert: cannot read standard input: %s", strerror(errno));
            s->status = EXIT_WORLD;
            break;
        }
    }
    if (news == FEED_ASKED)
        feed_rest(feed);
    if (asked->status_fd >= 0 && news == FEED_END)
        return feed_status(feed, asked->status_fd);
    return news == FEED_END ? asked->status : FORMAT_STATUS_KILLED;
}

static int convert(struct sender *s, const struct asked *asked)
{
    const struct output_to to = {s, send_json, hear_fault, hear_left_out};
    struct stream *stream = s->stream = stream_new(asked->format, &to, true);
    struct feed feed = {
        .stream = stream, .fd = STDIN_FILENO, .signals = s->waiting, .asked = &asked_to_end};
    int ending;

    if (stream == NULL) {
        say(stderr, "garnet-convert: out of memory");
        return EXIT_WORLD;
    }
    ending = pass_on(s, &feed, asked);
    if (!s->gone)
        stream_end(stream, ending);
    get_reply(s);
    stream_free(stream);
    report_end(&s->report);
    return s->status == 0 && s->faults > 0 ? 1 : s->status;
}

int main(int argc, char *argv[])
{
    struct sender s = {.report = {.program = "garnet-convert", .to = stderr}};
    struct asked asked;
    sigset_t waiting;
    struct why why;
    int status;

    catch_signals(&waiting);
    if (fd_fill_stdio() < 0)
        return EXIT_WORLD;
    status = help_asked(argc, argv, "garnet-convert", HELP);
    if (status >= 0)
        return status;
    s.waiting = &waiting;
    if (asked_read(&asked, argc, argv, true, &why)) {
        s.path = asked.socket != NULL ? asked.socket : getenv("GARNET_SOCKET");
        if (s.path != NULL && s.path[0] != 0) {
            client_init(&s.client, "garnet-convert", s.path);
            s.logged = client_logged(&s.client);
            return convert(&s, &asked);
        }
        (void)why_set(&why, "no socket: name it behind the format, or set GARNET_SOCKET");
    }
    say(stderr, "garnet-convert: %s", why.text);
    (void)fputs("(see `garnet-convert --help`)\n", stderr);
    return EXIT_USAGE;
}
