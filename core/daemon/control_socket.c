/* daemon/control_socket.c - dies of nothing: without a socket it is logged once, and tried again; without memory for a
 * receipt, those who wait for it are hung up on
 */
#include "daemon/control_socket.h"

#include "base/log.h"
#include "base/socket_file.h"
#include "daemon/generation.h"
#include "daemon/receipt.h"
#include "daemon/reload.h"
#include "daemon/sockets.h"

void control_socket_open(struct control_socket *s, const struct conf_control *c)
{
    struct why why;

    if (control_listens(s->control))
        return;
    if (sockets_open_control(s->control, c, &s->locked, &why)) {
        if (s->mute)
            log_info("garnetd answers at %s now", c->path);
        s->mute = false;
        return;
    }
    if (!s->mute)
        log_error("control socket: %s; trying again: without it `garnet status` and its like get "
                  "no answer",
                  why.text);
    s->mute = true;
}

void control_socket_reloaded(struct control_socket *s, const struct reload *r,
                             struct generation *now, const struct generation *next)
{
    struct buf receipt = {0};

    if (s->before == NULL)
        s->before = generation_ref(now);
    if (r->again)
        return;
    receipt_put(&receipt, s->before->conf, next != NULL ? next->conf : NULL, &r->wrong);
    control_reloaded(s->control, buf_ok(&receipt) ? &receipt : NULL);
    buf_free(&receipt);
    generation_unref(s->before);
    s->before = NULL;
}

void control_socket_no_more(struct control_socket *s)
{
    if (s->control != NULL)
        control_reloaded(s->control, NULL);
}

void control_socket_end(struct control_socket *s, const struct conf_control *c)
{
    if (s->control != NULL && c != NULL && control_listens(s->control))
        socket_remove(c->path, c->own_groups);
    control_free(s->control);
    s->control = NULL;
    generation_unref(s->before);
    s->before = NULL;
}
