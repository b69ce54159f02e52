/* tests/unit/collect/test_converter.c - collect/converter.h: what a collector prints goes through another program, and that
 * one's end counts as well
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/collector_scene.h"
#include "rig/processes.h"

TestSuite(converter, .timeout = 60);

static char folder[] = "/tmp/garnet-converter-XXXXXX", program[64];

/* A converter that is this script; $1 is the format, $2 the socket, and 3 where the exit status comes. */
static struct scene *begin(const char *converter, const char *script, int64_t output)
{
    struct scene *s = scene_prepare(script, 3600 * NS_PER_S);
    FILE *f;

    cr_assert_neq(mkdtemp(folder), NULL);
    (void)snprintf(program, sizeof program, "%s/convert", folder);
    f = fopen(program, "w");
    cr_assert_neq(f, NULL);
    (void)fprintf(f, "#!/bin/sh\ncd %s\n%s\n", folder, converter);
    (void)fclose(f);
    cr_assert_eq(chmod(program, 0755), 0);
    s->converter = program;
    s->conf.output = output;
    s->conf.grace = 10 * NS_PER_S;
    return s;
}

static void go_once(struct scene *s)
{
    s->stop_in_ended = true;
    scene_go(s);
    collector_once(s->collector, 42000 * MS);
    TURN_UNTIL(s, s->ngone > 0);
    cr_assert_eq(s->ngone, 1);
    cr_assert_eq(s->nended, 1);
}

static const char *content(const char *name)
{
    static char text[256];
    char path[96];
    size_t n;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "r");
    if (f == NULL)
        return "";
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return text;
}

static void clear(void)
{
    char command[64];

    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

Test(converter, gets_what_is_printed_and_how_it_ended)
{
    struct scene *s =
        begin("cat >text; echo \"$1 $4 $(cat <&3)\" >told",
              "echo one; (sleep 0.2; echo two) & echo \"$0-$#\"; exit 2", OUTPUT_NAGIOS);

    go_once(s);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_OK, "2 is no failure of a Nagios plugin");
    cr_assert_str_eq(content("told"), "nagios /run/the/probe.sock 2\n");
    cr_assert_neq(strstr(content("text"), "one\n"), NULL);
    cr_assert_neq(strstr(content("text"), "/bin/sh-0\n"), NULL, "no argument is appended: %s",
                  content("text"));
    cr_assert_eq(times_logged(s, "one"), 0, "it is not for the log");
    clear();
}

Test(converter, exit_status_of_others_counts)
{
    struct scene *s = begin("cat >text", "echo one; exit 2", OUTPUT_LINES);

    go_once(s);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_EXIT);
    cr_assert(times_logged(s, "collector probe: exit status 2"));
    clear();
}

Test(converter, one_that_fails_is_a_reason_of_its_own)
{
    struct scene *s =
        begin("cat >text; echo 'it is wrong' >&2; exit 111", "echo one", OUTPUT_LINES);

    go_once(s);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_CONVERTER);
    cr_assert(times_logged(s, "collector probe: its converter (output: lines): exit status 111"));
    cr_assert(times_logged(s, "it is wrong"));
    cr_assert(WIFEXITED(last_run(s)->report.status), "the run is its own");
    clear();
}

Test(converter, one_that_ends_early_ends_the_run)
{
    struct scene *s =
        begin("exit 0", "while echo one; do sleep 0.05; done; sleep 1000", OUTPUT_LINES);

    go_once(s);
    cr_assert_neq(last_run(s)->outcome, OUTCOME_OK);
    clear();
}

Test(converter, one_that_does_not_come_to_an_end_is_ended)
{
    struct scene *s =
        begin("trap '' TERM; cat >text; while :; do sleep 1; done", "echo one", OUTPUT_LINES);

    s->conf.grace = 100 * MS;
    go_once(s);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_CONVERTER);
    cr_assert(times_logged(s, "it was not done with the output 0.1s after the end"));
    clear();
}

Test(converter, one_that_cannot_be_run)
{
    struct scene *s = begin("", "sleep 1000", OUTPUT_LINES);

    s->converter = "/no/such/program";
    go_once(s);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_CONVERTER);
    cr_assert(times_logged(s, "its converter (output: lines): cannot run /no/such/program"));
    clear();
}

/* A daemon's lines go on as they come. */
Test(converter, of_a_daemon)
{
    struct scene *s =
        begin("while read -r x; do echo \"$x\" >>text; done", "echo one; sleep 1000", OUTPUT_LINES);

    s->conf.mode = MODE_DAEMON;
    scene_go(s);
    TURN_UNTIL(s, strcmp(content("text"), "one\n") == 0);
    scene_finish(s);
    clear();
}

/* The run is over, and its converter at work: a stop waits for that, and an abandoned one waits for nothing. */
Test(converter, stopped_while_it_is_finishing)
{
    struct scene *s = begin("cat >text; sleep 0.5; : >done", "echo one", OUTPUT_LINES);

    scene_go(s);
    collector_once(s->collector, 42000 * MS);
    TURN_UNTIL(s, content("text")[0] != '\0' && !run_alive(&s->collector->run));
    cr_assert(collector_runs(s->collector));
    collector_stop(s->collector);
    TURN_UNTIL(s, s->ngone > 0);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_OK);
    clear();
}

Test(converter, abandoned_in_each_state)
{
    struct scene *s = begin("cat >text; sleep 1000", "echo one; sleep 1000", OUTPUT_LINES);

    s->conf.grace = LONG;
    s->stop_in_ended = true;
    scene_go(s);
    collector_once(s->collector, 42000 * MS);
    TURN_UNTIL(s, content("text")[0] != '\0');
    collector_abandon(s->collector);
    cr_assert_eq(s->nended, 1);
    TURN_UNTIL(s, s->ngone > 0);
    clear();
}
