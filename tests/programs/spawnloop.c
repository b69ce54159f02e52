/* spawnloop - the limit that a scheduler is measured against: usage: spawnloop N SECONDS PROGRAM SOCKET
 *
 * At each full second spawns PROGRAM SOCKET N times by posix_spawn, waits for all of them, and
 * takes what they have sent. Nothing else: no pipes, no keeper, no time-outs. One line on stdout
 * for each start: the lateness against its slot in ns. On stderr at the end: CPU seconds of its
 * own, CPU seconds of the programs. Anything that fails ends it with 111.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plain.h"

static time_t next_slot(void)
{
    struct timespec now, slot = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    slot.tv_sec = now.tv_sec + 1;
    (void)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &slot, NULL);
    return slot.tv_sec;
}

static void spawn_all(int n, char *program, char *path)
{
    char *argv[] = {program, path, NULL}, *env[] = {NULL};
    pid_t pid;

    for (int i = 0; i < n; i++)
        if (posix_spawn(&pid, program, NULL, NULL, argv, env) != 0)
            die(program);
    while (wait(NULL) > 0)
        ;
}

/* What one program has sent: it has ended, so all of it is there. */
static void take(int listener, time_t slot)
{
    char text[128];
    int fd = accept(listener, NULL, NULL);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    const char *value;

    if (n < 0)
        die("a program's connection");
    text[n] = 0;
    if ((value = strstr(text, "\"value\":")) == NULL)
        die("a program's metric");
    printf("%lld\n", strtoll(value + 8, NULL, 10) - (long long)slot * 1000000000);
    (void)close(fd);
}

static double cpu_seconds(int who)
{
    struct rusage ru;

    (void)getrusage(who, &ru);
    return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
           (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    int n = argc == 5 ? (int)strtol(argv[1], NULL, 10) : 0;
    int listener;

    if (n <= 0) {
        fputs("usage: spawnloop N SECONDS PROGRAM SOCKET\n", stderr);
        return 2;
    }
    listener = listen_unix(argv[4]);
    for (long i = strtol(argv[2], NULL, 10); i > 0; i--) {
        time_t slot = next_slot();

        spawn_all(n, argv[3], argv[4]);
        for (int j = 0; j < n; j++)
            take(listener, slot);
    }
    fprintf(stderr, "%.6f %.6f\n", cpu_seconds(RUSAGE_SELF), cpu_seconds(RUSAGE_CHILDREN));
    return 0;
}
