/* control/wire.h - the bytes of one client of the control socket: lines come in, replies go out
 *
 * Nothing here waits, and nothing is read while a reply is on its way; the owner decides what comes next.
 */
#pragma once
#include "control/reply.h"
#include "control/request.h"

struct wire {
    int fd;                 /* the owner's to open and close */
    char got[CONTROL_LINE]; /* what has come and is not taken yet */
    size_t ngot;
    struct control_reply *reply; /* on its way; or NULL */
    size_t sent;                 /* of that */
};

/* Reads what there is. The end of what comes ends a line, too. False: the client is gone, or has no more to ask. */
bool wire_read(struct wire *w);
enum wire_line { WIRE_LINE, WIRE_NONE, WIRE_TOO_LONG };
/* The next line, without its end, into line[]; WIRE_NONE: it is not whole yet. One that is too long is dropped. */
enum wire_line wire_take(struct wire *w, char line[CONTROL_LINE], size_t *n);
/* Takes a reference. Before, none is on its way. */
void wire_reply(struct wire *w, struct control_reply *t);
/* Writes what the client takes now, up to a piece; at the end `reply` is NULL again. False: the client is gone. */
bool wire_write(struct wire *w);
void wire_end(struct wire *w); /* lets go of the reply */
