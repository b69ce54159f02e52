/* delivery/outlet.c over UDP: what is refused goes to the name's next address, then to the next endpoint,
 * with one datagram on trial each; and what counts as in doubt. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/log.h"
#include "delivery/outlet.h"
#include "rig/sink_kit.h"
#include "rig/until.h"

static struct kit k;
static struct loop *loop;
static struct outlet o;
static struct stream_loss loss; /* the last one */
static unsigned losses;
static int receivers[2]; /* at 127.0.0.1 and 127.0.0.2; -1: nobody listens there */
static uint16_t ports[2];
static const char *uris[2];
static unsigned look_ups;

/* "two" is 127.0.0.1 and 127.0.0.2, anything else 127.0.0.1; on the port that is asked for. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **list)
{
    static struct sockaddr_in a[2];
    static struct addrinfo found[2];

    look_ups++;
    for (int i = 0; i < 2; i++) {
        a[i] = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)atoi(port)),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i)};
        found[i] = (struct addrinfo){.ai_family = AF_INET,
                                     .ai_socktype = hints->ai_socktype,
                                     .ai_addrlen = sizeof a[i],
                                     .ai_addr = (struct sockaddr *)&a[i]};
    }
    found[0].ai_next = strcmp(host, "two") == 0 ? &found[1] : NULL;
    *list = found;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}

static void listens(int i)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(ports[i]),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i)};
    socklen_t n = sizeof a;

    receivers[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(receivers[i], (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(getsockname(receivers[i], (struct sockaddr *)&a, &n), 0);
    ports[i] = ntohs(a.sin_port);
}

static void ends(int i)
{
    close(receivers[i]);
    receivers[i] = -1;
}

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    kit_sink(&k, "x", "{name: main}");
    loop = loop_new();
    cr_assert_not_null(loop);
    listens(0);
    listens(1);
}

static void teardown(void)
{
    outlet_free(&o);
    for (int i = 0; i < 2; i++)
        if (receivers[i] >= 0)
            ends(i);
    loop_free(loop);
    kit_close(&k);
}

TestSuite(outlet_udp, .init = setup, .fini = teardown, .timeout = 60);

static void begins(size_t endpoints, bool repeatable)
{
    k.sink.to = (struct strings){uris, endpoints};
    outlet_init(&o, loop, &k.sink, repeatable, false);
}

static void turn(void)
{
    int64_t due;

    losses += outlet_turn(&o, clock_mono(), &loss);
    due = outlet_due(&o, clock_mono());
    (void)loop_turn(loop, due < 0 || due > 5 * NS_PER_MS ? 5 * NS_PER_MS : due);
}

#define UNTIL(condition) UNTIL_WITH(turn, condition)

static void writes(const char *text)
{
    UNTIL(outlet_up(&o));
    cr_assert_eq(stream_write(&o.stream, text, strlen(text)), strlen(text));
}

static void gets(int i, const char *text)
{
    char got[16];

    UNTIL(recv(receivers[i], got, sizeof got, MSG_DONTWAIT) == (ssize_t)strlen(text));
    cr_assert_eq(memcmp(got, text, strlen(text)), 0);
}

Test(outlet_udp, the_next_address_of_the_name)
{
    uris[0] = arena_printf(&k.arena, "udp://two:%d", ports[1]); /* nobody at the first */
    begins(1, true);
    writes("a");
    UNTIL(losses == 1);
    cr_assert_eq(loss.kept, 0);
    cr_assert_eq(loss.sure, 0);
    writes("a"); /* at once, and on trial */
    cr_assert_eq(stream_write(&o.stream, "b", 1), 0);
    gets(1, "a");
    cr_assert_eq(look_ups, 2);
    cr_assert_eq(stream_settled(&o.stream), 0);
    UNTIL(stream_settled(&o.stream) == 1);
    cr_assert(o.works);
    writes("b");
    gets(1, "b");
    cr_assert_eq(losses, 1);
}

Test(outlet_udp, then_the_next_endpoint)
{
    uris[0] = arena_printf(&k.arena, "udp://two:1");
    uris[1] = arena_printf(&k.arena, "udp://one:%d", ports[0]);
    begins(2, true);
    for (unsigned i = 1; i <= 2; i++) {
        writes("a");
        UNTIL(losses == i);
        cr_assert_eq(o.at, i - 1);
    }
    writes("a");
    gets(0, "a");
    UNTIL(stream_settled(&o.stream) == 1);
    cr_assert_eq(o.complaints, 0);
}

/* What the kernel took has passed; what may have been refused is told apart. */
Test(outlet_udp, what_must_not_come_twice)
{
    uris[0] = arena_printf(&k.arena, "udp://one:%d", ports[0]);
    begins(1, false);
    writes("a");
    cr_assert_eq(stream_settled(&o.stream), 1);
    cr_assert_eq(stream_sure(&o.stream), 0);
    UNTIL(stream_sure(&o.stream) == 1);
    writes("bb");
    gets(0, "a");
    ends(0);
    writes("ccc"); /* comes back: the two may both be lost */
    UNTIL(losses == 1);
    cr_assert_eq(loss.kept, 6);
    cr_assert_eq(loss.sure, 1);
    cr_assert_not(loss.certain);
    writes("bb"); /* nobody else: after a pause, on trial */
    UNTIL(losses == 2);
    cr_assert_eq(loss.kept, 2);
    cr_assert_eq(loss.sure, 0);
    cr_assert(loss.certain);
    listens(0);
    writes("bb");
    gets(0, "bb");
    UNTIL(stream_sure(&o.stream) == 2);
}

/* It cannot show that it is there but by taking something; each time in vain is the last for longer. */
Test(outlet_udp, going_back_to_the_first_is_a_trial)
{
    uris[0] = arena_printf(&k.arena, "udp://one:1");
    uris[1] = arena_printf(&k.arena, "udp://one:%d", ports[0]);
    begins(2, false);
    writes("a");
    UNTIL(losses == 1);
    writes("a");
    UNTIL(o.works);
    UNTIL(o.first.t.state == TRANSPORT_UP);
    o.first.t.opened_ns -= 61 * NS_PER_S;
    UNTIL(o.at == 0);
    cr_assert_eq(loss.sure, loss.kept); /* nothing was refused */
    writes("b");
    cr_assert_eq(stream_write(&o.stream, "c", 1), 0);
    UNTIL(o.at == 1);
    cr_assert_eq(o.returns, 1);
    writes("b");
    UNTIL(o.works);
    UNTIL(o.first.t.state == TRANSPORT_UP);
    o.first.t.opened_ns -= 61 * NS_PER_S;
    turn();
    cr_assert_eq(o.at, 1);
    o.first.t.opened_ns -= 60 * NS_PER_S;
    UNTIL(o.at == 0);
}
