/* conf/parse/sink.c - fills a sink from its map, then looks for its plugin among the facts
 *
 * Fails only for want of memory.
 */
#include "conf/parse/sink.h"

#include <sys/stat.h>

#include "base/glob.h"
#include "conf/digest.h"
#include "conf/parse/endpoints.h"
#include "conf/parse/identity.h"
#include "conf/path.h"

enum { SINK_SEED = 5 };

static const struct option CONFIRM_ROWS[] = {
    KEY(struct conf_confirm, every, OPT_DURATION, "The age at which a connection is confirmed.",
        .def = "60s", .min = "1s", .max = "1h"),
    KEY(struct conf_confirm, bytes, OPT_SIZE, "The bytes after which a connection is confirmed.",
        .def = "4MiB", .min = "4KiB", .max = "1GiB"),
    KEY(struct conf_confirm, replay, OPT_DURATION,
        "How much more is sent again after a connection did not end cleanly.", .def = "60s",
        .min = "0", .max = "1h"),
};
static const struct section confirm_section = {ROWS(CONFIRM_ROWS), "confirm"};

static const struct option SINK_ROWS[] = {
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
    KEY(struct conf_sink, confirm, OPT_SECTION,
        "When what a stream peer has read is confirmed: {every, bytes, replay}.",
        .section = &confirm_section),
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
const struct section sink_section = {ROWS(SINK_ROWS), "a sink"};

/* --- name, plugin --- */

static void check_sink_name(struct parsing *p, const struct conf_sink *s)
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
    for (const struct conf_sink *o = p->c->sinks; o != NULL; o = o->next)
        if (o->name != NULL && strcmp(o->name, s->name) == 0) {
            errors_add(p->e, v->at,
                       "name: \"%s\" is already the sink at line %u: names must differ", s->name,
                       node_get(o->node, "name")->at.line);
            return;
        }
}

/* One place where the plugin may be: true when it is there. Otherwise adds to `looked`. */
static bool plugin_at(struct parsing *p, const char *file, bool *unknown, struct buf *looked)
{
    struct fact_file f;
    enum fact state = fact_file(&p->facts, file, &f);

    if (state == FACT_KNOWN && S_ISREG(f.mode))
        return true;
    if (state == FACT_WANTED) {
        *unknown = true;
        return false;
    }
    buf_putf(looked, "%s%s", looked->n > 0 ? ", " : "", file);
    if (state == FACT_KNOWN)
        buf_puts(looked, " (is not a regular file)");
    else if (strcmp(p->facts.why, "does not exist") != 0)
        buf_putf(looked, " (%s)", p->facts.why);
    return false;
}

/* The first place that holds the plugin; NULL after an error, and while a fact is lacking. */
static const char *find_plugin(struct parsing *p, const struct conf_sink *s)
{
    const struct node *v = node_get(s->node, "plugin");
    bool path = strchr(s->plugin, '/') != NULL;
    size_t n = path ? 1 : p->c->plugin_path.n;
    const char *found = NULL, *file;
    struct buf looked = {0};
    bool unknown = false;

    for (size_t i = 0; i < n; i++) {
        file = path ? path_from(p->a, v->at.file, s->plugin)
                    : arena_printf(p->a, "%s/%s.so", p->c->plugin_path.v[i], s->plugin);
        if (file != NULL && plugin_at(p, file, &unknown, &looked) && found == NULL)
            found = file;
    }
    buf_putc(&looked, 0);
    if (found == NULL && !unknown)
        errors_add(p->e, v->at, "plugin: \"%s\" is not there: looked for %s", s->plugin,
                   buf_ok(&looked) && n > 0 ? looked.p : "it nowhere, plugin_path is empty");
    buf_free(&looked);
    return unknown ? NULL : found;
}

/* --- only, drop --- */

static void check_patterns(struct parsing *p, const struct conf_sink *s, const char *key)
{
    const struct node *list = node_get(s->node, key), *v;
    const char *fault;

    for (v = list != NULL && list->kind == NODE_LIST ? list->first : list; v != NULL; v = v->next) {
        if (v->kind == NODE_SCALAR && !node_is_null(v) && (fault = glob_fault(v->text)) != NULL)
            errors_add(p->e, v->at, "%s: \"%s\" %s", key, v->text, fault);
        if (v == list)
            break; /* a pattern alone: what follows is the next key */
    }
}

/* --- the list --- */

/* Of what a worker goes by beside its own keys; the plugin's identity included. */
static uint64_t sink_digest(const struct conf *c, const struct conf_sink *s,
                            const struct fact_file *f)
{
    const struct conf_identity *id = &s->identity;
    uint64_t h = digest_node(SINK_SEED, s->node);

    h = digest_text(h, s->plugin_file);
    h = digest_number(digest_number(h, f->dev), f->ino);
    h = digest_number(digest_number(h, (uint64_t)f->size), (uint64_t)f->mtime);
    h = digest_number(digest_number(h, (uint64_t)f->ctime), f->mode);
    h = digest_number(digest_number(digest_number(h, f->uid), id->uid), id->gid);
    for (size_t i = 0; i < id->ngroups; i++)
        h = digest_number(h, id->groups[i]);
    h = digest_text(h, c->host);
    h = digest_number(h, (uint64_t)c->log_level); /* the worker's too */
    return digest_text(h, c->spool.dir);
}

static void take_plugin(struct parsing *p, struct conf_sink *s)
{
    struct fact_file f;

    if ((s->plugin_file = find_plugin(p, s)) == NULL ||
        fact_file(&p->facts, s->plugin_file, &f) != FACT_KNOWN)
        return;
    parse_sink_identity(p, s);
    s->digest = sink_digest(p->c, s, &f);
    if (!s->allow_writable)
        (void)parse_check_way(p, "plugin", node_get(s->node, "plugin"), s->identity.uid,
                              s->plugin_file, ", or set allow_writable: true", &s->own_groups);
}

static struct conf_sink *parse_sink(struct parsing *p, const struct node *map)
{
    struct conf_sink *s = arena_alloc(p->a, sizeof *s);
    const struct node *only;

    if (s == NULL)
        return NULL;
    s->node = map;
    s->at = map->at;
    s->identity = (struct conf_identity){.uid = (uid_t)-1, .gid = (gid_t)-1};
    section_fill(p->a, &sink_section, NULL, true, map, s, p->e);
    if (map->kind != NODE_MAP)
        return NULL;
    if (s->name != NULL)
        check_sink_name(p, s);
    if (s->plugin != NULL)
        take_plugin(p, s);
    parse_endpoints(p, s);
    check_patterns(p, s, "only");
    check_patterns(p, s, "drop");
    only = node_get(map, "only");
    if (only != NULL && only->kind == NODE_LIST && only->n == 0)
        errors_add(p->e, only->at,
                   "only is an empty list: write what is wanted, or remove the key for everything");
    return s;
}

void parse_sinks(struct parsing *p, const struct node *list)
{
    struct conf_sink **end = &p->c->sinks, *s;

    if (list == NULL)
        return;
    if (list->kind != NODE_LIST) {
        errors_add(p->e, list->at, "sinks must be a list of maps, \"- name: main\" and so on");
        return;
    }
    for (const struct node *v = list->first; v != NULL; v = v->next)
        if (arena_ok(p->a) && (s = parse_sink(p, v)) != NULL) {
            *end = s;
            end = &s->next;
        }
}
