/* conf/conf.c - the main file, and the configuration as one const struct
 *
 * Everything is read, checked and reported in one go; one broken part never hides the others'
 * errors. What only the world knows comes from the snapshot's facts. Fails only for want of memory,
 * with NULL.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf_parse.h"
#include "conf/path.h"

#ifndef GARNET_PLUGIN_DIR
#error "GARNET_PLUGIN_DIR: the folder that plugins are installed in"
#endif

enum { MAX_TAGS = 32, MAX_SOCKET = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

struct main_keys {
    const struct node *socket, *spool, *intake, *sinks, *self_metrics;
    const char *host, *collectors;
    struct strings plugin_path;
    struct pairs tags;
    int64_t shutdown_timeout, log_level;
};

static const char DEFAULT_COLLECTORS[] = "collectors.d";
#define DEFAULT_SOCKET "/run/garnet/garnet.sock"
_Static_assert(LOG_L_ERROR == 0 && LOG_L_WARN == 1 && LOG_L_INFO == 2 && LOG_L_DEBUG == 3,
               "log_level's choices stand in the order of enum log_level");

static const struct option MAIN_ROWS[] = {
    KEY(struct main_keys, socket, OPT_NODE, "The shared socket: its path, or {path, mode, group}."),
    KEY(struct main_keys, host, OPT_STRING, "The tag host of every metric; this machine's name."),
    KEY(struct main_keys, collectors, OPT_PATH, "The folder of the collectors' files.",
        .def = DEFAULT_COLLECTORS),
    KEY(struct main_keys, plugin_path, OPT_PATHS, "Folders in which plugins are looked for.",
        .def = GARNET_PLUGIN_DIR),
    KEY(struct main_keys, tags, OPT_MAP, "Tags added to every metric."),
    KEY(struct main_keys, spool, OPT_NODE, "The spool on disk."),
    KEY(struct main_keys, intake, OPT_NODE, "Limits on what the sockets take."),
    KEY(struct main_keys, sinks, OPT_NODE, "Where metrics go, one map for each sink."),
    KEY(struct main_keys, shutdown_timeout, OPT_DURATION,
        "How long collectors and sinks may take to end.", .def = "10s", .max = "1h"),
    KEY(struct main_keys, self_metrics, OPT_NODE,
        "Garnet's own metrics: their interval, or {interval, level}."),
    KEY(struct main_keys, log_level, OPT_CHOICE, "The least grave kind of line that is logged.",
        .def = "info", .choices = "error|warn|info|debug"),
};

struct socket_keys {
    const char *path, *mode, *group;
};

static const struct option SOCKET_ROWS[] = {
    KEY(struct socket_keys, path, OPT_PATH, "Where the shared socket is.", .def = DEFAULT_SOCKET),
    KEY(struct socket_keys, mode, OPT_STRING, "Its permissions, in octal.", .def = "0660"),
    KEY(struct socket_keys, group, OPT_STRING, "Its group."),
};

static const struct option SOCKET_PATH = KEY(struct socket_keys, path, OPT_PATH, "");

static const struct option SELF_ROWS[] = {
    KEY(struct conf_self_metrics, interval, OPT_DURATION,
        "How often Garnet reports on itself; 0 for never.", .def = "10s", .max = "1d"),
    KEY(struct conf_self_metrics, level, OPT_CHOICE, "How much of it.", .def = "basic",
        .choices = "basic|full"),
};

static const struct option SELF_INTERVAL = {.type = OPT_DURATION,
                                            .name = "self_metrics",
                                            .max = "1d",
                                            .offset = offsetof(struct conf_self_metrics, interval)};

static const struct option SPOOL_ROWS[] = {
    KEY(struct conf_spool, dir, OPT_PATH, "The spool's folder.", .def = "/var/lib/garnet/spool"),
    KEY(struct conf_spool, max_size, OPT_SIZE, "The spool's size: the oldest metrics give way.",
        .def = "256MiB", .min = "1MiB"),
    KEY(struct conf_spool, max_age, OPT_DURATION, "Older metrics give way; unset: never."),
    KEY(struct conf_spool, segment_size, OPT_SIZE, "The size of one of the spool's files.",
        .def = "16MiB", .min = "64KiB", .max = "1GiB"),
    KEY(struct conf_spool, durable, OPT_BOOL, "Acknowledge only what has reached the disk.",
        .def = "false"),
};

static const struct option INTAKE_ROWS[] = {
    KEY(struct conf_intake, max_value, OPT_SIZE, "The size of one JSON value.", .def = "64KiB",
        .min = "1KiB", .max = "16MiB"),
    KEY(struct conf_intake, max_depth, OPT_INT, "How deep a JSON value may nest.", .def = "16",
        .min = "2", .max = "128"),
    KEY(struct conf_intake, max_name, OPT_INT, "The length of a metric's name, in bytes.",
        .def = "255", .min = "1", .max = "4096"),
    KEY(struct conf_intake, max_tags, OPT_INT, "The number of a metric's tags.", .def = "32",
        .min = "0", .max = "64"),
    KEY(struct conf_intake, max_connections, OPT_INT,
        "The number of open connections on the shared socket, and on all collectors'.",
        .def = "512", .min = "1", .max = "100000"),
    KEY(struct conf_intake, max_connections_per_user, OPT_INT,
        "The number of those that one user may have on the shared socket, or one collector on its "
        "own.",
        .def = "128", .min = "1", .max = "100000"),
    KEY(struct conf_intake, idle, OPT_DURATION,
        "How long an unfinished value or an unread reply may take.", .def = "30s", .min = "100ms"),
};

/* ---- facts ----------------------------------------------------------------------------------- */

const char *conf_fact(struct parse *p, const char *kind, const char *what)
{
    struct arena *a = &p->c->arena;
    struct conf_want *w, **end = &p->c->wanted;
    const char *key = arena_printf(a, "%s%s", kind, what), *fact;

    if (!key)
        return NULL;
    if ((fact = snapshot_get(p->s, key)))
        return fact;
    for (; *end; end = &(*end)->next)
        if (strcmp((*end)->key, key) == 0)
            return NULL;
    if ((w = arena_alloc(a, sizeof *w))) {
        w->key = key;
        *end = w;
    }
    return NULL;
}

const char *conf_fact_error(const char *fact)
{
    return strncmp(fact, "error ", 6) == 0 ? fact + 6 : NULL;
}

/* The i-th word of a fact, from 0, or NULL. */
static const char *fact_word(const char *fact, int i)
{
    while (fact && i-- > 0)
        fact = (fact = strchr(fact, ' ')) ? fact + 1 : NULL;
    return fact;
}

bool conf_fact_file(const char *fact, struct conf_file *f)
{
    enum { MODE = 5, UID };
    const char *mode = fact_word(fact, MODE), *uid = fact_word(fact, UID);

    *f = (struct conf_file){0};
    if (conf_fact_error(fact) || !uid)
        return false;
    f->mode = (mode_t)strtoul(mode, NULL, 10);
    f->uid = (uid_t)strtoul(uid, NULL, 10);
    return true;
}

mode_t conf_fact_mode(const char *fact)
{
    struct conf_file f;

    return conf_fact_file(fact, &f) ? f.mode : 0;
}

bool conf_self(struct parse *p, struct conf_self *self)
{
    const char *fact = conf_fact(p, "self", ""), *gid, *capabilities;

    if (!fact || !(gid = fact_word(fact, 1)) || !(capabilities = fact_word(fact, 2)))
        return false;
    self->uid = (uid_t)strtoul(fact, NULL, 10);
    self->gid = (gid_t)strtoul(gid, NULL, 10);
    self->capabilities = strtoull(capabilities, NULL, 16);
    return true;
}

/* ---- socket ---------------------------------------------------------------------------------- */

static void parse_mode(struct parse *p, const char *mode, struct pos at)
{
    size_t n = strlen(mode);

    if (n >= 3 && n <= 4 && strspn(mode, "01234567") == n && (n == 3 || *mode == '0'))
        p->c->socket.mode = (mode_t)strtoul(mode, NULL, 8);
    else
        errors_add(p->e, at, "mode: \"%s\" is not a file mode: write octal digits such as \"0660\"",
                   mode);
}

static void parse_group(struct parse *p, const char *group, struct pos at)
{
    const char *fact = conf_fact(p, "group:", group), *reason;

    p->c->socket.group_name = group;
    if (!fact)
        return;
    if ((reason = conf_fact_error(fact)))
        errors_add(p->e, at, "group: \"%s\" %s", group, reason);
    else if (!*fact)
        errors_add(p->e, at, "group: \"%s\" does not exist: create it or remove the key", group);
    else
        p->c->socket.group = (gid_t)strtoul(fact, NULL, 10);
}

static struct pos pos_of(const struct node *map, const char *key)
{
    const struct node *v = node_get(map, key);

    return v ? v->at : map->at;
}

/* A start would be refused. garnetd that runs has its socket, which does not change while it runs. */
static void bad_folder(struct parse *p, struct pos at, const char *why)
{
    if (!why)
        return; /* out of memory */
    if (snapshot_get(p->s, "running"))
        errors_warn(p->e, at, "path: %s", why);
    else
        errors_add(p->e, at, "path: %s", why);
}

/* Whether others could alter what is on the way there. */
static void check_socket_way(struct parse *p, const char *dir, struct pos at)
{
    const char *fact = conf_fact(p, "folder:", dir), *reason;

    if (fact && (reason = conf_fact_error(fact)))
        bad_folder(p, at, arena_printf(&p->c->arena, "the folder %s %s", dir, reason));
    else if (fact)
        p->c->socket.own_groups = arena_strdup(&p->c->arena, fact);
}

/* What will be refused at the start, and whoever runs the check: intake/folder.h, which looks again.
 * A folder that is not there is made; the default one is the package's. */
static void check_socket_folder(struct parse *p, const char *path, struct pos at)
{
    struct arena *a = &p->c->arena;
    struct str s = path_dir(path);
    const char *dir = arena_strndup(a, s.s, s.n), *fact;
    mode_t mode;

    if (!dir || !(fact = conf_fact(p, "file:", dir)))
        return;
    mode = conf_fact_mode(fact);
    if (mode && !S_ISDIR(mode))
        errors_add(p->e, at, "path: \"%s\" is not a folder, so no socket can be in it", dir);
    else if (mode & S_IWOTH)
        bad_folder(p, at,
                   arena_printf(a,
                                "everybody may write to the folder %s, and replace the socket: put "
                                "it into a folder of its own, such as %s/garnet",
                                dir, strcmp(dir, "/") == 0 ? "" : dir));
    else if (mode & S_IWGRP)
        bad_folder(p, at,
                   arena_printf(a,
                                "a group may write to the folder %s, and replace the socket: "
                                "chmod g-w it",
                                dir));
    else
        check_socket_way(p, dir, at);
}

static void parse_socket(struct parse *p, const struct node *v, const struct node *root)
{
    static const struct option_set set = {ROWS(SOCKET_ROWS), "socket"};
    const struct node *place = v ? v : root; /* of the keys, or of what stands for them */
    struct socket_keys keys = {0};

    p->c->socket.group = (gid_t)-1;
    option_fill(&p->c->arena, set, NULL, false, v && v->kind != NODE_SCALAR ? v : NULL, &keys,
                p->e);
    if (v && v->kind == NODE_SCALAR)
        option_value(&p->c->arena, &SOCKET_PATH, v, &keys, p->e);
    if (!keys.path || !keys.mode)
        return;
    p->c->socket.path = keys.path;
    parse_mode(p, keys.mode, pos_of(place, "mode"));
    if (keys.group)
        parse_group(p, keys.group, pos_of(place, "group"));
    if (strlen(keys.path) > MAX_SOCKET)
        errors_add(p->e, pos_of(place, "path"),
                   "path: \"%s\" is %zu bytes long, and a socket's may have %d: shorten it",
                   keys.path, strlen(keys.path), MAX_SOCKET);
    else if (v && (v->kind == NODE_SCALAR || node_get(v, "path")))
        check_socket_folder(p, keys.path, pos_of(v, "path"));
}

/* An interval alone is one of its forms. */
static void parse_self_metrics(struct parse *p, const struct node *v)
{
    static const struct option_set set = {ROWS(SELF_ROWS), "self_metrics"};
    struct conf_self_metrics *self = &p->c->self_metrics;
    const struct node *interval = v && v->kind == NODE_MAP ? node_get(v, "interval") : v;

    option_fill(&p->c->arena, set, NULL, false, v && v->kind != NODE_SCALAR ? v : NULL, self, p->e);
    if (v && v->kind == NODE_SCALAR)
        option_value(&p->c->arena, &SELF_INTERVAL, v, self, p->e);
    if (interval && self->interval > 0 && self->interval < 100 * NS_PER_MS)
        errors_add(p->e, interval->at, "%s: \"%s\" is below the least value, 100ms (0 for none)",
                   interval == v ? "self_metrics" : "interval", interval->text);
}

char *conf_collector_socket(struct arena *a, const struct conf *c, const char *name)
{
    struct str dir = path_dir(c->socket.path);

    return arena_printf(a, "%.*s/collectors/%s.sock", dir.n == 1 && *dir.s == '/' ? 0 : (int)dir.n,
                        dir.s, name);
}

/* ---- spool, intake --------------------------------------------------------------------------- */

/* Retention removes whole segments and never the newest: one alone could not be bounded. */
static void fit_segments(struct parse *p, const struct node *map)
{
    struct conf_spool *s = &p->c->spool;
    const struct node *written = node_get(map, "segment_size");

    if (!written && s->segment_size > s->max_size / 4)
        s->segment_size = s->max_size / 4;
    else if (written && written->kind == NODE_SCALAR && s->segment_size > s->max_size / 2)
        errors_add(p->e, written->at,
                   "segment_size: \"%s\" is more than half of max_size: lower it", written->text);
}

/* Likewise: spool/rights.h. */
static void check_spool_folder(struct parse *p, struct pos at)
{
    const char *dir = p->c->spool.dir, *fact = dir ? conf_fact(p, "file:", dir) : NULL;
    mode_t mode = fact ? conf_fact_mode(fact) : 0;

    if (mode && !S_ISDIR(mode))
        errors_add(p->e, at, "dir: \"%s\" is not a folder: write the name of one", dir);
    else if ((mode & S_IWOTH) && (mode & S_ISVTX))
        errors_add(
            p->e, at,
            "dir: \"%s\" is a folder that everybody may write to: write the name of a folder "
            "in it, which garnetd then makes",
            dir);
}

static void parse_limits(struct parse *p, const struct main_keys *keys)
{
    static const struct option_set spool = {ROWS(SPOOL_ROWS), "spool"};
    static const struct option_set intake = {ROWS(INTAKE_ROWS), "intake"};
    struct arena *a = &p->c->arena;
    const struct node *dir;

    option_fill(a, spool, NULL, false, keys->spool, &p->c->spool, p->e);
    fit_segments(p, keys->spool);
    if (keys->spool && (dir = node_get(keys->spool, "dir")))
        check_spool_folder(p, dir->at);
    option_fill(a, intake, NULL, false, keys->intake, &p->c->intake, p->e);
}

/* ---- tags ------------------------------------------------------------------------------ */

void conf_check_tags(struct parse *p, const char *name, const struct pairs *tags)
{
    for (size_t i = 0; i < tags->n; i++) {
        const struct pair *t = &tags->v[i];

        if (!*t->key)
            errors_add(p->e, t->at, "%s: a tag needs a name", name);
        else if (!*t->val)
            errors_add(p->e, t->at, "%s.%s is empty: give it a value or remove it", name, t->key);
    }
    if (tags->n > MAX_TAGS)
        errors_add(p->e, tags->v[MAX_TAGS].at, "%s: %zu tags, and %d are allowed", name, tags->n,
                   MAX_TAGS);
}

/* The tags of every metric: host first, unless the user's own has that name. */
static void merge_tags(struct parse *p, const struct pairs *own)
{
    struct pair *t = arena_alloc(&p->c->arena, (own->n + 1) * sizeof *t);
    size_t n = 0;

    if (!t)
        return;
    t[n++] = (struct pair){.key = "host", .val = p->c->host};
    for (size_t i = 0; i < own->n; i++)
        t[strcmp(own->v[i].key, "host") == 0 ? 0 : n++] = own->v[i];
    p->c->tags = (struct pairs){t, n};
}

/* ---- the whole ------------------------------------------------------------------------------- */

struct conf_folder conf_collectors_folder(struct arena *a, const char *main_path,
                                          const struct node *root)
{
    static const struct option row = {.type = OPT_PATH, .name = "collectors"};
    const struct node *v = node_get(root, "collectors");
    struct conf_folder f = {NULL, false};
    struct errors ignored = {0};

    if (v)
        option_value(a, &row, v, &f.path, &ignored);
    errors_free(&ignored);
    f.written = f.path != NULL;
    if (!f.path)
        f.path = path_from(a, main_path, DEFAULT_COLLECTORS);
    return f;
}

static void parse_main(struct parse *p, const struct node *root, struct main_keys *keys)
{
    static const struct option_set set = {ROWS(MAIN_ROWS), "the main file"};
    struct conf *c = p->c;

    option_fill(&c->arena, set, NULL, false, root, keys, p->e);
    p->plugin_path = keys->plugin_path;
    c->shutdown_timeout = keys->shutdown_timeout;
    c->log_level = keys->log_level;
    conf_parse_host(p, root, keys->host);
    conf_check_tags(p, "tags", &keys->tags);
    parse_socket(p, keys->socket, root);
    parse_self_metrics(p, keys->self_metrics);
    parse_limits(p, keys);
}

/* The main file's tree; after errors an empty one, so that the rest is checked all the same. */
static const struct node *read_main(struct parse *p)
{
    const struct snapshot_file *f = p->s->files;
    struct arena *a = &p->c->arena;
    struct node *root = NULL;

    if (f->error)
        errors_add(p->e, (struct pos){f->path, 0, 0}, "%s", f->error);
    else
        root = yaml_parse(a, f->path, f->text, p->e);
    if (!root && (root = arena_alloc(a, sizeof *root))) {
        root->kind = NODE_MAP;
        root->at = (struct pos){arena_strdup(a, f->path), 1, 1};
    }
    return root;
}

static void parse_collectors(struct parse *p, const struct node *root, const char *folder)
{
    const struct node *written = node_get(root, "collectors");

    for (const struct snapshot_file *f = p->s->files->next; f; f = f->next)
        if (folder && strcmp(f->path, folder) == 0)
            errors_add(p->e, written ? written->at : (struct pos){root->at.file, 0, 0},
                       "collectors: \"%s\" %s", f->path, f->error ? f->error : "is not a folder");
        else
            conf_parse_collector(p, f);
    conf_check_own_users(p);
}

struct conf *conf_parse(const struct snapshot *s, struct errors *e)
{
    struct conf *c = calloc(1, sizeof *c);
    struct parse p = {.s = s, .c = c, .e = e};
    struct main_keys keys = {0};
    const struct node *root;

    if (!c)
        return NULL;
    if ((root = read_main(&p))) {
        parse_main(&p, root, &keys);
        merge_tags(&p, &keys.tags);
    }
    if (root && arena_ok(&c->arena)) {
        conf_parse_sinks(&p, keys.sinks);
        parse_collectors(&p, root, keys.collectors);
    }
    if (arena_ok(&c->arena))
        return c;
    conf_free(c);
    return NULL;
}

void conf_free(struct conf *c)
{
    struct arena a;

    if (!c)
        return;
    a = c->arena;
    arena_free(&a);
    free(c);
}

const char *conf_socket_of(struct arena *a, const char *path, struct errors *e)
{
    struct snapshot s;
    struct conf *c = NULL;
    const char *found = NULL;

    if (snapshot_take_main(&s, path) && (c = conf_parse(&s, e)) != NULL && e->n == 0)
        found = arena_strdup(a, c->socket.path);
    conf_free(c);
    snapshot_free(&s);
    return found;
}
