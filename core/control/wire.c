/* control/wire.c - dies of nothing; a client that is gone is what ends it */
#include "control/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fdpass.h"

enum { PIECE = 64 * 1024 }; /* bytes at once at most: the next client has its turn */

bool wire_read(struct wire *w)
{
    ssize_t n = fdpass_recv(w->fd, w->got + w->ngot, sizeof w->got - w->ngot);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n == 0 && w->ngot > 0) {
        w->got[w->ngot] = '\n';
        n = 1;
    }
    if (n <= 0)
        return false;
    w->ngot += (size_t)n;
    return true;
}

enum wire_line wire_take(struct wire *w, char line[CONTROL_LINE], size_t *n)
{
    const char *end = memchr(w->got, '\n', w->ngot);

    if (end == NULL && w->ngot < sizeof w->got)
        return WIRE_NONE;
    if (end == NULL) {
        w->ngot = 0;
        return WIRE_TOO_LONG;
    }
    *n = (size_t)(end - w->got);
    memcpy(line, w->got, *n);
    w->ngot -= *n + 1;
    memmove(w->got, end + 1, w->ngot);
    return WIRE_LINE;
}

void wire_reply(struct wire *w, struct control_reply *t)
{
    t->refs++;
    w->reply = t;
    w->sent = 0;
}

bool wire_write(struct wire *w)
{
    const struct buf *b = &w->reply->bytes;
    size_t left = b->n - w->sent;
    ssize_t n =
        send(w->fd, b->p + w->sent, left < PIECE ? left : PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    w->sent += (size_t)n;
    if (w->sent == b->n)
        wire_end(w);
    return true;
}

void wire_end(struct wire *w)
{
    control_reply_unref(w->reply);
    w->reply = NULL;
}
