/* mock.c - a Kafka cluster in a process of its own, to be killed: librdkafka's mock, and a consumer that keeps what has come
 *
 *   mock RECORD TOPIC PORT PORT PORT
 *
 * Three brokers, with a partition each, on those ports of 127.0.0.1, so that the next one is found where the last one was.
 * The messages' bytes are appended to RECORD. The mock keeps them in memory alone, so what it has acknowledged and not yet
 * written would be lost with it; a real broker's disk is stood in for by the order "die": from then on no
 * message is acknowledged, all that was is written, and then it kills itself with SIGKILL, with requests open.
 * Orders come by standard input, a line each: "down N" and "up N" (a broker), "die". Ends with standard input, or with
 * exit status 1 and a sentence when it cannot go on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BROKERS = 3, PRODUCE = 0, UNANSWERED = 1000, FOREVER_MS = 3600000 };

static int ports[BROKERS], nbound, record = -1;
static const char *topic;
static rd_kafka_mock_cluster_t *cluster;
static rd_kafka_t *consumer;
static int64_t next_offset[BROKERS];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "mock: %s: %s\n", what, why);
    exit(1);
}

/* In place of libc's: the mock asks for any port. */
int bind(int fd, const struct sockaddr *a, socklen_t n)
{
    struct sockaddr_in in;
    int yes = 1;

    if (a->sa_family != AF_INET || nbound == BROKERS)
        return (int)syscall(SYS_bind, fd, a, n);
    memcpy(&in, a, sizeof in);
    in.sin_port = htons((uint16_t)ports[nbound++]);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    return (int)syscall(SYS_bind, fd, &in, sizeof in);
}

/* That a broker is down is what it is for. */
static rd_kafka_conf_t *make_quiet(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    if (rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why) != RD_KAFKA_CONF_OK)
        die("configuration", why);
    return conf;
}

static void make_cluster(void)
{
    char why[256];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, make_quiet(), why, sizeof why);

    if (rk == NULL || (cluster = rd_kafka_mock_cluster_new(rk, BROKERS)) == NULL)
        die("cluster", rk == NULL ? why : strerror(errno));
    if (rd_kafka_mock_topic_create(cluster, topic, BROKERS, 1) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("topic", topic);
    for (int i = 0; i < BROKERS; i++)
        (void)rd_kafka_mock_partition_set_leader(cluster, topic, i, i + 1);
}

static void make_consumer(void)
{
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(BROKERS);
    rd_kafka_conf_t *conf = make_quiet();
    char why[256];

    if (rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster), why,
                          sizeof why) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "group.id", "mock", why, sizeof why) != RD_KAFKA_CONF_OK ||
        (consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why)) == NULL)
        die("consumer", why);
    (void)rd_kafka_poll_set_consumer(consumer);
    for (int i = 0; i < BROKERS; i++)
        rd_kafka_topic_partition_list_add(all, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    if (rd_kafka_assign(consumer, all) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("consumer", "cannot have the partitions");
    rd_kafka_topic_partition_list_destroy(all);
}

static void keep_one(int ms)
{
    rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, ms);

    if (m == NULL)
        return;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (write(record, m->payload, m->len) != (ssize_t)m->len)
            die("record", strerror(errno));
        next_offset[m->partition] = m->offset + 1;
    }
    rd_kafka_message_destroy(m);
}

static void end_by_kill(void)
{
    for (int broker = 1; broker <= BROKERS; broker++) {
        (void)rd_kafka_mock_broker_set_up(cluster, broker);
        for (int i = 0; i < UNANSWERED; i++)
            (void)rd_kafka_mock_broker_push_request_error_rtts(
                cluster, broker, PRODUCE, 1, RD_KAFKA_RESP_ERR_NO_ERROR, FOREVER_MS);
    }
    for (int i = 0; i < BROKERS; i++) {
        int64_t low, high;

        if (rd_kafka_query_watermark_offsets(consumer, topic, i, &low, &high, 20000) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            die("end", "a partition does not answer");
        while (next_offset[i] < high)
            keep_one(50);
    }
    (void)raise(SIGKILL);
}

static void obey(const char *order)
{
    int broker = 0;

    if (sscanf(order, "down %d", &broker) == 1)
        (void)rd_kafka_mock_broker_set_down(cluster, broker);
    else if (sscanf(order, "up %d", &broker) == 1)
        (void)rd_kafka_mock_broker_set_up(cluster, broker);
    else if (strncmp(order, "die", 3) == 0)
        end_by_kill();
    else
        die("no such order", order);
}

int main(int argc, char **argv)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    char order[64];

    if (argc != 3 + BROKERS)
        die("usage", "mock RECORD TOPIC PORT PORT PORT");
    record = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (record < 0)
        die(argv[1], strerror(errno));
    topic = argv[2];
    for (int i = 0; i < BROKERS; i++)
        ports[i] = atoi(argv[3 + i]);
    make_cluster();
    make_consumer();
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    (void)fflush(stdout);
    for (;;) {
        keep_one(20);
        if (poll(&in, 1, 0) <= 0)
            continue;
        if (fgets(order, sizeof order, stdin) == NULL)
            return 0;
        obey(order);
    }
}
