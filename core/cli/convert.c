/* cli/convert.c - garnet-convert for people: the same code, with standard output in place of the socket
 *
 * Each metric goes on a line of its own. Fails with EXIT_USAGE; with EXIT_WORLD when standard input or output fails, or
 * without memory; with 1 when something in the input is wrong.
 */
#include "cli/convert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/terminal.h"
#include "convert/asked.h"
#include "convert/feed.h"
#include "convert/report.h"

const char CONVERT_HELP[] =
    "usage: garnet convert FORMAT [--status N | --status-fd N] <TEXT\n"
    "\n"
    "Reads what a script prints, and prints its metrics as Garnet's JSON, one a line. What is "
    "wrong\n"
    "with a line is said on standard error, with its place, and costs nothing else.\n"
    "docs/formats.md has what becomes of each format.\n" ASKED_FORMATS ASKED_STATUS
    "Exit status: 0, 1 something in the input is wrong, 2 wrong usage, 111 input or output "
    "failed.\n";

struct printer {
    struct report report;
    int error; /* errno of standard output; 0: it is sound */
};

/* At once: who waits for it may have a long-running command before it. */
static void convert_json(void *arg, const char *p, size_t n)
{
    struct printer *to = arg;

    if (to->error == 0 && print_bytes(p, n) < 0)
        to->error = errno;
}

static void print_fault(void *arg, const struct output_fault *f)
{
    report_fault(&((struct printer *)arg)->report, f);
}

static void print_left_out(void *arg, const struct output_fault *f, enum output_left what)
{
    report_left_out(&((struct printer *)arg)->report, f, what);
}

/* 0, or EXIT_WORLD. */
static int pass_input(const struct asked *a, struct stream *stream, const struct printer *to)
{
    struct feed feed = {.stream = stream, .fd = STDIN_FILENO, .beside = -1};
    enum feed_news news;

    while ((news = feed_next(&feed)) == FEED_INPUT && to->error == 0)
        ;
    if (news == FEED_FAILED) {
        say(stderr, "garnet convert: cannot read standard input: %s", strerror(errno));
        return EXIT_WORLD;
    }
    if (to->error == 0) /* else nobody is to wait for the end of what is read no more */
        stream_end(stream, a->status_fd >= 0 ? feed_status(&feed, a->status_fd) : a->status);
    if (to->error != 0) {
        say(stderr, "garnet convert: cannot write to standard output: %s", strerror(to->error));
        return EXIT_WORLD;
    }
    return 0;
}

int convert_main(int argc, char *const argv[])
{
    struct printer printer = {.report = {.program = "garnet convert", .to = stderr}};
    const struct output_to to = {&printer, convert_json, print_fault, print_left_out};
    struct stream *stream;
    struct asked asked;
    struct why why;
    int status;

    if (!asked_read(&asked, argc, argv, false, &why)) {
        say(stderr, "garnet convert: %s", why.text);
        (void)fputs("(see `garnet convert --help`)\n", stderr);
        return EXIT_USAGE;
    }
    stream = stream_new(asked.format, &to, false);
    if (stream == NULL) {
        say(stderr, "garnet convert: out of memory");
        return EXIT_WORLD;
    }
    status = pass_input(&asked, stream, &printer);
    stream_free(stream);
    report_end(&printer.report);
    return status != 0 ? status : printer.report.faults > 0 ? 1 : 0;
}
