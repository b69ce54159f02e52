/* tests/bench/stages.c - what each stage of a metric's road costs by itself
 *
 *     stages                 ns of processor time for a metric, the median of some rounds, stage by stage
 *     stages STAGE METRICS   that one, so many times: for whoever counts instructions (stages.py)
 *
 * Time is this thread's own, the kernel's part included, so that others on the machine matter little.
 * The metrics are those of throughput.py; where numbers are named, the same with 17 digits. Asserted by nobody.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "delivery/link.h"
#include "intake/quick.h"
#include "model/record.h"
#include "rig/files.h"
#include "sink/feed.h"
#include "spool/append.h"

enum { KINDS = 100, ROUNDS = 7, A_ROUND = 200000, IN_FRAME = 1000, PIECE = 65536 };

static const struct metric_limits limits = {1024, METRIC_MAX_TAGS, METRIC_TAG_LENGTH};
static const struct json_defaults defaults = {.limits = &limits, .strangers = true};

static struct buf texts[KINDS];      /* JSON */
static struct metric metrics[KINDS]; /* what it says; borrowed from the texts */
static struct buf frame;             /* records of IN_FRAME of them */
static char dir[] = "/tmp/garnet-stages-XXXXXX";
static struct append *spool;
static struct plugin plugin;
static struct batch batch;
static struct arena arena;

static void must(bool good, const char *what)
{
    if (!good)
        fatal("stages: %s: %m", what);
}

/* --- the metrics --- */

static void make_metrics(bool long_numbers)
{
    for (int i = 0; i < KINDS; i++) {
        char value[32];
        size_t used;
        const struct metric *m;

        (void)snprintf(value, sizeof value, long_numbers ? "%.17g" : "%.1f",
                       long_numbers ? (i + 1) / 7.0 : i + 0.5);
        buf_reset(&texts[i]);
        buf_putf(&texts[i],
                 "{\"name\":\"cpu.user\",\"value\":%s,\"time\":1700000000.25,\"type\":\"gauge\","
                 "\"unit\":\"%%\",\"tags\":{\"cpu\":\"%d\"},\"meta\":{\"agent\":\"cpu.py\"}}\n",
                 value, i % 8);
        m = quick_read(texts[i].p, texts[i].n, &defaults, &used);
        must(m != NULL, "an object is declined");
        metrics[i] = *m;
    }
}

static void begin_short(const char *arg)
{
    (void)arg;
    make_metrics(false);
}

static void begin_long(const char *arg)
{
    (void)arg;
    make_metrics(true);
}

/* --- into the spool --- */

static void run_quick(size_t n)
{
    size_t used;

    for (size_t i = 0; i < n; i++)
        must(quick_read(texts[i % KINDS].p, texts[i % KINDS].n, &defaults, &used) != NULL, "read");
}

static void run_record(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i % IN_FRAME == 0)
            buf_reset(&frame);
        record_put(&frame, &metrics[i % KINDS]);
    }
}

static void run_append(size_t n)
{
    uint64_t end;

    for (size_t i = 0; i < n; i += IN_FRAME) {
        must(append_frame(spool, frame.p, frame.n, IN_FRAME, &end) == 0, "append");
        (void)append_retain(spool, end, clock_wall());
    }
}

static void begin_spool(const char *arg)
{
    const struct append_config c = {.dir = dir, .segment_size = 8 << 20, .max_size = 64 << 20};
    struct why why;

    begin_short(arg);
    run_record(IN_FRAME);
    spool = append_open(&c, &why);
    must(spool != NULL, why.text);
}

static void end_spool(void)
{
    append_close(spool);
}

/* --- out of it --- */

static void begin_read(const char *arg)
{
    begin_spool(arg);
    run_append(10 * IN_FRAME);
}

static void run_read(size_t n)
{
    static struct metric m;
    uint64_t end = append_next_seq(spool), begin = end - 10 * IN_FRAME;
    struct tail *t = tail_open(append_dirfd(spool), begin);
    struct tail_frame f;

    must(t != NULL, "tail");
    while (n > 0) {
        size_t at = 0;

        tail_seek(t, begin);
        while (n > 0 && tail_next(t, &f) == TAIL_FRAME) {
            for (at = 0; at < f.length && n > 0; n--)
                at += record_get((const char *)f.payload + at, f.length - at, &m);
        }
    }
    tail_close(t);
}

static void run_select(size_t n)
{
    const char *only[] = {"cpu.*", "mem.*", "net.*"}, *drop[] = {"*.idle", "debug.*"};
    const struct conf_sink sink = {.only = {only, 3}, .drop = {drop, 2}};
    size_t wanted = 0;

    for (size_t i = 0; i < n; i++)
        wanted += feed_wants(&sink, &metrics[i % KINDS]);
    must(wanted == n, "select");
}

static void run_counters(size_t n)
{
    static struct counters c;

    counters_init(&c, COUNTERS_DELTA, NS_PER_S * 3600);
    for (size_t i = 0; i < n; i++) {
        struct metric *m = &metrics[i % KINDS];

        m->type = METRIC_COUNTER;
        m->time_ns += NS_PER_MS;
        (void)counters_apply(&c, m, i + 1);
    }
    counters_forget(&c);
}

static void begin_plugin(const char *yaml)
{
    struct errors e = {0};
    struct node *node = yaml_parse(&arena, "stages", str_of(yaml), &e);
    struct conf_sink sink = {.name = "main", .node = node};
    char file[256];

    (void)snprintf(file, sizeof file, TEST_BUILD "/plugins/%s.so", node_get(node, "plugin")->text);
    sink.plugin_file = file;
    must(plugin_load(&plugin, file), plugin_why(&plugin));
    must(plugin_configure(&plugin, &sink, "web01", &e), "configure");
    must(plugin_open(&plugin) == GARNET_OK && batch_init(&batch, &plugin, PIECE), "open");
    batch_begin(&batch);
}

static void begin_format(const char *yaml)
{
    begin_short(NULL);
    begin_plugin(yaml);
}

static void begin_format_long(const char *yaml)
{
    begin_long(NULL);
    begin_plugin(yaml);
}

static void run_format(size_t n)
{
    for (size_t i = 0; i < n;) {
        if (batch_add(&batch, &metrics[i % KINDS], i, 0) == BATCH_FULL) {
            must(batch_end(&batch), "end");
            batch_begin(&batch);
        } else {
            i++;
        }
    }
}

static void end_plugin(void)
{
    batch_free(&batch);
    plugin_unload(&plugin);
}

/* --- to the peer --- */

static struct transport peer;
static pid_t reader;

static _Noreturn void read_all(int listener)
{
    static char waste[1 << 18];
    int fd = accept(listener, NULL, NULL);

    while (read(fd, waste, sizeof waste) > 0)
        ;
    _exit(0);
}

static void begin_send(const char *yaml)
{
    static char uri[64];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    begin_format(yaml);
    while (batch_add(&batch, &metrics[0], 0, 0) != BATCH_FULL)
        ;
    must(bind(listener, (struct sockaddr *)&at, size) == 0 && listen(listener, 1) == 0 &&
             getsockname(listener, (struct sockaddr *)&at, &size) == 0,
         "listen");
    if ((reader = fork()) == 0)
        read_all(listener);
    (void)snprintf(uri, sizeof uri, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    must(link_transport(&peer, uri) == 0 && peer.kind->open(&peer) == 0, "connect");
    close(listener);
    while (peer.state == TRANSPORT_OPENING)
        peer.kind->ready(&peer, LOOP_OUT);
}

static void run_send(size_t n)
{
    struct pollfd p = {.fd = peer.fd, .events = POLLOUT};

    for (size_t i = 0; i < n; i += batch.nmetrics)
        for (size_t sent = 0; sent < batch.bytes.n;) {
            ssize_t done = peer.kind->write(&peer, batch.bytes.p + sent, batch.bytes.n - sent);

            must(done >= 0, "send");
            sent += (size_t)done;
            if (done == 0)
                (void)poll(&p, 1, -1);
        }
}

static void end_send(void)
{
    transport_close(&peer);
    (void)waitpid(reader, NULL, 0);
    end_plugin();
}

/* --- all of them --- */

static void end_nothing(void)
{
}

#define FORMAT(name, yaml)                                                                         \
    {                                                                                              \
        name, yaml, begin_format, run_format, end_plugin                                           \
    }

static const struct stage {
    const char *name, *arg;
    void (*begin)(const char *arg);
    void (*run)(size_t n);
    void (*end)(void);
} STAGES[] = {
    {"quick", NULL, begin_short, run_quick, end_nothing},
    {"quick-17", NULL, begin_long, run_quick, end_nothing},
    {"record", NULL, begin_short, run_record, end_nothing},
    {"append", NULL, begin_spool, run_append, end_spool},
    {"read", NULL, begin_read, run_read, end_spool},
    {"select", NULL, begin_short, run_select, end_nothing},
    {"counters", NULL, begin_short, run_counters, end_nothing},
    FORMAT("graphite", "{plugin: graphite, to: stdout}"),
    {"graphite-17", "{plugin: graphite, to: stdout}", begin_format_long, run_format, end_plugin},
    FORMAT("graphite-tagged", "{plugin: graphite, to: stdout, style: tagged}"),
    FORMAT("carbon2", "{plugin: metrics20, to: stdout}"),
    FORMAT("carbon2-key", "{plugin: metrics20, to: stdout, style: key}"),
    FORMAT("statsd", "{plugin: statsd, to: stdout}"),
    FORMAT("dogstatsd", "{plugin: statsd, to: stdout, dialect: dogstatsd}"),
    {"send", "{plugin: graphite, to: stdout}", begin_send, run_send, end_send},
};

static double cpu_ns(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)clock_ns(ts);
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure(const struct stage *s)
{
    double took[ROUNDS];

    s->begin(s->arg);
    s->run(A_ROUND / 4);
    for (int i = 0; i < ROUNDS; i++) {
        double began = cpu_ns();

        s->run(A_ROUND);
        took[i] = (cpu_ns() - began) / A_ROUND;
    }
    s->end();
    qsort(took, ROUNDS, sizeof *took, by_size);
    printf("%-16s%8.1f\n", s->name, took[ROUNDS / 2]);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    log_set_level(LOG_L_ERROR);
    must(mkdtemp(dir) != NULL, dir);
    for (size_t i = 0; i < sizeof STAGES / sizeof *STAGES; i++) {
        const struct stage *s = &STAGES[i];

        if (argc == 3 && strcmp(argv[1], s->name) == 0) {
            s->begin(s->arg);
            s->run(strtoul(argv[2], NULL, 10));
            s->end();
        } else if (argc == 1) {
            measure(s);
        }
    }
    remove_tree(dir);
    return 0;
}
