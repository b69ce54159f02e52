/* conf/conf_collector.c - one collector's file
 *
 * The collector's name is the file's. A disabled one is checked as far as it goes without its
 * command. A file with errors costs that collector alone; what is reported about it stands beside
 * everything else. Fails only for want of memory.
 */
#include <sys/stat.h>
#include <sys/un.h>

#include "conf/conf_parse.h"
#include "conf/path.h"

enum { MAX_SOCKET = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

static const struct option COLLECTOR_ROWS[] = {
    KEY(struct conf_collector, enabled, OPT_BOOL, "Whether it runs.", .def = "true"),
    KEY(struct conf_collector, command, OPT_LIST, "The program and its arguments; never a shell."),
    KEY(struct conf_collector, interval, OPT_DURATION, "The time from one run to the next.",
        .def = "10s", .min = "100ms", .max = "1d"),
    KEY(struct conf_collector, timeout, OPT_DURATION,
        "How long a run may take before it is told to end; the interval.", .min = "10ms",
        .max = "1d"),
    KEY(struct conf_collector, grace, OPT_DURATION,
        "How long it may take to end before it is killed.", .def = "2s", .max = "1m"),
    KEY(struct conf_collector, prefix, OPT_STRING, "Stands before the names of its metrics."),
    KEY(struct conf_collector, tags, OPT_MAP, "Tags added to its metrics."),
    KEY(struct conf_collector, series_limit, OPT_INT,
        "How many distinct series (name and tags) one run may send.", .def = "10000", .min = "1",
        .max = "1000000"),
    KEY(struct conf_collector, metrics_limit, OPT_INT, "How many metrics one run may send.",
        .def = "1000000", .min = "1"),
    KEY(struct conf_collector, bytes_limit, OPT_SIZE, "How many bytes one run may send.",
        .def = "256MiB", .min = "1KiB"),
};

/* ---- name, socket ---------------------------------------------------------------------------- */

static const char *collector_name(struct parse *p, const struct snapshot_file *f)
{
    const char *base = path_base(f->path);
    size_t n = strlen(base) - strlen(".yaml"); /* snapshot_take() takes no other */

    if (strlen(base) > strlen(".yaml") && n <= 64 &&
        strspn(base, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == n)
        return arena_strndup(&p->c->arena, base, n);
    errors_add(p->e, (struct pos){f->path, 0, 0},
               "a collector's name must be 1 to 64 of A-Z a-z 0-9 _ -: rename the file");
    return NULL;
}

static void check_socket(struct parse *p, const struct conf_collector *k)
{
    const char *path;

    if (!p->c->socket.path || strlen(p->c->socket.path) > MAX_SOCKET)
        return;
    path = conf_collector_socket(&p->c->arena, p->c, k->name);
    if (path && strlen(path) > MAX_SOCKET)
        errors_add(
            p->e, (struct pos){k->at.file, 0, 0},
            "its socket %s would have %zu bytes, and %d are allowed: shorten socket.path or this "
            "file's name",
            path, strlen(path), MAX_SOCKET);
}

/* ---- command --------------------------------------------------------------------------------- */

static void bad_command(struct parse *p, const struct node *v, const char *why)
{
    errors_add(p->e, v->at, "command: \"%s\" %s", v->text, why);
}

/* The fact about the program, or NULL when it is lacking or bad news. */
static const char *check_program(struct parse *p, const struct node *v, const char *file)
{
    const char *fact = conf_fact(p, "file:", file), *reason;
    mode_t mode;

    if (!fact)
        return NULL;
    mode = conf_fact_mode(fact);
    if ((reason = conf_fact_error(fact)))
        bad_command(p, v, reason);
    else if (S_ISDIR(mode))
        bad_command(p, v, "is a folder: give the program's path");
    else if (!S_ISREG(mode))
        bad_command(p, v, "is not a regular file");
    else if (!(mode & 0111))
        bad_command(p, v, "is not executable: chmod +x it");
    else
        return fact;
    return NULL;
}

/* Makes argv[0] absolute. */
static const char *parse_program(struct parse *p, struct conf_collector *k, const struct node *list)
{
    const struct node *v = list->kind == NODE_LIST ? list->first : list;
    const char **argv;

    if (!strchr(v->text, '/')) {
        bad_command(p, v,
                    *v->text ? "is a bare name: give the full path; Garnet does not search PATH"
                             : "is empty: give the program's full path");
        return NULL;
    }
    if (!(argv = arena_alloc(&p->c->arena, (k->command.n + 1) * sizeof *argv)))
        return NULL;
    memcpy(argv, k->command.v, k->command.n * sizeof *argv);
    if (!(argv[0] = path_from(&p->c->arena, v->at.file, v->text)))
        return NULL;
    k->command.v = argv;
    return check_program(p, v, argv[0]);
}

static const char *parse_command(struct parse *p, struct conf_collector *k, const struct node *root)
{
    const struct node *v = node_get(root, "command");

    if (!k->enabled || root->kind != NODE_MAP)
        return NULL;
    if (!v) {
        errors_add(p->e, root->at, "a collector needs \"command\"");
        return NULL;
    }
    if (v->kind == NODE_LIST && v->n == 0)
        errors_add(p->e, v->at, "command is an empty list: give the program's full path");
    return k->command.n > 0 ? parse_program(p, k, v) : NULL; /* 0: after errors */
}

/* ---- the file -------------------------------------------------------------------------------- */

static void insert_sorted(struct conf *c, struct conf_collector *k)
{
    struct conf_collector **at = &c->collectors;

    while (*at && strcmp((*at)->name, k->name) < 0)
        at = &(*at)->next;
    k->next = *at;
    *at = k;
}

static void fill_collector(struct parse *p, struct conf_collector *k, const struct node *root)
{
    static const struct option_set set = {ROWS(COLLECTOR_ROWS), "a collector's file"};
    const char *fact;

    k->at = root->at;
    option_fill(&p->c->arena, set, NULL, false, root, k, p->e);
    if (!node_get(root, "timeout"))
        k->timeout = k->interval;
    if (k->prefix && !*k->prefix)
        k->prefix = NULL;
    conf_check_tags(p, "tags", &k->tags);
    fact = parse_command(p, k, root);
    k->digest = conf_digest_collector(p->c, k, fact);
}

void conf_parse_collector(struct parse *p, const struct snapshot_file *f)
{
    struct conf_collector *k = arena_alloc(&p->c->arena, sizeof *k);
    const struct node *root;

    if (!k)
        return;
    if (f->error) {
        errors_add(p->e, (struct pos){f->path, 0, 0}, "%s", f->error);
        return;
    }
    k->name = collector_name(p, f);
    if (!(root = yaml_parse(&p->c->arena, f->path, f->text, p->e)))
        return;
    fill_collector(p, k, root);
    if (!k->name)
        return;
    check_socket(p, k);
    insert_sorted(p->c, k);
}
