/* conf/conf_collector.c - one collector's file
 *
 * The collector's name is the file's. A disabled one is checked as far as it goes without its
 * command. A file with errors costs that collector alone; what is reported about it stands beside
 * everything else. Fails only for want of memory.
 */
#include <sys/un.h>

#include "conf/conf_parse.h"
#include "conf/path.h"

enum { MAX_SOCKET = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

static const struct option COLLECTOR_ROWS[] = {
    KEY(struct conf_collector, enabled, OPT_BOOL, "Whether it runs.", .def = "true"),
    KEY(struct conf_collector, mode, OPT_CHOICE,
        "Runs that end by themselves, one an interval, or one that does not.", .def = "oneshot",
        .choices = "oneshot|daemon"),
    KEY(struct conf_collector, command, OPT_LIST, "The program and its arguments; never a shell.",
        .flags = OPT_SHELL),
    KEY(struct conf_collector, interval, OPT_DURATION, "The time from one run to the next.",
        .def = "10s", .min = "100ms", .max = "1d"),
    KEY(struct conf_collector, timeout, OPT_DURATION,
        "How long a run may take before it is told to end; the interval.", .min = "10ms",
        .max = "1d"),
    KEY(struct conf_collector, grace, OPT_DURATION,
        "How long it may take to end before it is killed.", .def = "2s", .max = "1m"),
    KEY(struct conf_collector, overlap, OPT_CHOICE,
        "What a run does whose predecessor is not over: it is skipped, or kills it.", .def = "skip",
        .choices = "skip|kill"),
    KEY(struct conf_collector, splay, OPT_DURATION,
        "Runs start up to this much later, by host and collector.", .def = "0"),
    KEY(struct conf_collector, silence, OPT_DURATION,
        "A daemon without a metric for so long is restarted; 0 for never.", .def = "0"),
    ROW(struct conf_collector, "user", identity.user, OPT_STRING,
        "Who it is, by name or id; garnetd's own."),
    ROW(struct conf_collector, "group", identity.group, OPT_STRING,
        "Its group, by name or id; the user's."),
    KEY(struct conf_collector, cwd, OPT_PATH, "The folder that it starts in.", .def = "/"),
    KEY(struct conf_collector, env, OPT_MAP, "Variables of its environment.", .flags = OPT_SHELL),
    KEY(struct conf_collector, nice, OPT_INT, "How much nicer than garnetd it is to others.",
        .def = "0", .min = "-20", .max = "19"),
    KEY(struct conf_collector, no_new_privs, OPT_BOOL,
        "Whether set-user-id programs stay without effect under it.", .def = "true"),
    KEY(struct conf_collector, allow_writable, OPT_BOOL, "Accept a command that others can alter.",
        .def = "false"),
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

/* Read by conf_limits.c. */
static const struct option MORE_ROWS[] = {
    {.type = OPT_NODE, .name = "limits", .help = "What a run may use."},
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

/* ---- keys ------------------------------------------------------------------------------------ */

static void check_env(struct parse *p, const struct pairs *env)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

    for (size_t i = 0; i < env->n; i++) {
        const struct pair *v = &env->v[i];

        if (!*v->key || strchr("0123456789", *v->key) || v->key[strspn(v->key, letters)])
            errors_add(
                p->e, v->at,
                "env: \"%s\" is not a variable's name: use A-Z a-z 0-9 _, and no digit first",
                v->key);
        else if (strncmp(v->key, "GARNET_", 7) == 0)
            errors_add(p->e, v->at, "env: \"%s\" is set by Garnet: use a name without GARNET_",
                       v->key);
    }
}

/* Its metrics would pass for Garnet's own, and be refused one by one. */
static void check_prefix(struct parse *p, const struct conf_collector *k, const struct node *root)
{
    const struct node *v = node_get(root, "prefix");

    if (v && k->prefix && str_first_part(str_of(k->prefix), "garnet"))
        errors_add(p->e, v->at,
                   "prefix: \"%s\" is for Garnet's own metrics: begin with another word",
                   k->prefix);
}

/* Keys that mean something in one mode only. */
static void check_mode(struct parse *p, const struct conf_collector *k, const struct node *root)
{
    static const struct {
        const char *key;
        int64_t mode;
        const char *fault;
    } only[] = {{"timeout", MODE_ONESHOT,
                 "timeout: a daemon has none: remove it, or say after which silence it is "
                 "restarted"},
                {"overlap", MODE_ONESHOT, "overlap: a daemon has one run: remove it"},
                {"splay", MODE_ONESHOT, "splay: a daemon has no due times: remove it"},
                {"silence", MODE_DAEMON,
                 "silence is for \"mode: daemon\": remove it; a one-shot run has its timeout"}};

    for (size_t i = 0; i < sizeof only / sizeof *only; i++) {
        const struct node *v = node_get(root, only[i].key);

        if (v && k->mode != only[i].mode)
            errors_add(p->e, v->at, "%s", only[i].fault);
    }
}

/* `splay` within its interval; a daemon has neither that nor a timeout. */
static void check_time(struct parse *p, struct conf_collector *k, const struct node *root)
{
    const struct node *timeout = node_get(root, "timeout"), *splay = node_get(root, "splay");

    check_mode(p, k, root);
    if (k->mode == MODE_ONESHOT && splay && splay->kind == NODE_SCALAR && k->splay > k->interval)
        errors_add(p->e, splay->at, "splay: \"%s\" is more than the interval: lower it",
                   splay->text);
    if (k->mode == MODE_DAEMON)
        k->timeout = INT64_MAX;
    else if (!timeout)
        k->timeout = k->interval;
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
    static const struct option_set more = {ROWS(MORE_ROWS), "a collector's file"};
    const char *fact;
    bool user_known;

    k->at = root->at;
    option_fill(&p->c->arena, set, &more, false, root, k, p->e);
    if (k->prefix && !*k->prefix)
        k->prefix = NULL;
    check_prefix(p, k, root);
    check_time(p, k, root);
    conf_check_tags(p, "tags", &k->tags);
    check_env(p, &k->env);
    user_known = conf_parse_identity(p, k, root);
    fact = conf_parse_command(p, k, root);
    conf_parse_limits(p, k, root, user_known);
    k->digest = conf_digest_collector(p->c, k, fact);
}

void conf_parse_collector(struct parse *p, const struct snapshot_file *f)
{
    struct conf_collector *k = arena_alloc(&p->c->arena, sizeof *k);
    const struct node *root;

    if (!k)
        return;
    if (!path_ends(f->path, ".yaml")) {
        errors_warn(p->e, (struct pos){f->path, 0, 0}, "%s", f->error);
        return;
    }
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
