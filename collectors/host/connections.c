/* connections - how many TCP sockets are in which state, over IPv4 and IPv6 together
 *
 * Asked of the kernel by netlink, sock_diag(7), of this network namespace. It tells of each socket, in parts, which are counted
 * and not kept: so memory is the same however many there are, but time is not, and this is a program of its own beside `host`.
 * It is no snapshot: what changes its state while the kernel walks its table may count twice, or not at all.
 *
 * All or nothing: a sum of a part is another number. /proc/net/tcp, which says the same at the same cost (2 us a socket), is no
 * second way where netlink is forbidden or not built in: the kernel's documentation calls it deprecated, and the shipped
 * unit allows netlink.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "host/host.h"

#define SOURCE "sock_diag(7)"
#define STATE(in_kernel, key, of_collectd)                                                         \
    {                                                                                              \
        .name = "connections.tcp." key, .unit = "sock", .type = "gauge", .file = SOURCE,           \
        .field = "TCP_" in_kernel, .diamond = "netstat." in_kernel,                                \
        .collectd = "tcpconns-all/tcp_connections-" of_collectd,                                   \
        .node_exporter = "node_tcp_connection_states{state=\"" key "\"}"                           \
    }

/* In the order of the kernel's numbers, from TCP_ESTABLISHED on. */
static const struct figure FIGURES[] = {
    STATE("ESTABLISHED", "established", "ESTABLISHED"),
    STATE("SYN_SENT", "syn_sent", "SYN_SENT"),
    STATE("SYN_RECV", "syn_recv", "SYN_RECV"),
    STATE("FIN_WAIT1", "fin_wait1", "FIN_WAIT1"),
    STATE("FIN_WAIT2", "fin_wait2", "FIN_WAIT2"),
    STATE("TIME_WAIT", "time_wait", "TIME_WAIT"),
    STATE("CLOSE", "close", "CLOSED"),
    STATE("CLOSE_WAIT", "close_wait", "CLOSE_WAIT"),
    STATE("LAST_ACK", "last_ack", "LAST_ACK"),
    STATE("LISTEN", "listen", "LISTEN"),
    STATE("CLOSING", "closing", "CLOSING"),
};
enum {
    STATES = sizeof FIGURES / sizeof *FIGURES,
    ALL_STATES = (1 << (STATES + 1)) - (1 << TCP_ESTABLISHED), /* bits of the kernel's numbers */
    ANSWER = 32 << 10,                                         /* the kernel sends no larger part */
    TRIES = 3,
};
static const int64_t PATIENCE =
    2 * NS_PER_S; /* for a part; the kernel makes it as it is asked for */

enum outcome { MORE, COMPLETE, INTERRUPTED, FAILED };

struct walk { /* of one family's sockets */
    struct host *h;
    int fd;
    bool interrupted; /* the kernel says that what it listed was changed meanwhile */
    uint64_t *counts; /* by state, from TCP_ESTABLISHED on */
};

static bool ask(int fd, unsigned char family)
{
    const struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } request = {.head = {.nlmsg_len = sizeof request,
                          .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                 .body = {.sdiag_family = family,
                          .sdiag_protocol = IPPROTO_TCP,
                          .idiag_states = ALL_STATES}};
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n;

    do
        n = sendto(fd, &request, sizeof request, 0, (const struct sockaddr *)&kernel,
                   sizeof kernel);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof request;
}

/* 0 is none, as at the end of a list. */
static enum outcome refuse(const struct walk *w, int error)
{
    errno = error;
    if (error == 0)
        return w->interrupted ? INTERRUPTED : COMPLETE;
    if (error == ENOENT)
        host_miss(w->h, SOURCE ": this kernel does not list TCP sockets (its module tcp_diag)");
    else
        host_complain(w->h, SOURCE ": %m");
    return FAILED;
}

static enum outcome garble(const struct walk *w)
{
    host_complain(w->h, SOURCE ": an answer that breaks off");
    return FAILED;
}

/* A message with n bytes behind its header. */
static enum outcome take(struct walk *w, const struct nlmsghdr *head, const char *body, size_t n)
{
    struct inet_diag_msg socket;
    int error = 0;

    w->interrupted = w->interrupted || (head->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    switch (head->nlmsg_type) {
    case NLMSG_DONE:
    case NLMSG_ERROR: /* either begins with the error, which is negative; 0: none */
        if (n < sizeof error)
            return garble(w);
        memcpy(&error, body, sizeof error);
        return refuse(w, -error);
    case NLMSG_OVERRUN: /* something was dropped */
        return INTERRUPTED;
    case SOCK_DIAG_BY_FAMILY:
        if (n < sizeof socket)
            return garble(w);
        memcpy(&socket, body, sizeof socket);
        if (socket.idiag_state >= TCP_ESTABLISHED && socket.idiag_state <= STATES)
            w->counts[socket.idiag_state - TCP_ESTABLISHED]++;
        return MORE;
    default:
        return MORE;
    }
}

/* All messages of a part. */
static enum outcome take_part(struct walk *w, const char *p, size_t n)
{
    enum outcome outcome = MORE;
    struct nlmsghdr head;

    while (outcome == MORE && n > 0) {
        size_t step;

        if (n < sizeof head)
            return garble(w);
        memcpy(&head, p, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > n)
            return garble(w);
        outcome = take(w, &head, p + sizeof head, head.nlmsg_len - sizeof head);
        step = NLMSG_ALIGN((size_t)head.nlmsg_len);
        p += step < n ? step : n;
        n -= step < n ? step : n;
    }
    return outcome;
}

/* The next part, of which *n are there; those that are not the kernel's are passed over. */
static enum outcome receive(const struct walk *w, char part[ANSWER], size_t *n)
{
    struct sockaddr_nl from;
    struct iovec space = {.iov_base = part, .iov_len = ANSWER};
    ssize_t got;

    for (;;) {
        struct msghdr m = {
            .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &space, .msg_iovlen = 1};

        got = recvmsg(w->fd, &m, 0);
        if (got < 0 && errno == EINTR) /* stopped, and told to go on */
            continue;
        if (got < 0 && errno == ENOBUFS) /* something was dropped */
            return INTERRUPTED;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            host_complain(w->h, SOURCE ": the kernel does not answer");
            return FAILED;
        }
        if (got < 0)
            return refuse(w, errno);
        if (got == 0 || (m.msg_flags & MSG_TRUNC) != 0)
            return garble(w);
        *n = (size_t)got;
        if (m.msg_namelen == sizeof from && from.nl_pid == 0)
            return MORE;
    }
}

/* All sockets of a family, over a connection of its own: nothing of a walk that was given up is in the next one's way. */
static enum outcome walk(struct host *h, unsigned char family, uint64_t counts[STATES])
{
    const struct timespec patience = clock_timespec(PATIENCE);
    const struct timeval limit = {.tv_sec = patience.tv_sec, .tv_usec = patience.tv_nsec / 1000};
    struct walk w = {.h = h, .counts = counts};
    enum outcome outcome = MORE;
    char part[ANSWER];
    size_t n;

    w.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (w.fd < 0) {
        if (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == EPERM || errno == EACCES)
            host_miss(h, "netlink: %m: a unit may forbid it (RestrictAddressFamilies=)");
        else
            host_complain(h, "netlink: %m");
        return FAILED;
    }
    if (setsockopt(w.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 || !ask(w.fd, family))
        outcome = refuse(&w, errno);
    while (outcome == MORE) {
        outcome = receive(&w, part, &n);
        if (outcome == MORE)
            outcome = take_part(&w, part, n);
    }
    fd_close(&w.fd);
    return outcome;
}

/* Whether the host that is asked for by --proc has our network: the kernel tells of no other. */
static bool is_ours(const struct host *h)
{
    static const char NAME[] = "/proc/self/ns/net";
    char path[4096];
    struct stat ours, its;

    return strcmp(h->proc, "/proc") == 0 ||
           (stat(NAME, &ours) == 0 && stat(host_path(h, NAME, path, sizeof path), &its) == 0 &&
            ours.st_dev == its.st_dev && ours.st_ino == its.st_ino);
}

static void connections_read(struct host *h)
{
    static const unsigned char FAMILIES[] = {AF_INET, AF_INET6};
    enum outcome outcome = INTERRUPTED;
    uint64_t counts[STATES];

    if (!is_ours(h)) {
        host_miss(h, "%s has another network than this process, or does not show it", h->proc);
        return;
    }
    for (int i = 0; i < TRIES && outcome == INTERRUPTED; i++) {
        memset(counts, 0, sizeof counts);
        outcome = COMPLETE;
        for (size_t k = 0; k < sizeof FAMILIES && outcome == COMPLETE; k++)
            outcome = walk(h, FAMILIES[k], counts);
    }
    if (outcome == INTERRUPTED)
        host_complain(h, SOURCE ": interrupted %d times", TRIES);
    for (size_t i = 0; i < STATES && outcome == COMPLETE; i++)
        host_u64(h, &FIGURES[i], counts[i]);
}

const struct subject connections_subject = {
    .name = "connections",
    .about = "TCP sockets by state: connections.tcp.established, connections.tcp.time_wait, ...",
    .figures = FIGURES,
    .nfigures = STATES,
    .read = connections_read,
    .optional = true,
};
