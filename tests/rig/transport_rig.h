/* tests/rig/transport_rig.h - one transport over a socket, driven as the outlet drives it
 *
 * TestSuite(x, .init = transport_rig_start, .fini = transport_rig_end). All assert. */
#pragma once
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "delivery/transport.h"
#include "rig/sink_kit.h"
#include "rig/until.h"

extern struct transport_rig {
    struct kit kit;
    struct transport transport;
} transport_rig;

void transport_rig_start(void); /* no transport yet: link_transport() is the test's */
void transport_rig_end(void);

void poll_transport(struct transport *t); /* for what it waits for, and ready() */
/* Likewise, and one look at what has arrived. */
void turn_transport(void);
#define UNTIL(condition) UNTIL_WITH(turn_transport, condition)

void write_whole(const char *text);
void expect_received(int fd, const char *text);
void expect_down(const char *why); /* and closes it */
