/* collect/converter.c - two pipes and a run; what cannot be made is an outcome of that run, like another
 *
 * garnetd holds the ends that are written into until the collector is gone: so its converter sees no end before, also if the run
 * has to be tried twice.
 */
#include "collect/converter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"

static const int64_t KILL_AFTER = NS_PER_S / 2; /* TERM, once its time is up */

static void close_writers(struct converter *c)
{
    fd_close(&c->out);
    fd_close(&c->status);
}

static void close_all(struct converter *c)
{
    close_writers(c);
    if (c->its.in > 0)
        fd_close(&c->its.in);
    if (c->its.status > 0)
        fd_close(&c->its.status);
    c->its = (struct run_ends){0};
}

static void on_convert_run_over(void *arg)
{
    struct converter *c = arg;

    if (run_again(&c->run, &c->conf, &c->its))
        return;
    loop_timer_clear(c->run.keepers->loop, &c->late);
    c->early = c->out >= 0;
    close_all(c);
    c->over(c->arg);
}

void converter_init(struct converter *c, struct keepers *keepers, const char *name,
                    const char *program, void (*over)(void *arg), void *arg)
{
    *c = (struct converter){.program = program, .out = -1, .status = -1, .over = over, .arg = arg};
    run_init(&c->run, keepers, name, on_convert_run_over, c);
}

/* False with errno. */
static bool make_pipes(struct converter *c)
{
    int text[2], status[2];

    if (fd_pipe(text, 0, 0) < 0)
        return false;
    c->its.in = text[0];
    c->out = text[1];
    if (fd_pipe(status, 0, O_NONBLOCK) < 0)
        return false;
    c->its.status = status[0];
    c->status = status[1];
    return true;
}

bool converter_start(struct converter *c, const struct conf_collector *of, int64_t slot_ns)
{
    c->command[0] = c->program;
    c->command[1] = conf_output_name(of->output);
    c->command[2] = "--status-fd";
    c->command[3] = "3";
    c->conf = (struct conf_collector){.name = of->name,
                                      .socket = of->socket,
                                      .command = {c->command, 4},
                                      .mode = MODE_DAEMON, /* without a timeout of its own */
                                      .interval = of->interval,
                                      .grace = KILL_AFTER,
                                      .identity = of->identity,
                                      .nice = of->nice,
                                      .no_new_privs = 1,
                                      .allow_writable = 1, /* the program is ours */
                                      .limits = {-1, -1, -1, -1, -1},
                                      .output = OUTPUT_LOG};
    c->grace = of->grace;
    c->early = false;
    if (!make_pipes(c)) {
        c->run.receipt = (struct run_receipt){
            .slot_ns = slot_ns,
            .outcome = OUTCOME_SPAWN,
            .report = {.end = KEEPER_FAILED, .failure = {.error = errno, .step = STEP_START}}};
        close_all(c);
        return false;
    }
    if (run_start(&c->run, &c->conf, &c->its, slot_ns, clock_mono()))
        return true;
    close_all(c);
    return false;
}

bool converter_alive(const struct converter *c)
{
    return run_alive(&c->run);
}

struct run_ends converter_ends(const struct converter *c)
{
    return (struct run_ends){.out = c->out};
}

static void on_convert_late(void *arg)
{
    converter_hurry(arg, ENDING_STOP);
}

void converter_finish(struct converter *c, int status)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d\n", WEXITSTATUS(status));

    if (status >= 0 && WIFEXITED(status))
        (void)fd_write_all(c->status, text, (size_t)n); /* the pipe is empty: there is room */
    close_writers(c);
    loop_timer_set(c->run.keepers->loop, &c->late, clock_mono() + c->grace, on_convert_late, c);
}

void converter_hurry(struct converter *c, enum ending why)
{
    run_end(&c->run, why);
}

void converter_adopt(struct converter *c, const struct conf_collector *of)
{
    c->conf.name = of->name;
    c->conf.socket = of->socket;
    c->conf.identity = of->identity;
}

void converter_abandon(struct converter *c)
{
    c->run.asked = ENDING_STOP; /* it is not tried again */
    run_abandon(&c->run);
}

/* 1: something in the text is wrong, which it has told garnetd of by the way of all metrics. */
static bool has_converted(const struct run_receipt *r)
{
    return r->outcome == OUTCOME_OK ||
           (r->outcome == OUTCOME_EXIT && WEXITSTATUS(r->report.status) == 1);
}

bool converter_failed(const struct converter *c, struct why *why)
{
    const struct run_receipt *r = &c->run.receipt;
    struct why how;

    if (has_converted(r) && !c->early)
        return false;
    if (has_converted(r))
        why_set(&how, "it ended before the collector");
    else if (r->outcome == OUTCOME_STOPPED)
        why_set(&how, "it was not done with the output %gs after the end",
                (double)c->grace / (double)NS_PER_S);
    else
        run_describe(r, &c->conf, &how);
    (void)why_set(why, "its converter (output: %s): %s", c->command[1], how.text);
    return true;
}
