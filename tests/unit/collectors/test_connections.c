/* The connections collector: what the kernel answers, and what it never should. The test is the kernel. */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig/host_rig.h"

enum { PARTS = 16 };

/* What comes of each recvmsg(), one after the other. */
static struct part {
    int error; /* errno; 0: a message of n bytes */
    int flags;
    uint32_t from;
    size_t n;
    char bytes[40000];
} parts[PARTS];
static size_t nparts, at, asked;
static int refused; /* errno of socket() */
static unsigned char families[PARTS];
static uint32_t states;

/* --- in place of the system's: tests/CMakeLists.txt --- */

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
ssize_t __wrap_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
                      socklen_t size);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);

int __wrap_socket(int domain, int type, int protocol)
{
    if (domain != AF_NETLINK)
        return __real_socket(domain, type, protocol);
    errno = refused;
    return refused != 0 ? -1 : __real_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

ssize_t __wrap_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
                      socklen_t size)
{
    struct inet_diag_req_v2 body;

    (void)fd, (void)flags, (void)to, (void)size;
    memcpy(&body, (const char *)p + sizeof(struct nlmsghdr), sizeof body);
    cr_assert_eq(n, sizeof(struct nlmsghdr) + sizeof body);
    families[asked++] = body.sdiag_family;
    states = body.idiag_states;
    return (ssize_t)n;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
    const struct part *p = &parts[at];
    struct sockaddr_nl from = {.nl_family = AF_NETLINK, .nl_pid = p->from};
    size_t n = p->n < m->msg_iov->iov_len ? p->n : m->msg_iov->iov_len;

    (void)fd, (void)flags;
    cr_assert_lt(at, nparts, "asked for more than there is");
    at++;
    errno = p->error;
    if (p->error != 0)
        return -1;
    memcpy(m->msg_iov->iov_base, p->bytes, n);
    memcpy(m->msg_name, &from, sizeof from);
    m->msg_namelen = sizeof from;
    m->msg_flags = p->flags | (n < p->n ? MSG_TRUNC : 0);
    return (ssize_t)n;
}

/* --- what it says --- */

static struct host_rig r;

static void open_rig(void)
{
    host_rig_open(&r);
    r.h.proc = "/proc";
}

static void close_rig(void)
{
    host_rig_close(&r);
}

TestSuite(connections, .init = open_rig, .fini = close_rig);

static void begin(void)
{
    nparts = at = asked = 0;
    memset(parts, 0, sizeof parts);
}

/* A message in the part before which part() stands. */
static void message(unsigned type, unsigned flags, const void *body, size_t n)
{
    struct part *p = &parts[nparts];
    const struct nlmsghdr head = {.nlmsg_len = (uint32_t)(sizeof head + n),
                                  .nlmsg_type = (uint16_t)type,
                                  .nlmsg_flags = (uint16_t)flags};

    memcpy(p->bytes + p->n, &head, sizeof head);
    if (n > 0)
        memcpy(p->bytes + p->n + sizeof head, body, n);
    p->n += NLMSG_ALIGN(sizeof head + n);
}

static void sockets(unsigned char state, int count, unsigned flags)
{
    const struct inet_diag_msg socket = {.idiag_family = AF_INET, .idiag_state = state};

    while (count-- > 0)
        message(SOCK_DIAG_BY_FAMILY, flags, &socket, sizeof socket);
}

static void last(unsigned type, int error)
{
    message(type, 0, &error, sizeof error);
}

static void part(void)
{
    nparts++;
}

static void fails(int error)
{
    parts[nparts++].error = error;
}

static void says(const char *sent, const char *why, bool absent)
{
    const char *out = host_rig_read(&r, &connections_subject);

    cr_expect_str_eq(r.h.why.text, why);
    cr_expect_eq(r.h.absent, absent);
    if (sent == NULL)
        cr_expect_str_eq(out, "");
    else
        cr_expect_neq(strstr(out, sent), NULL, "%s", out);
    cr_expect_eq(at, nparts, "%zu of %zu parts", at, nparts);
}

Test(connections, of_both_families_and_several_parts_the_sum)
{
    begin();
    sockets(TCP_ESTABLISHED, 3, 0);
    sockets(TCP_LISTEN, 1, 0);
    part();
    fails(EINTR);
    sockets(TCP_TIME_WAIT, 2, 0);
    message(NLMSG_NOOP, 0, "", 0);
    part();
    last(NLMSG_DONE, 0);
    part();
    sockets(TCP_ESTABLISHED, 4, 0);
    sockets(0, 1, 0); /* no state that was asked for */
    sockets(13, 1, 0);
    sockets(255, 1, 0);
    sockets(TCP_CLOSING, 1, 0);
    last(NLMSG_DONE, 0);
    part();
    says("{\"established\":7,\"syn_sent\":0,\"syn_recv\":0,\"fin_wait1\":0,\"fin_wait2\":0,\"time_"
         "wait\":2,\"close\":0,\"close_wait\":0,\"last_ack\":0,\"listen\":1,\"closing\":1}",
         "", false);
    cr_expect_eq(asked, 2);
    cr_expect_eq(families[0], AF_INET);
    cr_expect_eq(families[1], AF_INET6);
    cr_expect_eq(states, 0xffe);
}

Test(connections, what_another_process_says_is_passed_over)
{
    begin();
    sockets(TCP_ESTABLISHED, 5, 0);
    parts[nparts].from = 77;
    part();
    last(NLMSG_DONE, 0);
    part();
    last(NLMSG_DONE, 0);
    part();
    says("\"established\":0", "", false);
}

Test(connections, interrupted_it_is_asked_again_and_nothing_counts_twice)
{
    begin();
    sockets(TCP_ESTABLISHED, 3, NLM_F_DUMP_INTR);
    last(NLMSG_DONE, 0);
    part();
    sockets(TCP_ESTABLISHED, 1, 0);
    part();
    fails(ENOBUFS);
    for (int i = 0; i < 2; i++) {
        sockets(TCP_ESTABLISHED, 2, 0);
        last(NLMSG_DONE, 0);
        part();
    }
    says("\"established\":4", "", false);
    begin();
    sockets(TCP_ESTABLISHED, 3, 0);
    message(NLMSG_OVERRUN, 0, "", 0);
    part();
    for (int i = 0; i < 2; i++) {
        last(NLMSG_DONE, 0);
        part();
    }
    says("\"established\":0", "", false);
    begin();
    for (int i = 0; i < 3; i++) {
        sockets(TCP_ESTABLISHED, 3, 0);
        message(NLMSG_DONE, NLM_F_DUMP_INTR, &(int){0}, sizeof(int));
        part();
    }
    says(NULL, "sock_diag(7): interrupted 3 times", false);
}

Test(connections, a_part_is_no_sum)
{
    begin();
    sockets(TCP_ESTABLISHED, 3, 0);
    last(NLMSG_DONE, 0);
    part();
    fails(EAGAIN);
    says(NULL, "sock_diag(7): the kernel does not answer", false);
    begin();
    sockets(TCP_ESTABLISHED, 3, 0);
    part();
    last(NLMSG_DONE, -ENOMEM);
    part();
    says(NULL, "sock_diag(7): Cannot allocate memory", false);
    begin();
    last(NLMSG_ERROR, -EINVAL);
    part();
    says(NULL, "sock_diag(7): Invalid argument", false);
    begin();
    fails(EIO);
    says(NULL, "sock_diag(7): Input/output error", false);
}

Test(connections, answers_that_break_off)
{
    static const char BROKEN[] = "sock_diag(7): an answer that breaks off";
    uint32_t length;

    for (size_t cut = 1; cut < sizeof(struct nlmsghdr) + sizeof(struct inet_diag_msg); cut++) {
        begin();
        sockets(TCP_ESTABLISHED, 2, 0);
        parts[nparts].n -= cut;
        part();
        says(NULL, BROKEN, false);
    }
    for (size_t i = 0; i < 4; i++) {
        const uint32_t lengths[] = {0, 15, 17, UINT32_MAX};

        begin();
        sockets(TCP_ESTABLISHED, 1, 0);
        length = lengths[i];
        memcpy(parts[nparts].bytes, &length, sizeof length);
        part();
        says(NULL, BROKEN, false);
    }
    begin();
    message(NLMSG_DONE, 0, "", 0);
    part();
    says(NULL, BROKEN, false);
    begin();
    parts[nparts].n = 33000; /* more than was asked for */
    part();
    says(NULL, BROKEN, false);
    begin();
    part(); /* empty */
    says(NULL, BROKEN, false);
}

Test(connections, what_cannot_be_asked_is_absent)
{
    begin();
    last(NLMSG_ERROR, -ENOENT);
    part();
    says(NULL, "sock_diag(7): this kernel does not list TCP sockets (its module tcp_diag)", true);
    begin();
    refused = EAFNOSUPPORT;
    says(NULL,
         "netlink: Address family not supported by protocol: a unit may forbid it "
         "(RestrictAddressFamilies=)",
         true);
    refused = EMFILE;
    says(NULL, "netlink: Too many open files", false);
}

Test(connections, of_another_network_there_is_nothing_to_be_asked)
{
    char why[200], path[200];

    begin();
    r.h.proc = r.proc;
    (void)snprintf(why, sizeof why, "%s has another network than this process, or does not show it",
                   r.proc);
    says(NULL, why, true);
    host_rig_write(&r, "/proc/1/net/dev", "", 0);
    host_rig_write(&r, "/proc/1/ns/net", "", 0);
    says(NULL, why, true);
    (void)snprintf(path, sizeof path, "%s/1/ns/net", r.proc);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("/proc/self/ns/net", path), 0);
    for (int i = 0; i < 2; i++) {
        last(NLMSG_DONE, 0);
        part();
    }
    says("\"established\":0", "", false);
}
