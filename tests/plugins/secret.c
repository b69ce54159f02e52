/* Two secrets, of which one must be set; what it was given is appended to its own file `path` in open(), and written in
 * each line, as is what the secret list and map hold. check() finds fault with `key: bad`, and with one that begins with a star. With CLASH it has an option that is to be the host's. */
#include <garnet/plugin.h>
#include <string.h>

#include "append.h"

struct conf {
    const char *key, *other, *path, *key_file;
    garnet_list more;
    garnet_map headers;
};
static const garnet_option options[] = {
    {.type = GARNET_STRING,
     .flags = GARNET_REQUIRED | GARNET_SECRET,
     .name = "key",
     .help = "What opens it.",
     .offset = GARNET_FIELD_STR(struct conf, key)},
    {.type = GARNET_STRING,
     .flags = GARNET_SECRET,
     .name = "other",
     .def = "none",
     .help = "Another.",
     .offset = GARNET_FIELD_STR(struct conf, other)},
    {.type = GARNET_LIST,
     .flags = GARNET_SECRET,
     .name = "more",
     .help = "Others.",
     .offset = GARNET_FIELD_LIST(struct conf, more)},
    {.type = GARNET_MAP,
     .flags = GARNET_SECRET,
     .name = "headers",
     .help = "Others, by name.",
     .offset = GARNET_FIELD_MAP(struct conf, headers)},
    {.type = GARNET_PATH,
     .name = "path",
     .help = "Where to write.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
#ifdef CLASH
    {.type = GARNET_PATH,
     .name = "key_file",
     .help = "Its own.",
     .offset = GARNET_FIELD_STR(struct conf, key_file)},
#endif
};

static int check(garnet *g)
{
    const struct conf *c = g->conf;

    if (strcmp(c->key, "bad") == 0 || c->key[0] == '*')
        g->host->bad(g, "key", "is a bad one");
    return GARNET_OK;
}

static int open_(garnet *g)
{
    const struct conf *c = g->conf;

    if (c->path != NULL) {
        append(c->path, c->key, strlen(c->key));
        append(c->path, "\n", 1);
    }
    return GARNET_OK;
}

static int format(garnet *g, const garnet_metric *m)
{
    const struct conf *c = g->conf;

    g->host->putf(g, "%s %s %s", m->name.s, c->key, c->other);
    for (size_t i = 0; i < c->more.n; i++)
        g->host->putf(g, " %s", c->more.v[i].s);
    for (size_t i = 0; i < c->headers.n; i++)
        g->host->putf(g, " %s=%s", c->headers.v[i].key.s, c->headers.v[i].val.s);
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "secret", .version = "1", .about = "Has secrets.", GARNET_OPTIONS(options),
              .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT, .check = check,
              .open = open_, .format = format);
