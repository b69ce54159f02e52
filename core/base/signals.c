/* base/signals.c - the mask of the process, set as a whole
 *
 * Nothing here fails but for wrong arguments, of which there are none.
 */
#include "base/signals.h"

#include <stddef.h>

void signals_hold(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
}

void signals_release(void)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_default(void)
{
    const struct sigaction act = {.sa_handler = SIG_DFL};

    for (int signo = 1; signo < NSIG; signo++)
        (void)sigaction(signo, &act,
                        NULL); /* refused for KILL, STOP and libc's own: as it should be */
}

void signals_ignore_ends(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}
