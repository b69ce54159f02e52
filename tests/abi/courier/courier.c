/* courier.c - a sink that carries its bytes itself, as a third party would write it: to a file
 *
 * Before each batch it reads its orders from another file, for tests: "block" (until a signal),
 * "retry", "reject", "reject-first", "fatal", "crash"; anything else, or no file: deliver. It writes
 * the batch with one write(), and a short one is RETRY: what is in the file then is repeated.
 */
#include <errno.h>
#include <fcntl.h>
#include <garnet/plugin.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct conf {
    const char *out, *orders;
};

static const garnet_option options[] = {
    {.type = GARNET_PATH,
     .flags = GARNET_REQUIRED,
     .name = "out",
     .help = "The file to append to.",
     .offset = GARNET_FIELD_STR(struct conf, out)},
    {.type = GARNET_PATH,
     .name = "orders",
     .help = "The file that says what to do.",
     .offset = GARNET_FIELD_STR(struct conf, orders)},
};

static int open_out(garnet *g)
{
    const struct conf *conf = g->conf;
    int *fd = malloc(sizeof *fd);

    if (fd == NULL)
        return g->host->fail(g, GARNET_RETRY, "no memory");
    *fd = open(conf->out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (*fd >= 0) {
        g->state = fd;
        return GARNET_OK;
    }
    free(fd);
    return g->host->fail(g, GARNET_RETRY, "cannot open %s: %s", conf->out, strerror(errno));
}

static void close_out(garnet *g)
{
    (void)close(*(int *)g->state);
    free(g->state);
}

static int format(garnet *g, const garnet_metric *m)
{
    for (size_t i = 0; i < m->name.n; i++)
        g->host->put(g, m->name.s[i] == '=' ? "_" : &m->name.s[i], 1);
    g->host->put(g, "=", 1);
    g->host->putv(g, m);
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

static void read_orders(const struct conf *conf, char orders[32])
{
    int fd = conf->orders != NULL ? open(conf->orders, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd >= 0 ? read(fd, orders, 31) : 0;

    orders[n > 0 ? n : 0] = 0;
    orders[strcspn(orders, "\n")] = 0;
    if (fd >= 0)
        (void)close(fd);
}

static int carry(garnet *g, const garnet_batch *b)
{
    ssize_t n = write(*(int *)g->state, b->data, b->n);

    if (n == (ssize_t)b->n)
        return GARNET_OK;
    return g->host->fail(g, GARNET_RETRY, "wrote %zd bytes of %zu, attempt %u", n, b->n,
                         b->attempt);
}

static int deliver(garnet *g, const garnet_batch *b)
{
    char orders[32];

    read_orders(g->conf, orders);
    if (strcmp(orders, "block") == 0) {
        (void)pause();
        return g->host->fail(g, GARNET_RETRY, "a signal ended the wait");
    }
    if (strcmp(orders, "retry") == 0)
        return g->host->fail(g, GARNET_RETRY, "ordered to retry, attempt %u", b->attempt);
    if (strcmp(orders, "reject") == 0)
        return g->host->fail(g, GARNET_REJECT, "ordered to reject %u", b->nmetrics);
    if (strcmp(orders, "fatal") == 0)
        return g->host->fail(g, GARNET_FATAL, "ordered to give up");
    if (strcmp(orders, "crash") == 0)
        abort();
    if (strcmp(orders, "reject-first") == 0)
        g->host->reject(g, b->id, 0, "ordered to reject the first");
    return carry(g, b);
}

GARNET_PLUGIN(.name = "courier", .version = "1", .about = "Appends to a file, as it is ordered.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
              .open = open_out, .close = close_out, .format = format, .deliver = deliver);
