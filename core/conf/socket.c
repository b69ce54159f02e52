/* conf/socket.c - who could put another in the socket's place is an error of the configuration
 *
 * What will be refused at the start, whoever runs the check: base/socket_file.h, which looks again.
 */
#include "conf/socket.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/conf.h"
#include "conf/facts.h"
#include "conf/path.h"

static const struct option SOCKET_ROWS[] = {
    KEY(struct conf_socket, path, OPT_PATH,
        "where it is; at most 107 bytes, and the collectors' own sockets beside it too. Its "
        "[folder](#the-sockets-folder) must not be writable to others",
        .def = CONF_SOCKET),
    ROW(struct conf_socket, "mode", mode_text, OPT_STRING, "its permissions: octal, in quotes",
        .def = "0660", .unset = "`\"0660\"`"),
    ROW(struct conf_socket, "group", group_name, OPT_STRING, "its group, by name or id",
        .unset = "left as it is"),
};
const struct section socket_section = {ROWS(SOCKET_ROWS), "socket"};

static const struct option CONTROL_ROWS[] = {
    KEY(struct conf_control, path, OPT_PATH,
        "where the socket is that `garnet status` and its like ask ([the control "
        "socket](control.md))",
        .unset = "`control.sock` beside the shared socket"),
    ROW(struct conf_control, "group", group_name, OPT_STRING,
        "its group, by name or id, whose members may ask for the state, too",
        .unset = "none: garnetd's own user and root may"),
};
const struct section control_section = {ROWS(CONTROL_ROWS), "control"};

static struct pos place_of(const struct node *map, const char *key)
{
    const struct node *v = node_get(map, key);

    return v != NULL ? v->at : map->at;
}

static void parse_mode(struct parsing *p, struct pos at)
{
    const char *mode = p->c->socket.mode_text;
    size_t n = strlen(mode);

    if (n >= 3 && n <= 4 && strspn(mode, "01234567") == n && (n == 3 || *mode == '0'))
        p->c->socket.mode = (mode_t)strtoul(mode, NULL, 8);
    else
        errors_add(p->e, at, "mode: \"%s\" is not a file mode: write octal digits such as \"0660\"",
                   mode);
}

/* A folder that is not there is made; the default one is the package's. What strangers could do is an
 * error at a start; a garnetd that runs has its socket already, and keeps it. */
static void check_socket_folder(struct parsing *p, const char *path, struct pos at,
                                const char **own_groups)
{
    struct str s = path_dir(path);
    const char *dir = arena_strndup(p->a, s.s, s.n);
    void (*report)(struct errors * e, struct pos at, const char *fmt, ...)
        __attribute__((format(printf, 3, 4))) = p->running ? errors_warn : errors_world;
    struct fact_file f = {0};

    if (dir == NULL || fact_file(p, dir, &f) == FACT_WANTED)
        return;
    if (f.mode != 0 && !S_ISDIR(f.mode))
        errors_world(p->e, at, "path: \"%s\" is not a folder, so no socket can be in it", dir);
    else if ((f.mode & S_IWOTH) != 0)
        report(p->e, at,
               "path: everybody may write to the folder %s, and replace the socket: put it into a "
               "folder of its own, such as %s/garnet",
               dir, strcmp(dir, "/") == 0 ? "" : dir);
    else if ((f.mode & S_IWGRP) != 0)
        report(p->e, at,
               "path: a group may write to the folder %s, and replace the socket: chmod g-w it",
               dir);
    else if (fact_folder(p, dir, own_groups) == FACT_ERROR)
        report(p->e, at, "path: the folder %s %s", dir, p->why);
}

void parse_socket(struct parsing *p, const struct node *root)
{
    const struct node *v = node_get(root, "socket");
    const struct node *place = v != NULL ? v : root; /* of the keys, or of what stands for them */
    const char *path = p->c->socket.path;

    p->c->socket.group = (gid_t)-1;
    if (path == NULL || p->c->socket.mode_text == NULL)
        return;
    parse_mode(p, place_of(place, "mode"));
    if (p->c->socket.group_name != NULL)
        parse_group(p, node_get(v, "group"), &p->c->socket.group);
    if (strlen(path) > CONF_SOCKET_MOST)
        errors_add(p->e, place_of(place, "path"),
                   "path: \"%s\" is %zu bytes long, and a socket's may have %d: shorten it", path,
                   strlen(path), CONF_SOCKET_MOST);
    else if (v != NULL && !node_is_null(v) &&
             (v->kind == NODE_SCALAR || node_get(v, "path") != NULL))
        check_socket_folder(p, path, place_of(v, "path"), &p->c->socket.own_groups);
}

void parse_control(struct parsing *p, const struct node *root)
{
    const struct node *v = node_get(root, "control"), *written = node_get(v, "path");
    struct conf_control *c = &p->c->control;
    const char *shared = p->c->socket.path;
    struct pos at = written != NULL ? written->at : root->at;

    c->group = (gid_t)-1;
    if (c->group_name != NULL)
        parse_group(p, node_get(v, "group"), &c->group);
    if (shared == NULL || (written != NULL && c->path == NULL))
        return;
    if (written == NULL) {
        c->path = path_from(p->a, shared, "control.sock");
        c->own_groups = p->c->socket.own_groups;
    } else {
        check_socket_folder(p, c->path, at, &c->own_groups);
    }
    if (c->path == NULL)
        return;
    if (strcmp(c->path, shared) == 0)
        errors_add(p->e, at, "path: \"%s\" is the shared socket's: give each a name of its own",
                   c->path);
    else if (strlen(c->path) > CONF_SOCKET_MOST && strlen(shared) <= CONF_SOCKET_MOST)
        errors_add(p->e, at,
                   "path: \"%s\" is %zu bytes long, and a socket's may have %d: shorten "
                   "%s",
                   c->path, strlen(c->path), CONF_SOCKET_MOST,
                   written != NULL ? "it" : "socket.path, which it is beside, or set control.path");
}

char *conf_collector_socket(struct arena *a, const struct conf *c, const char *name)
{
    struct str dir = path_dir(c->socket.path);

    return arena_printf(a, "%.*s/collectors/%s.sock", dir.n == 1 && *dir.s == '/' ? 0 : (int)dir.n,
                        dir.s, name);
}

void parse_collector_socket(struct parsing *p, struct conf_collector *k)
{
    const char *shared = p->c->socket.path;

    if (shared == NULL)
        return;
    k->socket = conf_collector_socket(p->a, p->c, k->name);
    if (strlen(shared) <= CONF_SOCKET_MOST && k->socket != NULL &&
        strlen(k->socket) > CONF_SOCKET_MOST)
        errors_add(p->e, (struct pos){k->node->at.file, 0, 0},
                   "its socket %s would have %zu bytes, and %d are allowed: shorten socket.path "
                   "or this file's name",
                   k->socket, strlen(k->socket), CONF_SOCKET_MOST);
}
