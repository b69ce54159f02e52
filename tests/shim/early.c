/* early.c - preloaded: sends a program its signals before it can have handlers for them
 *
 * GARNET_SHIM_EARLY names the programs and helpers, divided by blanks, that get HUP, TERM and INT,
 * or the signals of GARNET_SHIM_SIGNALS ("1 15"). The moment is the first call that garnetd
 * (getrlimit) and garnet-sink (prctl) make in main, and for a helper that by which it takes its name
 * (prctl). What was sent is on record: a byte in the file GARNET_SHIM_SENT.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool checks; /* what it is run for */
static bool begun;  /* a sanitizer's runtime makes such calls, too, before all constructors */

static bool named(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = list; at != NULL && (at = strstr(at, name)) != NULL; at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0))
            return true;
    return false;
}

/* In one write: several may do so at a time. */
static void note(const char *name)
{
    char line[64];
    int n = snprintf(line, sizeof line, "%s\n", name);
    const char *path = getenv("GARNET_SHIM_SENT");
    int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;

    if (fd < 0)
        return;
    if (write(fd, line, (size_t)n) != n)
        abort();
    (void)close(fd);
}

static void send_to(const char *name)
{
    const char *signals = getenv("GARNET_SHIM_SIGNALS");
    char *end;

    if (!named(getenv("GARNET_SHIM_EARLY"), name))
        return;
    note(name);
    for (const char *at = signals != NULL ? signals : "1 15 2"; *at != 0; at = end) {
        long signo = strtol(at, &end, 10);

        if (end == at)
            return;
        (void)kill(getpid(), (int)signo);
    }
}

/* A worker and not the check of its plugin, which is the same program; and no fork. */
static void send_to_program(void)
{
    static bool sent;

    if (begun && !sent && !checks)
        send_to(program_invocation_short_name);
    sent = begun;
}

__attribute__((constructor)) static void look_at_arguments(int argc, char **argv)
{
    checks = argc > 1 && strcmp(argv[1], "check") == 0;
    begun = true;
}

int getrlimit(__rlimit_resource_t what, struct rlimit *limit)
{
    send_to_program();
    return (int)syscall(SYS_prlimit64, 0, what, NULL, limit);
}

int prctl(int what, ...)
{
    unsigned long a[4];
    va_list ap;
    int result;

    va_start(ap, what);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(ap, unsigned long);
    va_end(ap);
    result = (int)syscall(SYS_prctl, what, a[0], a[1], a[2], a[3]);
    if (what == PR_SET_NAME)
        send_to((const char *)a[0]);
    else if (what == PR_SET_PDEATHSIG)
        send_to_program();
    return result;
}
