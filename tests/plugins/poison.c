/* A formatter that a metric's name ends: "segv", "abort", "exit", "hang" and "fatal", each as the last node;
 * "promise" is answered wrongly.
 * Built as DEADLY it also delivers, into the file `path`, and dies there of a batch that holds a
 * metric "boom", five times. */
#include <fcntl.h>
#include <garnet/plugin.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends(const garnet_metric *m, const char *with)
{
    size_t n = strlen(with);

    return m->name.n >= n && strcmp(m->name.s + m->name.n - n, with) == 0;
}

static int format(garnet *g, const garnet_metric *m)
{
    volatile int forever = 1;

    if (ends(m, ".segv"))
        raise(SIGSEGV);
    if (ends(m, ".abort"))
        abort();
    if (ends(m, ".exit"))
        exit(3);
    if (ends(m, ".promise"))
        return GARNET_RETRY;
    while (ends(m, ".hang") && forever)
        pause();
    if (ends(m, ".fatal"))
        return g->host->fail(g, GARNET_FATAL, "will have none of it");
    g->host->put(g, m->name.s, m->name.n);
    g->host->put(g, " ", 1);
    g->host->putv(g, m);
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

#ifdef DEADLY
struct conf {
    const char *path;
};

static const garnet_option options[] = {
    {.type = GARNET_PATH,
     .flags = GARNET_REQUIRED,
     .name = "path",
     .help = "Where to.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
};

static size_t length(int fd)
{
    off_t n = lseek(fd, 0, SEEK_END);

    return n < 0 ? 0 : (size_t)n;
}

/* Each death leaves a byte in PATH.deaths. */
static int deliver(garnet *g, const garnet_batch *b)
{
    const struct conf *c = g->conf;
    char path[4096];
    int fd, ok;

    snprintf(path, sizeof path, "%s.deaths", c->path);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0 && memmem(b->data, b->n, "boom", 4) != NULL && length(fd) < 5 &&
        write(fd, "x", 1) == 1)
        raise(SIGSEGV);
    if (fd >= 0)
        close(fd);
    fd = open(c->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ok = fd >= 0 && write(fd, b->data, b->n) == (ssize_t)b->n;
    if (fd >= 0)
        close(fd);
    return ok ? GARNET_OK : GARNET_RETRY;
}
#endif

#ifdef ONCE /* what it delivers is not to be delivered twice */
enum { FLAGS = 0 };
#else
enum { FLAGS = GARNET_IDEMPOTENT };
#endif

#ifdef DEADLY
GARNET_PLUGIN(.name = "deadly", .version = "1", .about = "Dies of what it delivers.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .lines = 1,
              .format = format, .deliver = deliver);
#else
GARNET_PLUGIN(.name = "poison", .version = "1", .about = "Dies of what it is given.",
              .flags = FLAGS, .lines = 1, .format = format);
#endif
