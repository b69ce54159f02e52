/* conf/conf_sink.c - the sinks: their common keys, their plugin's file
 *
 * A sink's plugin is not loaded here: its own options stay in the sink's node for the process that
 * does. A sink with errors still counts for those after it (its name and its files are taken).
 * Fails only for want of memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/glob.h"
#include "conf/conf_parse.h"
#include "conf/path.h"

static const struct option ROWS_OF_A_SINK[] = {
    KEY(struct conf_sink, name, OPT_STRING, "Names the worker, its cursor and its metrics; unique.",
        .flags = OPT_REQUIRED),
    KEY(struct conf_sink, plugin, OPT_STRING, "The plugin: a name in plugin_path, or a path.",
        .flags = OPT_REQUIRED),
    KEY(struct conf_sink, to, OPT_LIST, "The endpoint; several are tried in order."),
    KEY(struct conf_sink, flush, OPT_DURATION, "The age at which a batch leaves.", .def = "1s",
        .min = "0", .max = "1h"),
    KEY(struct conf_sink, batch_size, OPT_SIZE, "The size at which a batch leaves.", .def = "64KiB",
        .min = "512", .max = "1MiB"),
    KEY(struct conf_sink, max_packet, OPT_SIZE,
        "The size of a datagram; default: 1432 for udp, 8192 for unixgram.", .min = "512",
        .max = "65507"),
    {.type = OPT_NODE,
     .name = "confirm",
     .offset = offsetof(struct conf_sink, confirm_node),
     .help = "When what a stream peer has read is confirmed: {every, bytes, replay}."},
    KEY(struct conf_sink, catch_up_rate, OPT_INT,
        "Metrics a second that a backlog is sent at, at most; 0: as fast as it goes.", .def = "0",
        .min = "0", .max = "1000000000"),
    KEY(struct conf_sink, max_age, OPT_DURATION,
        "The age at which a metric is stale where the output carries no time (StatsD); 0: never.",
        .def = "10s", .min = "0", .max = "1d"),
    KEY(struct conf_sink, memory_limit, OPT_SIZE,
        "The memory that its worker may use; beyond that the plugin gets none.", .def = "1GiB",
        .min = "32MiB", .max = "1024GiB"),
    KEY(struct conf_sink, start, OPT_CHOICE, "Where a new sink begins to read the spool.",
        .def = "now", .choices = "now|oldest"),
    KEY(struct conf_sink, only, OPT_LIST,
        "Patterns: only metrics whose name matches one are sent."),
    KEY(struct conf_sink, drop, OPT_LIST, "Patterns: metrics whose name matches one are not sent."),
    KEY(struct conf_sink, counters, OPT_CHOICE,
        "Counters are sent as they are, as a rate per second or as the difference to the value "
        "before; default: the plugin's.",
        .choices = "raw|rate|delta"),
    KEY(struct conf_sink, counter_window, OPT_DURATION,
        "How far back a counter's value before may lie.", .def = "10m", .min = "1s", .max = "24h"),
    ROW(struct conf_sink, "user", identity.user, OPT_STRING,
        "Who its worker is, by name or id; garnetd's own, or garnet where that is root."),
    KEY(struct conf_sink, allow_writable, OPT_BOOL, "Accept a plugin that others can alter.",
        .def = "false"),
};

static const struct option CONFIRM_ROWS[] = {
    KEY(struct conf_confirm, every, OPT_DURATION, "The age at which a connection is confirmed.",
        .def = "60s", .min = "1s", .max = "1h"),
    KEY(struct conf_confirm, bytes, OPT_SIZE, "The bytes after which a connection is confirmed.",
        .def = "4MiB", .min = "4KiB", .max = "1GiB"),
    KEY(struct conf_confirm, replay, OPT_DURATION,
        "How much more is sent again after a connection did not end cleanly.", .def = "60s",
        .min = "0", .max = "1h"),
};

const struct option_set conf_sink_options = {ROWS(ROWS_OF_A_SINK), "a sink"};

/* ---- name, plugin ---------------------------------------------------------------------------- */

static void check_name(struct parse *p, const struct conf_sink *s)
{
    const struct node *v = node_get(s->node, "name");
    size_t n = strlen(s->name);

    if (n == 0 || n > 64 || *s->name == '.' ||
        strspn(s->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") != n) {
        errors_add(p->e, v->at,
                   "name: \"%s\" must be 1 to 64 of A-Z a-z 0-9 _ . - and not begin with a dot",
                   s->name);
        return;
    }
    for (const struct conf_sink *o = p->c->sinks; o; o = o->next)
        if (o->name && strcmp(o->name, s->name) == 0) {
            errors_add(p->e, v->at,
                       "name: \"%s\" is already the sink at line %u: names must differ", s->name,
                       node_get(o->node, "name")->at.line);
            return;
        }
}

/* One place where the plugin may be: true when it is there. Otherwise adds to `looked`. */
static bool plugin_at(struct parse *p, const char *file, bool *unknown, struct buf *looked)
{
    const char *fact = conf_fact(p, "file:", file), *why;

    if (!fact) {
        *unknown = true;
        return false;
    }
    if (!(why = conf_fact_error(fact))) {
        if (S_ISREG(conf_fact_mode(fact)))
            return true;
        why = "is not a regular file";
    }
    buf_putf(looked, "%s%s", looked->n ? ", " : "", file);
    if (strcmp(why, "does not exist") != 0)
        buf_putf(looked, " (%s)", why);
    return false;
}

/* The first place that holds the plugin; NULL after an error, and while a fact is lacking. */
static const char *find_plugin(struct parse *p, const struct conf_sink *s)
{
    struct arena *a = &p->c->arena;
    const struct node *v = node_get(s->node, "plugin");
    size_t n = strchr(s->plugin, '/') ? 1 : p->plugin_path.n;
    const char *found = NULL, *file;
    struct buf looked = {0};
    bool unknown = false;

    for (size_t i = 0; i < n; i++) {
        if (strchr(s->plugin, '/'))
            file = path_from(a, v->at.file, s->plugin);
        else
            file = arena_printf(a, "%s/%s.so", p->plugin_path.v[i], s->plugin);
        if (file && plugin_at(p, file, &unknown, &looked) && !found)
            found = file;
    }
    buf_putc(&looked, 0);
    if (!found && !unknown)
        errors_add(p->e, v->at, "plugin: \"%s\" is not there: looked for %s", s->plugin,
                   buf_ok(&looked) && n > 0 ? looked.p : "it nowhere, plugin_path is empty");
    buf_free(&looked);
    return unknown ? NULL : found;
}

/* ---- only, drop ------------------------------------------------------------------------------ */

static void check_patterns(struct parse *p, const struct conf_sink *s, const char *key)
{
    const struct node *list = node_get(s->node, key), *v;
    const char *fault;

    for (v = list && list->kind == NODE_LIST ? list->first : list; v; v = v->next) {
        if (v->kind == NODE_SCALAR && !node_is_null(v) && (fault = glob_fault(v->text)))
            errors_add(p->e, v->at, "%s: \"%s\" %s", key, v->text, fault);
        if (v == list)
            break; /* a pattern alone: what follows is the next key */
    }
}

/* ---- the list -------------------------------------------------------------------------------- */

static void take_plugin(struct parse *p, struct conf_sink *s)
{
    const struct node *v = node_get(s->node, "plugin");
    struct conf_self self;

    if (!(s->plugin_file = find_plugin(p, s)))
        return;
    if (conf_self(p, &self))
        p->c->self = self.uid;
    conf_parse_sink_user(p, s);
    s->digest = conf_digest_sink(p->c, s, conf_fact(p, "file:", s->plugin_file));
    if (!s->allow_writable)
        (void)conf_parse_trust(p, v, s->identity.uid, s->plugin_file,
                               ", or set allow_writable: true", &s->own_groups);
}

static struct conf_sink *parse_sink(struct parse *p, const struct node *map)
{
    static const struct option_set confirm = {ROWS(CONFIRM_ROWS), "confirm"};
    struct conf_sink *s = arena_alloc(&p->c->arena, sizeof *s);
    const struct node *only;

    if (!s)
        return NULL;
    s->node = map;
    s->at = map->at;
    s->identity = (struct conf_identity){.uid = (uid_t)-1, .gid = (gid_t)-1};
    option_fill(&p->c->arena, conf_sink_options, NULL, true, map, s, p->e);
    option_fill(&p->c->arena, confirm, NULL, false, s->confirm_node, &s->confirm, p->e);
    if (map->kind != NODE_MAP)
        return NULL;
    if (s->name)
        check_name(p, s);
    if (s->plugin)
        take_plugin(p, s);
    conf_parse_endpoints(p, s);
    check_patterns(p, s, "only");
    check_patterns(p, s, "drop");
    only = node_get(map, "only");
    if (only && only->kind == NODE_LIST && only->n == 0)
        errors_add(p->e, only->at,
                   "only is an empty list: write what is wanted, or remove the key for everything");
    return s;
}

void conf_parse_sinks(struct parse *p, const struct node *list)
{
    struct conf_sink **end = &p->c->sinks, *s;

    if (!list)
        return;
    if (list->kind != NODE_LIST) {
        errors_add(p->e, list->at, "sinks must be a list of maps, \"- name: main\" and so on");
        return;
    }
    for (const struct node *v = list->first; v; v = v->next)
        if (arena_ok(&p->c->arena) && (s = parse_sink(p, v))) {
            *end = s;
            end = &s->next;
        }
}
