/* tests/unit/daemon/test_daemon.c - daemon/daemon.h: a signal that comes as garnetd leaves by itself */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/process.h"
#include "daemon/daemon.h"
#include "rig/daemon_stand.h"
#include "rig/processes.h"

TestSuite(daemon, .timeout = 60);

/* A sink's check stops garnetd and kills the process that reads the configuration: so the end of that, of
 * its pipe and the signal are there in one turn of the loop. */
Test(daemon, a_signal_in_the_turn_in_which_it_gives_up_changes_nothing)
{
    struct stand stand;
    const char *conf, *check;
    int status;
    pid_t pid, nursery;

    stand_begin(&stand);
    conf = stand_configure(&stand, "sinks:\n  - {name: main, plugin: graphite, to: "
                                   "'tcp://127.0.0.1:1'}\n");
    check = stand_script(&stand, "check",
                         "#!/bin/sh\nread -r a b c load rest </proc/$PPID/stat\n"
                         "kill -STOP $GARNET_PID\nkill -KILL $load\n");
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        char self[16];

        (void)snprintf(self, sizeof self, "%d", (int)getpid());
        (void)setenv("GARNET_PID", self, 1);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail meanwhile */
        _exit(daemon_run(conf, &(struct daemon_programs){.sink = check}));
    }
    cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
    cr_assert(WIFSTOPPED(status), "%x", (unsigned)status);
    nursery = process_under(process_under(pid, "garnetd-guard"), "garnetd-nursery");
    WAIT_FOR(processes_under(nursery, "garnetd-ward", NULL, 0) == 0); /* it has reported */
    (void)kill(pid, SIGTERM);
    (void)kill(pid, SIGCONT);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "it died from signal %d", WTERMSIG(status));
    cr_assert_eq(WEXITSTATUS(status), EXIT_WORLD);
    stand_end(&stand);
}
