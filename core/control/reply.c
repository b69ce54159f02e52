/* control/reply.c - bytes and a count; fails for want of memory alone */
#include "control/reply.h"

#include <stdlib.h>

#include "base/text.h"
#include "control/request.h"

struct control_reply *control_reply_new(const char *key, const struct buf *body)
{
    struct control_reply *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->refs = 1;
    buf_putf(&t->bytes, "{\"garnet\":%d,\"%s\":", CONTROL_VERSION, key);
    buf_put(&t->bytes, body->p, body->n);
    buf_puts(&t->bytes, "}\n");
    if (buf_ok(body) && buf_ok(&t->bytes))
        return t;
    control_reply_unref(t);
    return NULL;
}

struct control_reply *control_reply_error(const char *why)
{
    struct buf b = {0};
    struct control_reply *t;

    buf_put_json(&b, str_of(why));
    t = control_reply_new("error", &b);
    buf_free(&b);
    return t;
}

void control_reply_unref(struct control_reply *t)
{
    if (t == NULL || --t->refs > 0)
        return;
    buf_free(&t->bytes);
    free(t);
}
