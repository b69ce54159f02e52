/* conf/conf.c - what can be said of a configuration by itself */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include "conf/path.h"

void conf_free(struct conf *c)
{
    struct arena a;

    if (c == NULL)
        return;
    a = c->arena;
    arena_free(&a);
    free(c);
}

const struct conf_sink *conf_sink_named(const struct conf *c, const char *name)
{
    const struct conf_sink *s = c->sinks;

    while (s != NULL && (s->name == NULL || strcmp(s->name, name) != 0))
        s = s->next;
    return s;
}

struct trust conf_collector_trust(const struct conf_collector *k, uid_t self)
{
    return (struct trust){.users = {self, k->identity.uid}, .own_groups = k->own_groups};
}

char *conf_collector_socket(struct arena *a, const struct conf *c, const char *name)
{
    struct str dir = path_dir(c->socket.path);

    return arena_printf(a, "%.*s/collectors/%s.sock", dir.n == 1 && *dir.s == '/' ? 0 : (int)dir.n,
                        dir.s, name);
}
