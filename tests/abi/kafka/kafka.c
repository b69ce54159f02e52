/* kafka.c - each batch is one message of lines to a Kafka topic, by librdkafka, as a third party would write it
 *
 *   NAME;TAG=VALUE... VALUE NANOSECONDS
 *
 * librdkafka has threads of its own, which may not call the host. So nothing here is called by them: what they
 * have to tell waits in a queue, a pipe that is watched says that there is something, and event() serves the queue in the
 * host's own thread. deliver() hands a batch over and answers PENDING; its delivery report is what is confirmed. A
 * partition whose broker is down thus costs its own batches a RETRY, and no other: they come again, and may go to
 * another partition.
 *
 * The bytes are not copied: a batch stays readable until it is confirmed. A message whose report was lost is sent again and is
 * there twice, so the plugin is not IDEMPOTENT. What must be in order, or in one partition for each series, needs a
 * key for each message, and then a message for each metric (batch_metrics = 1 would do it).
 *
 * Dies of an error that librdkafka calls fatal: FATAL, and the next worker begins anew.
 */
#define _GNU_SOURCE /* pipe2() */
#include <errno.h>
#include <fcntl.h>
#include <garnet/plugin.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct conf {
    const char *brokers, *topic;
    int64_t timeout;
    garnet_map properties;
};

static const garnet_option options[] = {
    {.type = GARNET_STRING,
     .flags = GARNET_REQUIRED,
     .name = "brokers",
     .help = "Where to begin, as in kafka1:9092,kafka2:9092.",
     .offset = GARNET_FIELD_STR(struct conf, brokers)},
    {.type = GARNET_STRING,
     .flags = GARNET_REQUIRED,
     .name = "topic",
     .help = "The topic.",
     .offset = GARNET_FIELD_STR(struct conf, topic)},
    {.type = GARNET_DURATION,
     .name = "timeout",
     .def = "10s",
     .min = "100ms",
     .max = "10m",
     .help = "How long a message may wait for its partition until it is tried anew.",
     .offset = GARNET_FIELD_INT(struct conf, timeout)},
    {.type = GARNET_MAP,
     .flags = GARNET_SECRET,
     .name = "properties",
     .help = "More of librdkafka's own, as in {compression.type: lz4}.",
     .offset = GARNET_FIELD_MAP(struct conf, properties)},
};

enum { DELIVERED, FAILED, IN_DOUBT, WAITING };
static const garnet_stat stats[] = {
    {.type = GARNET_COUNTER, .name = "messages", .unit = "Msg", .help = "Messages acknowledged."},
    {.type = GARNET_COUNTER, .name = "failed", .unit = "Msg", .help = "Messages to be tried anew."},
    {.type = GARNET_COUNTER,
     .name = "in_doubt",
     .unit = "Msg",
     .help = "Messages to be tried anew that may be there already."},
    {.type = GARNET_GAUGE, .name = "waiting", .unit = "Msg", .help = "Messages without a report."},
};

struct state {
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue; /* what its threads have to tell */
    int pipe[2];             /* a byte comes when that is no longer empty */
    int64_t waiting;
    bool closing;
};

/* --- what librdkafka tells: all in rd_kafka_poll(), and so in our own thread --- */

static int judge(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? GARNET_OK
           : err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || err == RD_KAFKA_RESP_ERR_INVALID_MSG
               ? GARNET_REJECT
           : err == RD_KAFKA_RESP_ERR__FATAL ? GARNET_FATAL
                                             : GARNET_RETRY;
}

static void on_report(rd_kafka_t *producer, const rd_kafka_message_t *m, void *arg)
{
    garnet *g = arg;
    struct state *s = g->state;
    int answer = judge(m->err);

    (void)producer;
    if (s->closing) /* it is not confirmed, and comes again */
        return;
    if (answer == GARNET_FATAL) /* which event() says */
        answer = GARNET_RETRY;
    if (answer != GARNET_OK)
        (void)g->host->fail(g, answer, "partition %d: %s", (int)m->partition,
                            rd_kafka_err2str(m->err));
    g->host->measure(g, DELIVERED, answer == GARNET_OK);
    g->host->measure(g, FAILED, answer == GARNET_RETRY);
    g->host->measure(g, IN_DOUBT,
                     answer == GARNET_RETRY &&
                         rd_kafka_message_status(m) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
    g->host->measure(g, WAITING, --s->waiting);
    g->host->confirm(g, (uint64_t)(uintptr_t)m->_private, answer);
}

/* Its own levels are those of syslog. */
static void on_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
    garnet *g = rd_kafka_opaque(producer);
    const struct state *s = g->state;

    if (!s->closing)
        g->host->log(g, level <= 3 ? GARNET_WARN : GARNET_INFO, "%s: %s", facility, text);
}

static int event(garnet *g, int fd, uint32_t events)
{
    struct state *s = g->state;
    char bytes[64], why[256];

    (void)events;
    while (read(fd, bytes, sizeof bytes) >
           0) /* before the queue: what comes meanwhile is told anew */
        ;
    while (rd_kafka_poll(s->producer, 0) > 0)
        ;
    if (rd_kafka_fatal_error(s->producer, why, sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return g->host->fail(g, GARNET_FATAL, "%s", why);
    return GARNET_OK;
}

static int deliver(garnet *g, const garnet_batch *b)
{
    struct state *s = g->state;
    rd_kafka_resp_err_t err;

    /* Flags 0: neither copied nor freed. librdkafka promises not to write there. */
    if (rd_kafka_produce(s->topic, RD_KAFKA_PARTITION_UA, 0, (void *)b->data, b->n, NULL, 0,
                         (void *)(uintptr_t)b->id) == 0) {
        g->host->measure(g, WAITING, ++s->waiting);
        return GARNET_PENDING;
    }
    err = rd_kafka_last_error();
    return g->host->fail(g, judge(err), "%s", rd_kafka_err2str(err));
}

/* --- the beginning and the end --- */

static bool set(rd_kafka_conf_t *kc, const char *key, const char *value, char why[256])
{
    return rd_kafka_conf_set(kc, key, value, why, 256) == RD_KAFKA_CONF_OK;
}

/* NULL: `why`. It is Garnet that tries anew; but who wants librdkafka to, may. The last ones this plugin rests on. */
static rd_kafka_conf_t *make_conf(const struct conf *conf, char why[256])
{
    rd_kafka_conf_t *kc = rd_kafka_conf_new();
    bool ok = set(kc, "message.send.max.retries", "0", why);
    char ms[32];

    (void)snprintf(ms, sizeof ms, "%lld", (long long)(conf->timeout / 1000000));
    for (size_t i = 0; ok && i < conf->properties.n; i++)
        ok = set(kc, conf->properties.v[i].key.s, conf->properties.v[i].val.s, why);
    if (ok && set(kc, "bootstrap.servers", conf->brokers, why) &&
        set(kc, "log.queue", "true", why) && set(kc, "message.timeout.ms", ms, why) &&
        set(kc, "acks", "all", why))
        return kc;
    rd_kafka_conf_destroy(kc);
    return NULL;
}

/* Its own threads begin with rd_kafka_new(), so this changes nothing outside. */
static int check(garnet *g)
{
    char why[256];
    rd_kafka_conf_t *kc = make_conf(g->conf, why);

    if (kc == NULL)
        g->host->bad(g, "properties", "%s", why);
    else
        rd_kafka_conf_destroy(kc);
    return GARNET_OK;
}

static bool make_producer(garnet *g, struct state *s)
{
    const struct conf *conf = g->conf;
    char why[256];
    rd_kafka_conf_t *kc = make_conf(conf, why);

    if (kc == NULL) { /* for want of memory: check() has been here */
        (void)g->host->fail(g, GARNET_RETRY, "%s", why);
        return false;
    }
    rd_kafka_conf_set_opaque(kc, g);
    rd_kafka_conf_set_dr_msg_cb(kc, on_report);
    rd_kafka_conf_set_log_cb(kc, on_log);
    s->producer = rd_kafka_new(RD_KAFKA_PRODUCER, kc, why, sizeof why);
    if (s->producer == NULL) {
        (void)g->host->fail(g, GARNET_RETRY, "%s", why);
        rd_kafka_conf_destroy(kc); /* else it is the producer's */
        return false;
    }
    (void)rd_kafka_set_log_queue(s->producer, NULL);
    s->topic = rd_kafka_topic_new(s->producer, conf->topic, NULL);
    if (s->topic == NULL)
        (void)g->host->fail(g, GARNET_RETRY, "topic: %s", rd_kafka_err2str(rd_kafka_last_error()));
    return s->topic != NULL;
}

static bool watch_queue(garnet *g, struct state *s)
{
    if (pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK) < 0 ||
        g->host->watch(g, s->pipe[0], GARNET_READABLE) < 0) {
        (void)g->host->fail(g, GARNET_RETRY, "pipe: %s", strerror(errno));
        return false;
    }
    s->queue = rd_kafka_queue_get_main(s->producer);
    rd_kafka_queue_io_event_enable(s->queue, s->pipe[1], "x", 1);
    return true;
}

/* What has no report yet is given up: it comes again. The bytes are the host's once this has returned, and so the
 * threads end first. */
static void free_state(struct state *s)
{
    s->closing = true;
    if (s->queue != NULL) {
        rd_kafka_queue_io_event_enable(s->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(s->queue);
    }
    if (s->producer != NULL) {
        (void)rd_kafka_purge(s->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_flush(s->producer, 1000);
    }
    if (s->topic != NULL)
        rd_kafka_topic_destroy(s->topic);
    if (s->producer != NULL)
        rd_kafka_destroy(s->producer);
    for (int i = 0; i < 2; i++)
        if (s->pipe[i] >= 0)
            (void)close(s->pipe[i]);
    free(s);
}

static int open_state(garnet *g)
{
    struct state *s = calloc(1, sizeof *s);

    if (s == NULL)
        return g->host->fail(g, GARNET_RETRY, "no memory");
    s->pipe[0] = s->pipe[1] = -1;
    g->state = s;
    if (make_producer(g, s) && watch_queue(g, s))
        return GARNET_OK;
    free_state(s);
    return GARNET_RETRY;
}

static void close_state(garnet *g)
{
    free_state(g->state);
}

/* --- a metric --- */

static void put_field(garnet *g, garnet_str s)
{
    for (size_t i = 0; i < s.n; i++)
        g->host->put(g, strchr(" ;=", s.s[i]) != NULL ? "_" : &s.s[i], 1);
}

static int format(garnet *g, const garnet_metric *m)
{
    put_field(g, m->prefix);
    if (m->prefix.n > 0)
        g->host->put(g, ".", 1);
    put_field(g, m->name);
    for (uint32_t i = 0; i < m->ntags; i++) {
        g->host->put(g, ";", 1);
        put_field(g, m->tags[i].key);
        g->host->put(g, "=", 1);
        put_field(g, m->tags[i].val);
    }
    g->host->put(g, " ", 1);
    g->host->putv(g, m);
    g->host->putf(g, " %lld\n", (long long)m->time_ns);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "kafka", .version = "1", .about = "Messages of lines to a Kafka topic.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .lines = 1,
              .batch_size = "256KiB", .check = check, .open = open_state, .close = close_state,
              .format = format, .deliver = deliver, .event = event, .max_pending = 64,
              GARNET_STATS(stats));
