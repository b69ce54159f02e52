/* fault - a collector that misbehaves: usage: fault KIND PIDFILE SOCKET
 *
 * Each kind is one thing that a collector must not be able to hurt anybody with. Every process of
 * it first writes its pid into PIDFILE, so that a test can look for each of them later, wherever it
 * has gone. Statically linked. Ends with 70 when a limit that it was to run into is not there, and
 * with 2 for a wrong usage.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_FAULT = 3, EXIT_MEMORY = 12, EXIT_UNLIMITED = 70, CHILDREN = 50 };

#define GARBAGE    (100L << 20)
#define MEMORY_TOP (512UL << 20) /* nobody's limit is above this */

static const char *pids, *socket_path;

/* One write, so that lines of several processes do not mix. */
static void note_pid(void)
{
    char line[32];
    int n = snprintf(line, sizeof line, "%d\n", (int)getpid());
    int fd = open(pids, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

    if (fd < 0 || write(fd, line, (size_t)n) != n)
        _exit(EXIT_USAGE);
    (void)close(fd);
}

static void hang(void)
{
    for (;;)
        (void)pause();
}

/* In a child that is noted; true there. */
static int forked(void)
{
    if (fork() != 0)
        return 0;
    note_pid();
    return 1;
}

static void hold(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 700000000}, NULL);
}

static void deaf(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    hang();
}

/* Leaves a daemon in a session of its own, and waits. */
static void escape(void)
{
    if (forked()) {
        (void)setsid();
        if (!forked())
            _exit(0);
        deaf();
    }
    hang();
}

/* Likewise, and ends at once, as if all were well. */
static void leave(void)
{
    if (forked()) {
        (void)setsid();
        if (!forked())
            _exit(0);
        deaf();
    }
}

static void crowd(void)
{
    for (int i = 0; i < CHILDREN; i++)
        if (forked())
            hang();
    hang();
}

static void garbage(void)
{
    static unsigned char noise[1 << 16];
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    unsigned x = 1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ssize_t n;

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)((x = x * 1103515245U + 12345U) >> 16);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", socket_path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
        exit(EXIT_USAGE);
    for (long sent = 0; sent < GARBAGE; sent += n)
        if ((n = write(fd, noise, sizeof noise)) <= 0)
            exit(EXIT_FAULT); /* it was cut off */
    (void)shutdown(fd, SHUT_WR);
    while (read(fd, noise, sizeof noise) > 0)
        ;
    exit(EXIT_FAULT);
}

static void chatter(void)
{
    static char line[4096];

    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (;;)
        (void)!write(STDERR_FILENO, line, sizeof line);
}

static void close_all(void)
{
    for (int fd = 0; fd < 1024; fd++)
        (void)close(fd);
    hang();
}

static void quit(void)
{
    exit(EXIT_FAULT);
}

static void dump(void)
{
    struct rlimit core;

    if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur != 0)
        exit(EXIT_UNLIMITED);
    abort();
}

static void eat(void)
{
    const size_t piece = 1 << 20;

    for (size_t n = 0; n < MEMORY_TOP; n += piece) {
        void *p = mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            exit(EXIT_MEMORY);
        memset(p, 1, piece);
    }
    exit(EXIT_UNLIMITED);
}

static void burn(void)
{
    struct rlimit cpu;

    if (getrlimit(RLIMIT_CPU, &cpu) < 0 || cpu.rlim_cur == RLIM_INFINITY)
        exit(EXIT_UNLIMITED);
    for (volatile unsigned long x = 0;; x++)
        ;
}

static void stop(void)
{
    (void)raise(SIGSTOP);
    hang();
}

static const struct {
    const char *name;
    void (*fn)(void);
} kinds[] = {
    {"hang", hang},       {"hold", hold},   {"deaf", deaf},       {"escape", escape},
    {"leave", leave},     {"crowd", crowd}, {"garbage", garbage}, {"chatter", chatter},
    {"close", close_all}, {"quit", quit},   {"dump", dump},       {"eat", eat},
    {"burn", burn},       {"stop", stop},
};

int main(int argc, char **argv)
{
    if (argc != 4)
        return EXIT_USAGE;
    pids = argv[2];
    socket_path = argv[3];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(argv[1], kinds[i].name) == 0) {
            note_pid();
            kinds[i].fn();
            return 0;
        }
    return EXIT_USAGE;
}
