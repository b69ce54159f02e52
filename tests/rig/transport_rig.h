/* tests/rig/transport_rig.h - what the tests of the socket transports share: one transport, driven as the outlet
 * drives it */
#ifndef TRANSPORT_RIG_H
#define TRANSPORT_RIG_H
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "delivery/transports.h"
#include "rig/sink_kit.h"
#include "rig/until.h"

static struct kit k;
static struct transport t;

static void setup(void)
{
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    t.fd = -1;
}

static void teardown(void)
{
    if (t.fd >= 0)
        t.kind->close(&t);
    kit_close(&k);
}

/* One look at what t waits for, with its events. */
static inline void rig_turn(void)
{
    struct pollfd p = {.fd = t.fd, .events = t.events};

    if (poll(&p, 1, 1) > 0)
        t.kind->ready(&t, p.revents);
    if (t.state != TRANSPORT_DOWN)
        t.kind->update(&t);
}

#define UNTIL(condition) UNTIL_WITH(rig_turn, condition)

static inline void rig_put(const char *text)
{
    cr_assert_eq(t.kind->write(&t, text, strlen(text)), (ssize_t)strlen(text), "%s", t.why.text);
}

static inline void rig_gets(int fd, const char *text)
{
    char got[128];
    ssize_t n = recv(fd, got, sizeof got, 0);

    cr_assert(n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0, "got %.*s",
              (int)(n > 0 ? n : 0), got);
}

static inline void rig_down(const char *why)
{
    cr_assert_eq(t.state, TRANSPORT_DOWN);
    cr_assert_str_eq(t.why.text, why);
    t.kind->close(&t);
}

#endif
