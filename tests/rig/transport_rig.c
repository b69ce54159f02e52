/* tests/rig/transport_rig.c - poll() for the one descriptor, and then what the outlet would call */
#include "rig/transport_rig.h"

#include "base/log.h"

struct transport_rig transport_rig;
static struct transport *const transport = &transport_rig.transport;

void transport_rig_start(void)
{
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_L_ERROR);
    kit_open(&transport_rig.kit);
    transport->fd = -1;
}

void transport_rig_end(void)
{
    if (transport->fd >= 0)
        transport_close(transport);
    kit_close(&transport_rig.kit);
}

void poll_transport(struct transport *t)
{
    struct pollfd p = {.fd = t->fd,
                       .events = (short)((t->events & LOOP_IN ? POLLIN : 0) |
                                         (t->events & LOOP_OUT ? POLLOUT : 0))};

    if (poll(&p, 1, 1) > 0)
        t->kind->ready(t, (p.revents & POLLIN ? (uint32_t)LOOP_IN : 0) |
                              (p.revents & POLLOUT ? (uint32_t)LOOP_OUT : 0) |
                              (p.revents & (POLLHUP | POLLERR) ? (uint32_t)LOOP_HUP : 0));
}

void turn_transport(void)
{
    poll_transport(transport);
    if (transport->state != TRANSPORT_DOWN && transport->kind->update != NULL)
        transport->kind->update(transport);
}

void write_whole(const char *text)
{
    cr_assert_eq(transport->kind->write(transport, text, strlen(text)), (ssize_t)strlen(text), "%s",
                 transport->why.text);
}

void expect_received(int fd, const char *text)
{
    char got[128];
    ssize_t n = recv(fd, got, sizeof got, 0);

    cr_assert(n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0, "got %.*s",
              (int)(n > 0 ? n : 0), got);
}

void expect_down(const char *why)
{
    cr_assert_eq(transport->state, TRANSPORT_DOWN);
    cr_assert_str_eq(transport->why.text, why);
    transport_close(transport);
}
