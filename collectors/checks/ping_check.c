/* ping_check - whether hosts answer an echo request, and how soon
 *
 * The kernel has sockets for that which need no privilege (net.ipv4.ping_group_range says whose group may); where it refuses
 * one it is a raw one, which takes CAP_NET_RAW. All hosts are asked at the same time, --count times each. A name is looked up
 * in a process of its own (asking.h), and again when it is a minute old or its host was silent.
 * A request to a host of this network that is down waits for its address for three seconds, and in the room that its socket
 * has. So a few hosts have a socket together: many dead ones would take the room of those that live.
 */
#include <errno.h>
#include <linux/icmp.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/random.h"
#include "checks/checks.h"
#include "checks/echo.h"
#include "host/asking.h"

#define FIGURE(key, of_unit, of_field, of_diamond, of_collectd)                                    \
    {                                                                                              \
        .name = "ping." key, .unit = (of_unit), .type = "gauge", .tags = {"host"}, .file = "HOST", \
        .field = (of_field), .diamond = (of_diamond), .collectd = (of_collectd)                    \
    }

static const struct figure FIGURES[] = {
    FIGURE("sent", "pckt", "requests in this round", NULL, NULL),
    FIGURE("received", "pckt", "replies to them", NULL, "ping/ping_droprate-HOST"),
    FIGURE("rtt.min", "ms", "from a request to its reply", NULL, NULL),
    FIGURE("rtt.avg", "ms", "likewise", "ping.HOST", "ping/ping-HOST"),
    FIGURE("rtt.max", "ms", "likewise", NULL, NULL),
};
enum { SENT, RECEIVED, RTT_MIN, RTT_AVG, RTT_MAX };

static const struct subject_option FLAGS[] = {
    {"--ipv4", 1, "looks for IPv4 addresses alone"},
    {"--ipv6", 2, "looks for IPv6 addresses alone"},
    {NULL, 0, NULL},
};
enum { ONLY_V4 = 1, ONLY_V6 = 2 };

static const struct subject_value VALUES[] = {
    {"--count", "N", "requests to each HOST in a round, 200 ms apart; 3"},
    {"--timeout", "TIME", "how long a reply may take; 1s"},
    {NULL, NULL, NULL},
};
enum { COUNT, TIMEOUT };
enum {
    COUNT_MOST = 20,
    PIECE = 64, /* names that are looked up at the same time */
    SHARE = 16, /* hosts with a socket together: 3 s of requests to all of them fit into it */
    SHARES = HOST_WORDS / SHARE, /* lines of IPv4, and then as many of IPv6 */
    LINES = 2 * SHARES,
};
static const int64_t GAP = 200 * NS_PER_MS, LOOK_UP = 5 * NS_PER_S, FRESH = 60 * NS_PER_S;

struct address {
    int error;  /* of getaddrinfo(); 0: the rest is known */
    int number; /* errno, for EAI_SYSTEM */
    socklen_t size;
    struct sockaddr_storage to;
};

struct target {      /* a host, over all rounds; and one round of it */
    char shown[300]; /* in complaints of its look-up */
    struct address at;
    uint64_t token;    /* of this round */
    int64_t looked_up; /* clock_mono(); 0: not yet, or anew */
    unsigned sent, received;
    bool refused;            /* by the kernel, and said */
    int64_t out[COUNT_MOST]; /* when; 0: it was not sent, or its reply is there */
    int64_t least, most, sum;
};

struct line { /* a socket of one family, for some hosts */
    int fd;   /* -1: there is none */
    bool raw, tried;
};

static struct {
    int64_t count, timeout;
    int family;
    struct target *targets;
} options;

struct round {
    struct host *h;
    struct line lines[LINES];
    bool complained[2]; /* that there is no socket of IPv4, of IPv6 */
    uint16_t id;
};

/* --- names --- */

static void look_up_as(const char *name, int flags, struct address *a)
{
    const struct addrinfo hints = {
        .ai_family = options.family, .ai_socktype = SOCK_DGRAM, .ai_flags = flags};
    struct addrinfo *list = NULL;

    *a = (struct address){.error = getaddrinfo(name, NULL, &hints, &list)};
    a->number = errno;
    if (a->error != 0)
        return;
    a->size = list->ai_addrlen <= sizeof a->to ? list->ai_addrlen : 0;
    memcpy(&a->to, list->ai_addr, a->size);
    freeaddrinfo(list);
}

/* In the process. */
static void look_up(const void *arg, void *answer)
{
    look_up_as(arg, AI_ADDRCONFIG, answer);
}

static bool is_fresh(const struct target *t)
{
    return t->looked_up != 0 && clock_mono() - t->looked_up < FRESH;
}

static void take_address(struct host *h, const char *name, struct target *t,
                         const struct address *a)
{
    t->at = *a;
    t->looked_up = a->error == 0 ? clock_mono() : 0;
    if (a->error == 0)
        return;
    host_remark(h, "%s: its name cannot be looked up: %s", name,
                a->error == EAI_SYSTEM ? strerror(a->number) : gai_strerror(a->error));
}

/* Some that are names, at the same time. Returns where to go on. */
static size_t look_up_some(struct host *h, size_t from)
{
    struct asking asking[PIECE];
    size_t which[PIECE], n = 0;
    int64_t until = clock_mono() + LOOK_UP;
    struct address a;

    for (; from < h->nwords && n < PIECE; from++) {
        struct target *t = &options.targets[from];

        if (is_fresh(t))
            continue;
        look_up_as(h->words[from], AI_NUMERICHOST, &a);
        if (a.error == 0) {
            take_address(h, h->words[from], t, &a);
            continue;
        }
        (void)snprintf(t->shown, sizeof t->shown, "the look-up of %s", h->words[from]);
        asking_begin(h, &asking[n],
                     &(struct question){.shown = t->shown,
                                        .key = h->words[from],
                                        .ask = look_up,
                                        .about = h->words[from],
                                        .size = sizeof a});
        which[n++] = from;
    }
    for (size_t i = 0; i < n; i++)
        if (asking_end(h, &asking[i], until, &a))
            take_address(h, h->words[which[i]], &options.targets[which[i]], &a);
    until = clock_mono() + ASKING_KILLED;
    for (size_t i = 0; i < n; i++)
        asking_reap(&asking[i], until);
    return from;
}

/* --- sockets --- */

static void filter_raw(int fd, bool v6)
{
    const struct icmp_filter v4 = {.data = ~(1U << ICMP_ECHOREPLY)};
    struct icmp6_filter replies;

    ICMP6_FILTER_SETBLOCKALL(&replies);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &replies);
    if (v6)
        (void)setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &replies, sizeof replies);
    else
        (void)setsockopt(fd, SOL_RAW, ICMP_FILTER, &v4, sizeof v4);
}

static struct line *line_of(struct round *r, size_t i)
{
    bool v6 = options.targets[i].at.to.ss_family == AF_INET6;

    return &r->lines[i / SHARE + (v6 ? SHARES : 0)];
}

static void open_line(struct round *r, struct line *line, bool v6)
{
    struct host *h = r->h;
    int family = v6 ? AF_INET6 : AF_INET, protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

    line->tried = true;
    line->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (line->fd < 0 && (errno == EACCES || errno == EPERM)) {
        line->raw = true;
        line->fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    }
    if (line->fd >= 0 && line->raw)
        filter_raw(line->fd, v6);
    if (line->fd >= 0 || r->complained[v6])
        return;
    r->complained[v6] = true;
    if (errno == EACCES || errno == EPERM)
        host_complain(h,
                      "no right to send echo requests: let the sysctl net.ipv4.ping_group_range "
                      "have group %u, or give this CAP_NET_RAW",
                      (unsigned)getegid());
    else
        host_complain(h, "no socket for ICMP of %s: %m", v6 ? "IPv6" : "IPv4");
}

/* --- requests and replies --- */

static void take_reply(struct round *r, const struct echo *e, int64_t now)
{
    struct target *t;
    int64_t rtt;

    if (e->host >= r->h->nwords || e->sequence >= (uint64_t)options.count)
        return;
    t = &options.targets[e->host];
    rtt = now - t->out[e->sequence];
    if (e->token != t->token || t->out[e->sequence] == 0 || rtt > options.timeout)
        return; /* not its own, the second one of the same, or too late */
    t->out[e->sequence] = 0;
    t->least = t->received == 0 || rtt < t->least ? rtt : t->least;
    t->most = rtt > t->most ? rtt : t->most;
    t->sum += rtt;
    t->received++;
}

/* What is there by now; somebody who floods us keeps us no longer than `until`. */
static void receive(struct round *r, int64_t until)
{
    uint8_t packet[ECHO_MOST];
    struct echo e;
    ssize_t n;

    for (int i = 0; i < LINES; i++) {
        const struct line *line = &r->lines[i];
        bool v6 = i >= SHARES;
        int64_t now = clock_mono();

        while (line->fd >= 0 && now <= until &&
               ((n = recv(line->fd, packet, sizeof packet, 0)) >= 0 || errno == EINTR)) {
            now = clock_mono();
            if (n >= 0 && echo_read(packet, (size_t)n, v6, line->raw && !v6, &e))
                take_reply(r, &e, now);
        }
    }
}

static void send_to(struct round *r, uint32_t i, uint32_t sequence)
{
    struct target *t = &options.targets[i];
    bool v6 = t->at.to.ss_family == AF_INET6;
    struct line *line = line_of(r, i);
    const struct echo e = {.token = t->token, .host = i, .sequence = sequence};
    uint8_t packet[ECHO_SIZE];

    if (!line->tried)
        open_line(r, line, v6);
    if (line->fd < 0)
        return;
    echo_write(packet, v6, r->id, &e);
    t->out[sequence] = clock_mono();
    if (sendto(line->fd, packet, sizeof packet, 0, (const struct sockaddr *)&t->at.to,
               t->at.size) == (ssize_t)sizeof packet) {
        t->sent++;
        return;
    }
    t->out[sequence] = 0;
    if (!t->refused)
        host_remark(r->h, "%s: cannot send to it: %m", r->h->words[i]);
    t->refused = true;
}

static bool all_answered(const struct host *h)
{
    for (size_t i = 0; i < h->nwords; i++)
        if (options.targets[i].received < options.targets[i].sent)
            return false;
    return true;
}

/* Replies until then, or, where nothing follows, until all are there. */
static void await(struct round *r, int64_t until, bool last)
{
    struct pollfd p[LINES];
    int64_t left;

    for (int i = 0; i < LINES; i++)
        p[i] = (struct pollfd){.fd = r->lines[i].fd, .events = POLLIN};
    while ((left = until - clock_mono()) > 0 && !(last && all_answered(r->h))) {
        (void)poll(p, LINES, (int)(left / NS_PER_MS) + 1);
        receive(r, until);
    }
}

static void send_all(struct round *r)
{
    for (uint32_t sequence = 0; sequence < (uint32_t)options.count; sequence++) {
        int64_t begin = clock_mono();
        bool last = sequence + 1 == (uint32_t)options.count, any = false;

        for (uint32_t i = 0; i < r->h->nwords; i++)
            if (options.targets[i].looked_up != 0) {
                send_to(r, i, sequence);
                receive(r, begin + GAP); /* or many replies would not fit into its buffer */
                any = any || options.targets[i].sent > 0;
            }
        if (!any)
            return;
        await(r, last ? clock_mono() + options.timeout : begin + GAP, last);
    }
}

/* --- a round --- */

static void put_ms(struct host *h, int figure, int64_t ns)
{
    samples_f64(&h->out, &FIGURES[figure], (double)ns / (double)NS_PER_MS);
}

static void put_target(struct host *h, const char *name, const struct target *t)
{
    if (!host_tag(h, str_of(name)))
        return;
    samples_u64(&h->out, &FIGURES[SENT], t->sent);
    samples_u64(&h->out, &FIGURES[RECEIVED], t->received);
    if (t->received > 0) {
        put_ms(h, RTT_MIN, t->least);
        put_ms(h, RTT_AVG, t->sum / t->received);
        put_ms(h, RTT_MAX, t->most);
    }
}

static void ping_check_read(struct host *h)
{
    struct round r = {.h = h, .id = (uint16_t)random_u64()};

    for (int i = 0; i < LINES; i++)
        r.lines[i].fd = -1;
    for (size_t i = 0; i < h->nwords; i++) {
        struct target *t = &options.targets[i];

        t->sent = t->received = 0;
        t->refused = false;
        t->token = random_u64();
        t->least = t->most = t->sum = 0;
        memset(t->out, 0, sizeof t->out);
    }
    for (size_t i = 0; i < h->nwords;)
        i = look_up_some(h, i);
    send_all(&r);
    for (size_t i = 0; i < h->nwords; i++) {
        struct target *t = &options.targets[i];

        if (t->looked_up == 0 || line_of(&r, i)->fd >= 0)
            put_target(h, h->words[i], t); /* else it could not be asked, and nothing is known */
        if (t->received == 0)
            t->looked_up = 0;
    }
    for (int i = 0; i < LINES; i++)
        fd_close(&r.lines[i].fd);
}

static bool ping_check_prepare(struct host *h, struct why *why)
{
    bool v4 = (h->options & ONLY_V4) != 0, v6 = (h->options & ONLY_V6) != 0;

    options.family = v4 == v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6;
    options.targets = calloc(h->nwords, sizeof *options.targets);
    return (options.targets != NULL || why_set(why, "out of memory")) &&
           check_int(h->values[COUNT], "--count", 1, COUNT_MOST, 3, &options.count, why) &&
           check_time(h->values[TIMEOUT], "1s", &options.timeout, why);
}

const struct subject ping_check_subject = {
    .name = "ping-check",
    .about = "how many echo requests each HOST (a name or an address) answers, and how soon",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = ping_check_read,
    .options = FLAGS,
    .elsewhere = true,
    .words = "HOST...",
    .needs_words = true,
    .values = VALUES,
    .prepare = ping_check_prepare,
};
