/* cli/top.c - the command line, and a loop: garnetd is asked, keys are pressed, signals come, all is drawn
 *
 * Nothing is waited for but in one place, so that keys work while garnetd does not answer. It is drawn when the terminal
 * takes something: on a slow one there are fewer pictures, each of them the newest. Signals are held but in that place and
 * while the terminal is written to. One that ends us has PATIENCE seconds for a terminal that takes nothing any more: then
 * its modes are put back, and that is all that can be done.
 *
 * Fails when this is no terminal, or none that is known, and for want of memory.
 */
#include "cli/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/exit.h"
#include "base/number.h"
#include "base/process.h"
#include "base/terminal.h"
#include "cli/ask.h"
#include "cli/options.h"
#include "cli/top_draw.h"
#include "cli/top_model.h"
#include "cli/top_screen.h"
#include "cli/top_view.h"

const char TOP_HELP[] =
    "usage: garnet top [--every TIME] [-c FILE | --socket PATH]\n"
    "\n"
    "What `garnet status` shows, live: the verdict and its reasons, and below them collectors and\n"
    "sinks with their rates and lags of the last minutes. Needs a terminal.\n"
    "  --every TIME      how often garnetd is asked, 100ms to 1h (default 1s)\n"
    "  -c FILE           the configuration of the garnetd that is asked\n"
    "  --socket PATH     its control socket; default: the installed configuration's, else\n"
    "                    /run/garnet/control.sock\n"
    "Keys: q ends, ? shows all keys, / chooses by name, Enter looks into one, Esc goes back,\n"
    "n s r l order by name, state, rate, lag and failures.\n"
    "NO_COLOR in the environment: without colours. Exit status: 0 ended with q, 2 wrong usage or "
    "no\n"
    "terminal, 3 you may not ask, 111 out of memory.\n";

enum { NO_RIGHT = 3, PATIENCE = 2 };

struct topping {
    const char *socket;
    int64_t every, next; /* when to ask again: clock_mono() */
    struct buf every_text;
    struct ask_going going;
    struct top_model model;
    struct top_view view;
    bool stale; /* what the terminal shows */
};

/* --- the command line --- */

bool top_parse(struct top_asked *t, int argc, char *const argv[], struct why *why)
{
    const char *every = NULL;
    const struct cli_option options[] = {
        {"-c", &t->config}, {"--socket", &t->socket}, {"--every", &every}};
    enum option_next next;
    struct why clause;
    int i = 0;

    *t = (struct top_asked){.every = NS_PER_S};
    next = option_next(options, sizeof options / sizeof *options, argc, argv, &i);
    if (next == OPTION_BARE)
        return why_set(why, "%s needs a value", argv[i]);
    if (next == OPTION_NONE)
        return why_set(why, "unknown %s %.60s", argv[i][0] == '-' ? "option" : "argument", argv[i]);
    if (every != NULL && (!units_duration(every, &t->every, &clause) || t->every < NS_PER_S / 10 ||
                          t->every > 3600 * NS_PER_S))
        return why_set(why, "--every %.40s: write a time from 100ms to 1h, such as 2s", every);
    return t->socket == NULL || t->config == NULL ||
           why_set(why, "--socket and -c both say which garnetd: give one of them");
}

/* --- signals --- */

static volatile sig_atomic_t ended_by, resized, suspended, continued;
static struct termios modes; /* before us */

static void note_signal(int signo)
{
    if (signo == SIGWINCH)
        resized = 1;
    else if (signo == SIGTSTP)
        suspended = 1;
    else if (signo == SIGCONT)
        continued = 1;
    else if (ended_by == 0) {
        ended_by = signo;
        (void)alarm(PATIENCE);
    }
}

/* The terminal takes nothing. */
static void on_no_patience(int signo)
{
    (void)signo;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &modes);
    _exit(128 + ended_by);
}

static void set_handlers(void)
{
    static const int ours[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};
    struct sigaction act = {.sa_handler = note_signal}, last = {.sa_handler = on_no_patience};

    signals_hold();
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        (void)sigaction(ours[i], &act, NULL);
    (void)sigaction(SIGALRM, &last, NULL);
}

static void close_terminal(void)
{
    signals_release();
    top_screen_close();
    signals_hold();
}

/* Stops here, if whoever started us takes care of who is stopped (an orphan cannot be). */
static void suspend_here(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL}, ours;

    close_terminal();
    (void)sigaction(SIGTSTP, &usual, &ours);
    (void)raise(SIGTSTP);
    signals_release();
    signals_hold();
    (void)sigaction(SIGTSTP, &ours, NULL);
    suspended = 0;
    continued = 1;
}

/* False: it is the end. */
static bool heed_signals(struct topping *t)
{
    if (suspended && !ended_by)
        suspend_here();
    if (continued)
        top_screen_again();
    if (resized)
        top_screen_resize();
    t->stale = t->stale || continued || resized;
    continued = resized = 0;
    return ended_by == 0;
}

/* --- garnetd --- */

/* What came of it. False: no memory. */
static bool note_answer(struct topping *t, enum ask_result r, json_t *status, const char *why)
{
    bool ok = true;

    if (r == ASK_ASKED)
        return true;
    ok = r == ASK_ANSWERED ? top_model_take(&t->model, status) : top_model_silent(&t->model, why);
    json_decref(status);
    t->stale = true;
    return ok;
}

static bool ask_or_listen(struct topping *t)
{
    int64_t now = clock_mono();
    json_t *status = NULL;
    struct why why;
    enum ask_result r = ASK_ASKED;

    if (t->going.fd >= 0) {
        r = ask_go_on(&t->going, &status, &why);
    } else if (now >= t->next) {
        t->next = now - t->next < t->every ? t->next + t->every : now + t->every;
        r = ask_begin(&t->going, t->socket, "status", ASK_WAITS, &why);
    }
    return note_answer(t, r, status, why.text);
}

/* --- the loop --- */

static bool take_keys(struct topping *t)
{
    int key;

    while ((key = top_screen_key()) >= 0) {
        t->stale = true;
        if (!top_view_key(&t->view, &t->model, key))
            return false;
    }
    return true;
}

static bool show(struct topping *t)
{
    if (!top_view_fit(&t->view, &t->model, (size_t)top_screen_lines(),
                      (size_t)top_screen_columns()))
        return false;
    signals_release();
    top_draw(&t->model, &t->view, t->every_text.p);
    signals_hold();
    t->stale = false;
    return true;
}

/* Until there is something to do; false: the terminal is gone. */
static bool wait_for_work(const struct topping *t, bool *keys, bool *takes)
{
    enum { KEYS, ANSWER, PICTURE, N };
    struct pollfd p[N] = {{.fd = STDIN_FILENO, .events = POLLIN},
                          {.fd = t->going.fd, .events = POLLIN},
                          {.fd = t->stale ? STDOUT_FILENO : -1, .events = POLLOUT}};
    int64_t left = (t->going.fd >= 0 ? t->going.until : t->next) - clock_mono();
    struct timespec ts = clock_timespec(left > 0 ? left : 0);
    sigset_t none;

    (void)sigemptyset(&none);
    if (ppoll(p, N, &ts, &none) <= 0)
        return true; /* time, or a signal */
    *keys = (p[KEYS].revents & POLLIN) != 0;
    *takes = (p[PICTURE].revents & POLLOUT) != 0;
    return ((p[KEYS].revents | p[PICTURE].revents) & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

static int run_top(struct topping *t)
{
    t->stale = true;
    for (;;) {
        bool keys = false, takes = false;

        if (!wait_for_work(t, &keys, &takes) || !heed_signals(t))
            return 0;
        if (keys && !take_keys(t))
            return 0;
        if (!ask_or_listen(t) || (takes && !show(t)))
            return EXIT_WORLD;
    }
}

static int at_terminal(struct topping *t)
{
    struct why why;
    int status = EXIT_USAGE;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &modes) != 0) {
        say(stderr, "garnet top: needs a terminal for what it shows and for keys: elsewhere use "
                    "`garnet status`");
        return EXIT_USAGE;
    }
    if (ask_begin(&t->going, t->socket, "status", ASK_WAITS, &why) == ASK_NO_RIGHT) {
        say(stderr, "garnet top: %s", why.text);
        return NO_RIGHT;
    }
    if (t->going.fd < 0 && !top_model_silent(&t->model, why.text))
        status = EXIT_WORLD;
    t->next = clock_mono() + t->every;
    set_handlers();
    if (!top_screen_open(&why)) {
        say(stderr, "garnet top: %s", why.text);
    } else {
        status = run_top(t);
        (void)alarm(PATIENCE);
        close_terminal();
        (void)alarm(0);
    }
    if (status == EXIT_WORLD)
        say(stderr, "garnet top: out of memory");
    if (ended_by != 0) {
        (void)signal(ended_by, SIG_DFL);
        (void)raise(ended_by);
        signals_release();
    }
    return status;
}

int top_main(int argc, char *const argv[])
{
    struct topping t = {.going.fd = -1};
    struct top_asked asked;
    struct ask_where where;
    struct arena a = {0};
    struct why why;
    int status = EXIT_USAGE;

    if (!top_parse(&asked, argc, argv, &why)) {
        say(stderr, "garnet top: %s (see `garnet top --help`)", why.text);
        return EXIT_USAGE;
    }
    t.every = asked.every;
    units_put_duration(&t.every_text, t.every);
    buf_putc(&t.every_text, '\0');
    if (!buf_ok(&t.every_text)) {
        say(stderr, "garnet top: out of memory");
        status = EXIT_WORLD;
    } else if (ask_where(&where, &a, asked.socket, asked.config)) {
        t.socket = where.socket;
        status = at_terminal(&t);
    }
    ask_end(&t.going);
    top_view_free(&t.view);
    top_model_free(&t.model);
    buf_free(&t.every_text);
    arena_free(&a);
    return status;
}
