/* delivery/transport/unixgram.c - datagrams within this machine
 *
 * What the kernel took is in the receiver's queue, and counts as confirmed; what the receiver
 * has not read when it ends is lost. A full queue is waited for. A receiver that is started anew
 * takes the path and leaves the old socket to whoever still holds it: so before each datagram the
 * path is looked at, and connected to again where it names another one. Goes down with a reason when
 * there is no such socket, or nobody has it open.
 */
#include "delivery/transport/unixgram.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "delivery/datagram.h"
#include "delivery/socket.h"

static int unixgram_open(struct transport *t)
{
    int fd = socket_to_path(t, SOCK_DGRAM);

    if (fd < 0)
        return -1;
    transport_start(t, fd, TRANSPORT_UP, POLLIN);
    return 0;
}

static ssize_t unixgram_write(struct transport *t, const void *p, size_t n)
{
    ssize_t done;

    if (socket_path_names(t) != SOCKET_PATH_SAME && socket_connect_path(t, t->fd) < 0)
        return -1;
    done = datagram_send(t, p, n);
    return done >= 0 ? done : transport_fail(t, "the receiver has gone: %s", strerror(errno));
}

static void unixgram_ready(struct transport *t, short revents)
{
    if (datagram_ready(t, revents) < 0)
        (void)transport_fail(t, "the receiver has gone: %s", strerror(errno));
}

const struct transport_kind transport_unixgram = {
    .scheme = "unixgram",
    .place = TRANSPORT_PATH,
    .packet = 8192,
    .open = unixgram_open,
    .ready = unixgram_ready,
    .write = unixgram_write,
    .update = transport_no_update,
    .close = transport_close,
};
