/* A plugin that goes wrong on request: `fault` is what it does, in the callback `where`, at its
 * `at`th call there and every one after it. Built as DELIVERS it carries its bytes into the file
 * `path` itself, and has an event() a millisecond after open(). */
#include <fcntl.h>
#include <garnet/plugin.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum where { FORMAT, DELIVER, OPEN, CLOSE, EVENT };

struct conf {
    const char *fault, *path;
    int64_t where, at;
};

static const garnet_option options[] = {
    {.type = GARNET_STRING,
     .flags = GARNET_REQUIRED,
     .name = "fault",
     .help = "What it does.",
     .offset = GARNET_FIELD_STR(struct conf, fault)},
    {.type = GARNET_CHOICE,
     .name = "where",
     .def = "format",
     .choices = "format|deliver|open|close|event",
     .help = "In which callback.",
     .offset = GARNET_FIELD_INT(struct conf, where)},
    {.type = GARNET_INT,
     .name = "at",
     .def = "1",
     .min = "1",
     .help = "At which call of it.",
     .offset = GARNET_FIELD_INT(struct conf, at)},
    {.type = GARNET_PATH,
     .name = "path",
     .help = "The file it delivers into.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
};

static int64_t calls;

/* --- the faults --- */

static int segv(garnet *g)
{
    (void)g;
    raise(SIGSEGV);
    return GARNET_OK;
}

static int aborts(garnet *g)
{
    (void)g;
    abort();
}

static int loops(garnet *g)
{
    volatile int forever = 1;

    while (forever)
        continue;
    (void)g;
    return GARNET_OK;
}

/* Through every signal that it survives. */
static int sleeps(garnet *g)
{
    for (volatile int forever = 1; forever;)
        pause();
    (void)g;
    return GARNET_OK;
}

/* Uses what it gets, as most do, without a look at whether it got it. */
static int leaks(garnet *g)
{
    static char *volatile last;

    last = malloc(1 << 20);
    memset(last, 1, 1 << 20);
    (void)g;
    return GARNET_OK;
}

static int exits(garnet *g)
{
    (void)g;
    exit(0);
}

static int closes(garnet *g)
{
    for (int fd = 0; fd <= 9; fd++)
        close(fd);
    (void)g;
    return GARNET_OK;
}

/* Those that fork do it once, to spare the machine. */
static pid_t fork_once(void)
{
    static int done;

    return done++ == 0 ? fork() : -1;
}

/* The child goes on as if it were the worker. */
static int forks(garnet *g)
{
    (void)g;
    (void)fork_once();
    return GARNET_OK;
}

static int stays(garnet *g)
{
    if (fork_once() == 0)
        sleeps(g);
    return GARNET_OK;
}

/* Neither of the two comes back. */
static int broods(garnet *g)
{
    (void)fork_once();
    return sleeps(g);
}

/* As daemons do it: another session, and no parent. */
static int escapes(garnet *g)
{
    if (fork_once() == 0) {
        (void)setsid();
        if (fork() == 0)
            sleeps(g);
        _exit(0);
    }
    return GARNET_OK;
}

static int terms(garnet *g)
{
    (void)g;
    raise(SIGTERM);
    return GARNET_OK;
}

static int stops(garnet *g)
{
    (void)g;
    raise(SIGSTOP);
    return GARNET_OK;
}

static int kills(garnet *g)
{
    (void)g;
    raise(SIGKILL);
    return GARNET_OK;
}

static int garbage(garnet *g)
{
    (void)g;
    return 77;
}

/* 1 GB. */
static int floods(garnet *g)
{
    static const char bytes[1 << 20];

    for (int i = 0; i < 1000; i++)
        g->host->put(g, bytes, sizeof bytes);
    return GARNET_OK;
}

static int prints(garnet *g)
{
    g->host->putf(g, "%1000000000d", 1);
    return GARNET_OK;
}

/* Two that spin, and one that makes calls of the host's that no thread may make. */
static void *spin(void *arg)
{
    for (volatile int forever = 1; forever;)
        continue;
    return arg;
}

static void *meddle(void *arg)
{
    garnet *g = arg;

    for (volatile int forever = 1; forever; usleep(1000))
        g->host->put(g, "\n", 1);
    return NULL;
}

static int threads(garnet *g)
{
    static pthread_t t[3];

    if (t[0] == 0) {
        (void)pthread_create(&t[0], NULL, spin, NULL);
        (void)pthread_create(&t[1], NULL, spin, NULL);
        (void)pthread_create(&t[2], NULL, meddle, g);
    }
    return GARNET_OK;
}

static void *say(void *arg)
{
    garnet *g = arg;

    g->host->log(g, GARNET_INFO, "from a thread");
    return NULL;
}

static int threadsay(garnet *g)
{
    pthread_t t;

    if (pthread_create(&t, NULL, say, g) == 0)
        (void)pthread_join(t, NULL);
    return GARNET_OK;
}

/* As libraries do it, once: each thread with the stack that it is given, of which it uses a little. */
static void *waits(void *arg)
{
    for (volatile int forever = 1; forever;)
        pause();
    return arg;
}

static int crowds(garnet *g)
{
    static int n;
    pthread_t t;

    for (; n < 16; n++)
        if (pthread_create(&t, NULL, waits, NULL) != 0)
            return g->host->fail(g, GARNET_FATAL, "no thread after %d", n);
    return GARNET_OK;
}

static const struct {
    const char *name;
    int (*fn)(garnet *);
} faults[] = {
    {"segv", segv},       {"abort", aborts},    {"loop", loops},          {"sleep", sleeps},
    {"leak", leaks},      {"exit", exits},      {"close", closes},        {"fork", forks},
    {"stay", stays},      {"escape", escapes},  {"term", terms},          {"stop", stops},
    {"kill", kills},      {"garbage", garbage}, {"flood", floods},        {"print", prints},
    {"threads", threads}, {"brood", broods},    {"threadsay", threadsay}, {"crowd", crowds},
};

static int go_wrong(garnet *g, enum where where)
{
    const struct conf *c = g->conf;

    if (c->where != (int64_t)where || ++calls < c->at)
        return GARNET_OK;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp(c->fault, faults[i].name) == 0)
            return faults[i].fn(g);
    return g->host->fail(g, GARNET_FATAL, "it knows no fault \"%s\"", c->fault);
}

/* --- the plugin --- */

static int opens(garnet *g)
{
#ifdef DELIVERS /* it alone has an event() */
    g->host->timer(g, 1000000);
#endif
    return go_wrong(g, OPEN);
}

static void ends(garnet *g)
{
    (void)go_wrong(g, CLOSE);
}

static int format(garnet *g, const garnet_metric *m)
{
    int answer = go_wrong(g, FORMAT);

    g->host->put(g, m->name.s, m->name.n);
    g->host->put(g, " ", 1);
    g->host->putv(g, m);
    g->host->put(g, "\n", 1);
    return answer;
}

#ifdef DELIVERS
static int deliver(garnet *g, const garnet_batch *b)
{
    const struct conf *c = g->conf;
    int answer = go_wrong(g, DELIVER);
    int fd = open(c->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, b->data, b->n) == (ssize_t)b->n;

    if (fd >= 0)
        close(fd);
    return !ok ? GARNET_RETRY : answer;
}

static int event(garnet *g, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    return go_wrong(g, EVENT);
}

GARNET_PLUGIN(.name = "fault_deliver", .version = "1", .about = "Goes wrong on request.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
              .lines = 1, .open = opens, .close = ends, .format = format, .deliver = deliver,
              .event = event);
#else
GARNET_PLUGIN(.name = "fault", .version = "1", .about = "Goes wrong on request.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
              .lines = 1, .open = opens, .close = ends, .format = format);
#endif
