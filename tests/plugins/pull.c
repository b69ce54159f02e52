/* A pull sink: keeps what it was given since its start, as far as there is room for, and gives all to whoever
 * connects to the Unix socket `path`, a line each, then closes. With `rejects` the first metric of each
 * batch is rejected, and is on the page all the same. */
#include <errno.h>
#include <garnet/plugin.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct conf {
    const char *path;
    int64_t rejects;
};

static const garnet_option options[] = {
    {.type = GARNET_PATH,
     .flags = GARNET_REQUIRED,
     .name = "path",
     .help = "The socket to listen at.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
    {.type = GARNET_BOOL,
     .name = "rejects",
     .def = "false",
     .help = "Whether it rejects the first of each batch.",
     .offset = GARNET_FIELD_INT(struct conf, rejects)},
};

static char page[4096];
static size_t used;
static int at = -1;

static int plugin_open(garnet *g)
{
    const struct conf *c = g->conf;
    struct sockaddr_un sun = {.sun_family = AF_UNIX};

    (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%s", c->path);
    (void)unlink(c->path);
    at = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (at < 0 || bind(at, (const struct sockaddr *)&sun, sizeof sun) < 0 || listen(at, 8) < 0 ||
        g->host->watch(g, at, GARNET_READABLE) < 0)
        return g->host->fail(g, GARNET_FATAL, "%s: %s", c->path, strerror(errno));
    return GARNET_OK;
}

static void plugin_close(garnet *g)
{
    const struct conf *c = g->conf;

    (void)unlink(c->path);
    (void)close(at);
}

static int event(garnet *g, int fd, uint32_t events)
{
    int client;

    (void)g, (void)events;
    if (fd != at || (client = accept4(at, NULL, NULL, SOCK_CLOEXEC)) < 0)
        return GARNET_OK;
    (void)send(client, page, used, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(client);
    return GARNET_OK;
}

static int format(garnet *g, const garnet_metric *m)
{
    g->host->put(g, m->name.s, m->name.n);
    g->host->put(g, " ", 1);
    g->host->putv(g, m);
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

static int deliver(garnet *g, const garnet_batch *b)
{
    const struct conf *c = g->conf;
    size_t room = sizeof page - used, n = b->n < room ? b->n : room;

    if (c->rejects)
        g->host->reject(g, b->id, 0, "as it was told to");
    memcpy(page + used, b->data, n);
    used += n;
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "pull", .version = "1", .about = "Gives the last values to whoever asks.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf),
              .flags = GARNET_IDEMPOTENT | GARNET_LIVE, .vtypes = GARNET_I64 | GARNET_F64,
              .lines = 1, .open = plugin_open, .close = plugin_close, .format = format,
              .deliver = deliver, .event = event);
