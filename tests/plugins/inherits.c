/* Appends to the file `path` what its process has in open(): each variable of its environment by name, the signals that are
 * ignored, caught and blocked as /proc/self/status has them. Then it uses alarm(2) for its own ends, as libraries do, and
 * says when that came. */
#include <garnet/plugin.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "append.h"

extern char **environ;

struct conf {
    const char *path;
};
static const garnet_option options[] = {
    {.type = GARNET_PATH,
     .flags = GARNET_REQUIRED,
     .name = "path",
     .help = "Where to write.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
};
static volatile sig_atomic_t rang;

static void on_alarm(int signo)
{
    (void)signo;
    rang = 1;
}

static void put_environment(const char *path)
{
    for (char **v = environ; *v != NULL; v++) {
        append(path, "env ", 4);
        append(path, *v, strcspn(*v, "="));
        append(path, "\n", 1);
    }
}

static void put_signals(const char *path)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];

    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "Sig", 3) == 0 && strncmp(line, "SigQ", 4) != 0)
            append(path, line, strlen(line));
    if (f != NULL)
        (void)fclose(f);
}

static int open_(garnet *g)
{
    const struct conf *c = g->conf;
    struct sigaction act = {.sa_handler = on_alarm}, before;

    put_environment(c->path);
    put_signals(c->path);
    if (sigaction(SIGALRM, &act, &before) == 0 && before.sa_handler == SIG_DFL) {
        (void)alarm(1);
        while (!rang)
            (void)poll(NULL, 0, 100);
        append(c->path, "rang\n", 5);
    }
    return GARNET_OK;
}

static int format(garnet *g, const garnet_metric *m)
{
    g->host->putf(g, "%s\n", m->name.s);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "inherits", .version = "1", .about = "Says what it has from the host.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
              .open = open_, .format = format);
