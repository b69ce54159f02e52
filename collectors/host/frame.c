/* frame.c - options, rounds, and what people are told
 *
 * Of the connection it is told as of a subject: when it fails, and when it works again. TERM ends it by its default
 * action: nothing is held that was not answered for, and a round that is cut short is one that was not sent.
 */
#include "host/frame.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/number.h"
#include "base/terminal.h"
#include "collector.h"
#include "host/grid.h"
#include "host/host.h"

enum {
    SUBJECTS = 32, /* the most that a program has */
    FLAGS = 96,
    EXIT_MISSING = 1,
    EXIT_WRONG_USAGE = 2,
};
static const int64_t EVERY_LEAST = 10 * NS_PER_MS, EVERY_MOST = 86400 * NS_PER_S;
static const int64_t LOOK = 10 * NS_PER_S; /* how long a clock that was set may go unnoticed */

struct frame {
    const struct subject *const *subjects;
    size_t n;
    bool choice;          /* whether they are chosen by name */
    bool named[SUBJECTS]; /* on the command line */
    bool used[SUBJECTS];
    struct told {
        bool failing;
        struct why why;
    } told[SUBJECTS + 1]; /* what was said last of each; the last: the connection */
    bool print;
    struct client_words words;
    struct host host;
    struct client client;
};

/* --- the command line --- */

static void put_option(struct buf *b, const char *name, const char *help)
{
    buf_putf(b, "  %-16s %s\n", name, help);
}

static void put_value_option(struct buf *b, const struct subject_value *v)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%s %s", v->name, v->takes);
    put_option(b, text, v->help);
}

static bool is_rooted(const struct frame *f)
{
    bool rooted = false;

    for (size_t i = 0; i < f->n; i++)
        rooted = rooted || f->subjects[i]->rooted;
    return rooted;
}

static char *help_text(const struct frame *f, const char *program)
{
    const struct subject *only = f->subjects[0]; /* that has words or values */
    struct buf b = {0};

    buf_putf(&b, "usage: %s %s[OPTION]... %s%s[SOCKET]\n", program,
             f->choice ? "[SUBJECT]... " : "", only->words != NULL ? only->words : "",
             only->words != NULL ? " " : "");
    if (f->choice)
        buf_puts(&b, "Sends the figures of this host, of each SUBJECT that is named or of all:\n");
    for (size_t i = 0; i < f->n; i++)
        if (f->choice)
            put_option(&b, f->subjects[i]->name, f->subjects[i]->about);
        else
            buf_putf(&b, "Sends %s\n", f->subjects[i]->about);
    if (f->choice)
        buf_putc(&b, '\n');
    for (size_t i = 0; i < f->n; i++)
        for (const struct subject_option *o = f->subjects[i]->options; o != NULL && o->name != NULL;
             o++)
            put_option(&b, o->name, o->help);
    for (size_t i = 0; only->values != NULL && only->values[i].name != NULL; i++)
        put_value_option(&b, &only->values[i]);
    put_option(&b, "--every TIME", "goes on for ever, at multiples of 1s, 10s, ... of the clock");
    put_option(&b, "--print", "shows a table and sends nothing");
    if (!only->elsewhere) {
        put_option(&b, "--proc DIR", "reads DIR instead of /proc");
        put_option(&b, "--sys DIR", "reads DIR instead of /sys");
    }
    if (is_rooted(f))
        put_option(&b, "--root DIR", "looks for what is mounted at / in DIR");
    put_option(&b, "SOCKET", "Garnet's socket, an absolute path; else $GARNET_SOCKET");
    buf_putc(&b, 0);
    if (!buf_ok(&b)) {
        (void)fputs("out of memory\n", stderr);
        exit(EXIT_MISSING);
    }
    return b.p;
}

static _Noreturn void wrong_usage(const struct frame *f, const char *text)
{
    say(stderr, "%s: %s", f->client.program, text);
    say(stderr, "(see `%s --help`)", f->client.program);
    exit(EXIT_WRONG_USAGE);
}

/* What is there twice would be sent twice. (A password may be in it.) */
static bool check_words(const struct frame *f, const struct subject *s, struct why *why)
{
    const struct client_words *w = &f->words;

    if (s->needs_words && w->n == 0)
        return why_set(why, "%s is missing; a path at the end is Garnet's socket, but with --print",
                       s->words);
    if (w->n > HOST_WORDS)
        return why_set(why, "%zu arguments: %d at most", w->n, HOST_WORDS);
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(w->v[i], w->v[k]) == 0)
                return why_set(why, "arguments %zu and %zu are the same", k + 1, i + 1);
    return true;
}

/* The options that there are, and what of them was given. */
struct options {
    struct client_flag flags[FLAGS + 1];
    size_t n;
    bool asked[FLAGS]; /* those of subjects, */
    unsigned bits[FLAGS];
    const char *interval, *proc, *sys, *root, *values[HOST_VALUES];
};

static void add_option(struct options *o, const char *name, bool *given, const char **value)
{
    assert(o->n < FLAGS);
    o->flags[o->n++] = (struct client_flag){name, given, value};
}

static void add_options(struct frame *f, struct options *o)
{
    const struct subject *only = f->subjects[0];

    add_option(o, "--every", NULL, &o->interval);
    add_option(o, "--print", &f->print, NULL);
    if (!only->elsewhere) {
        add_option(o, "--proc", NULL, &o->proc);
        add_option(o, "--sys", NULL, &o->sys);
    }
    if (is_rooted(f))
        add_option(o, "--root", NULL, &o->root);
    for (size_t i = 0; i < f->n; i++) {
        const struct subject_option *own = f->subjects[i]->options;

        if (f->choice)
            add_option(o, f->subjects[i]->name, &f->named[i], NULL);
        for (; own != NULL && own->name != NULL; own++) {
            add_option(o, own->name, &o->asked[o->n], NULL);
            o->bits[o->n - 1] = own->bit;
        }
    }
    for (size_t i = 0; only->values != NULL && only->values[i].name != NULL; i++) {
        assert(i < HOST_VALUES);
        add_option(o, only->values[i].name, NULL, &o->values[i]);
    }
}

/* Takes the command line apart. Exits as client_open() does. */
static void take_options(struct frame *f, struct options *o, int argc, char *const argv[])
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    char *help = help_text(f, slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "host");

    client_open_words(&f->client, argc, argv, help, o->flags,
                      f->subjects[0]->words != NULL ? &f->words : NULL);
    free(help);
}

/* 0: one round. */
static int64_t take_interval(const struct frame *f, const char *text)
{
    int64_t every = 0;
    struct why why;

    if (text == NULL ||
        (units_duration(text, &every, &why) && every >= EVERY_LEAST && every <= EVERY_MOST))
        return every;
    say(stderr, "%s: --every \"%s\": give 10ms to 1d, such as 1s", f->client.program, text);
    exit(EXIT_WRONG_USAGE);
}

/* Those that are named, or all. */
static void choose(struct frame *f)
{
    bool any = false;

    for (size_t i = 0; i < f->n; i++)
        any = any || f->named[i];
    for (size_t i = 0; i < f->n; i++)
        f->used[i] = f->named[i] || !any;
}

/* What is asked for; *every is 0 for one round. Exits as client_open() does. */
static void parse(struct frame *f, int argc, char *const argv[], int64_t *every)
{
    struct options o = {.proc = "/proc", .sys = "/sys", .root = ""};
    const struct subject *only = f->subjects[0];
    struct why why;

    add_options(f, &o);
    take_options(f, &o, argc, argv);
    choose(f);
    *every = take_interval(f, o.interval);
    host_start(&f->host, o.proc, o.sys);
    f->host.root = o.root;
    for (size_t i = 0; i < o.n; i++)
        f->host.options |= o.asked[i] ? o.bits[i] : 0;
    f->host.goes_on = *every > 0;
    f->host.words = f->words.v;
    f->host.nwords = f->words.n;
    memcpy(f->host.values, o.values, sizeof o.values);
    if (!check_words(f, only, &why) || (only->prepare != NULL && !only->prepare(&f->host, &why)))
        wrong_usage(f, why.text);
}

/* --- a round --- */

/* A message about a subject, or, for the last place, the connection. */
static void tell(const struct frame *f, size_t at, const char *text)
{
    if (f->choice && at < f->n)
        say(stderr, "%s: %s: %s", f->client.program, f->subjects[at]->name, text);
    else
        say(stderr, "%s: %s", f->client.program, text);
}

/* Once when it begins, when it is another trouble, and when it ends. */
static void tell_change(struct frame *f, size_t at, bool good, const char *text)
{
    struct told *told = &f->told[at];

    if (good && told->failing)
        tell(f, at, "works again");
    if (!good && (!told->failing || strcmp(told->why.text, text) != 0)) {
        tell(f, at, text);
        (void)why_set(&told->why, "%s", text);
    }
    told->failing = !good;
}

/* Whether nothing is missing. */
static bool measure(struct frame *f)
{
    bool good = true;

    host_begin(&f->host);
    for (size_t i = 0; i < f->n; i++) {
        bool read = !f->used[i] || host_read(&f->host, f->subjects[i]);

        if (f->choice && !f->named[i] && f->subjects[i]->optional && f->host.absent)
            read = true; /* not asked for, and not there */
        tell_change(f, i, read, f->host.why.text);
        good = good && (read || f->host.sound);
    }
    return good;
}

static bool print(struct frame *f)
{
    samples_print(&f->host.out, stdout);
    if (fflush(stdout) == 0)
        return true;
    say(stderr, "%s: cannot write to standard output: %s", f->client.program, strerror(errno));
    return false;
}

static int once(struct frame *f)
{
    bool good = measure(f);
    int status;

    if (!good && (!samples_ok(&f->host.out) || samples_count(&f->host.out) == 0)) {
        client_close(&f->client);
        return EXIT_MISSING;
    }
    if (f->print)
        return print(f) && good ? 0 : EXIT_MISSING;
    samples_send(&f->host.out, &f->client, 0);
    status = client_finish(&f->client);
    return good ? status : EXIT_MISSING;
}

static _Noreturn void for_ever(struct frame *f, int64_t every)
{
    struct grid grid = {.every = every};
    int64_t now, wait, due, missed;
    struct why why = {{0}};

    for (;;) {
        while ((wait = grid_wait(&grid, now = clock_wall())) > 0) {
            const struct timespec t = clock_timespec(wait < LOOK ? wait : LOOK);

            (void)nanosleep(&t, NULL);
        }
        due = grid_take(&grid, now, &missed);
        if (missed > 0)
            say(stderr,
                "%s: %lld due times were missed: the round before took too long, or this "
                "machine stood still",
                f->client.program, (long long)missed);
        (void)measure(f);
        if (!samples_ok(&f->host.out)) { /* what is missing may be a name */
            tell_change(f, f->n, false, "out of memory: this round is left out");
            continue;
        }
        if (f->print) {
            if (!print(f) || putchar('\n') == EOF)
                exit(EXIT_MISSING);
            continue;
        }
        samples_send(&f->host.out, &f->client, (double)due / (double)NS_PER_S);
        tell_change(f, f->n, client_exchange(&f->client, &why), why.text);
    }
}

static int run(struct frame *f, int argc, char *const argv[])
{
    int64_t every;
    int status;

    f->words = (struct client_words){.v = calloc((size_t)argc + 1, sizeof *f->words.v),
                                     .unsent = &f->print};
    if (f->words.v == NULL) {
        (void)fputs("out of memory\n", stderr);
        return EXIT_MISSING;
    }
    (void)fd_fill_stdio(); /* or a message would go where the socket or a file is */
    parse(f, argc, argv, &every);
    if (!f->print && f->client.error[0] != 0)
        status = client_finish(&f->client);
    else if (every > 0)
        for_ever(f, every);
    else
        status = once(f);
    host_free(&f->host);
    free(f->words.v);
    return status;
}

int frame_one(int argc, char *const argv[], const struct subject *subject)
{
    const struct subject *const subjects[] = {subject};
    struct frame f = {.subjects = subjects, .n = 1};

    return run(&f, argc, argv);
}

int frame_some(int argc, char *const argv[], const struct subject *const *subjects)
{
    struct frame f = {.subjects = subjects, .choice = true};

    while (f.n < SUBJECTS && subjects[f.n] != NULL)
        f.n++;
    assert(f.n > 0);
    return run(&f, argc, argv);
}
