/* conf/sink.c - fills a sink from its map, then looks for its plugin among the facts
 *
 * Fails only for want of memory.
 */
#include "conf/sink.h"

#include <sys/stat.h>

#include "base/glob.h"
#include "conf/conf.h"
#include "conf/endpoints.h"
#include "conf/facts.h"
#include "conf/path.h"

enum { SINK_SEED = 5 };

static const struct option CONFIRM_ROWS[] = {
    KEY(struct conf_confirm, every, OPT_DURATION,
        "how old a connection gets before it is ended, to confirm that what was sent on it was "
        "read",
        .def = "60s", .min = "1s", .max = "1h"),
    KEY(struct conf_confirm, bytes, OPT_SIZE, "or how much is sent on it before that",
        .def = "4MiB", .min = "4KiB", .max = "1GiB"),
    KEY(struct conf_confirm, replay, OPT_DURATION,
        "when a connection does not end well, what was confirmed within this time is sent again, "
        "too",
        .def = "60s", .min = "0", .max = "1h"),
};
static const struct section confirm_section = {ROWS(CONFIRM_ROWS), "confirm"};

static const struct option SINK_ROWS[] = {
    KEY(struct conf_sink, name, OPT_STRING,
        "letters, digits, `_ . -`; names the worker, its position and its metrics. A new name is a "
        "new sink",
        .flags = OPT_REQUIRED),
    KEY(struct conf_sink, plugin, OPT_STRING, "a name in `plugin_path`, or the path of a `.so`",
        .flags = OPT_REQUIRED),
    KEY(struct conf_sink, to, OPT_LIST,
        "`tcp://HOST:PORT`, `udp://HOST:PORT`, `unix:///PATH` (a stream), `unixgram:///PATH` "
        "(datagrams), `file:///PATH`, `stdout`; `unix:`, `unixgram:` and `file:` take a path "
        "relative to this file, too. A list is tried in order",
        .unset = "required, unless the plugin delivers by itself"),
    KEY(struct conf_sink, flush, OPT_DURATION, "the age at which a batch leaves", .def = "1s",
        .unset = "the plugin's, else `1s`", .min = "0", .max = "1h"),
    KEY(struct conf_sink, batch_size, OPT_SIZE, "the size at which a batch leaves", .def = "64KiB",
        .unset = "the plugin's, else `64KiB`", .min = "512", .max = "1MiB"),
    KEY(struct conf_sink, batch_metrics, OPT_INT,
        "the number of metrics at which a batch leaves, at most the plugin's (some receivers take "
        "so many at once, and no more)",
        .unset = "the plugin's, else no limit", .min = "1", .max = "1000000"),
    KEY(struct conf_sink, max_packet, OPT_SIZE,
        "over these each batch is one datagram of at most this many bytes; a metric that alone is "
        "longer is rejected and counted. 1432 fits into an Ethernet frame, 8932 into a jumbo "
        "frame, 512 through any network",
        .unset = "1432 for udp, 8192 for unixgram", .min = "512", .max = "65507"),
    KEY(struct conf_sink, confirm, OPT_SECTION,
        "the next three keys, for `tcp` and `unix`, and plugins whose output may come twice (not "
        "StatsD). See [what is confirmed](architecture.md#delivery)",
        .section = &confirm_section),
    KEY(struct conf_sink, catch_up_rate, OPT_INT,
        "metrics a second, at most, while what has waited is sent (after an outage, a start, or a "
        "peer that stood still), until the sink has caught up: an overloaded receiver that comes "
        "back is not overrun. `0`: as fast as it goes. Must be more than what arrives; what "
        "arrives live is never slowed",
        .def = "0", .min = "0", .max = "1000000000"),
    KEY(struct conf_sink, max_age, OPT_DURATION,
        "for plugins whose output carries no time (StatsD), no others: what was accepted longer "
        "ago, or has an older time from its sender, is dropped as `stale`, and never sent as if it "
        "were new. The log says when that begins and ends. `0`: nothing is dropped",
        .def = "10s", .min = "0", .max = "1d"),
    KEY(struct conf_sink, warm, OPT_DURATION,
        "for plugins that are asked for the present (`GARNET_LIVE`: a page that others fetch, "
        "say), "
        "no others: at each start the plugin is [given again](#a-page-that-others-fetch) what was "
        "accepted within this time before, and what came meanwhile; anything older that was not "
        "delivered is dropped as `stale`. Make it longer than the longest interval of the sink's "
        "series. `0`: each start begins at the newest metric",
        .def = "10m", .min = "0", .max = "7d"),
    KEY(struct conf_sink, memory_limit, OPT_SIZE,
        "the memory that the sink's worker may use (its data; of stacks only those of threads that "
        "a "
        "plugin or its libraries start, 1 MiB each unless they set a size; `RLIMIT_DATA`): a "
        "plugin that leaks gets no more. If it ends because of that, it is started again, and the "
        "log says how much it had",
        .def = "1GiB", .min = "32MiB", .max = "1024GiB"),
    KEY(struct conf_sink, start, OPT_CHOICE,
        "where a new sink begins: `now`, or with the `oldest` metric in the spool", .def = "now",
        .choices = "now|oldest"),
    KEY(struct conf_sink, only, OPT_LIST,
        "[patterns](#patterns-only-and-drop), a list or one: a metric is sent if its name matches "
        "one of them",
        .unset = "everything"),
    KEY(struct conf_sink, drop, OPT_LIST,
        "patterns likewise: a metric is not sent if its name matches one of them",
        .unset = "nothing"),
    KEY(struct conf_sink, counters, OPT_CHOICE,
        "what [counters](#counters) are sent as: `raw`, as they are; `rate`, per second; `delta`, "
        "the difference to the value before",
        .unset = "the plugin's; Graphite: `raw`", .choices = "raw|rate|delta"),
    KEY(struct conf_sink, counter_window, OPT_DURATION,
        "with `rate` and `delta`: how much older the value may be that a counter's value is "
        "compared with. It must be more than the longest interval of the sink's counters",
        .def = "10m", .min = "1s", .max = "24h"),
    ROW(struct conf_sink, "user", identity.user, OPT_STRING,
        "who the sink's worker runs as, with its groups: a name or id that has an account. It "
        "takes a garnetd that is root, or has CAP_SETUID, CAP_SETGID and CAP_KILL. Where garnetd "
        "is root and the user `garnet` exists, as an installation makes it, that is the default, "
        "and `user: root` keeps the worker root. That user must be able to read the plugin, and to "
        "reach what `to` names: a `file` sink's folder, a receiver's socket. The spool need not be "
        "open to it",
        .unset = "garnetd's; where that is root, `garnet`"),
    KEY(struct conf_sink, allow_writable, OPT_BOOL,
        "accept a `plugin` that others can alter, itself or anything that its path goes through",
        .def = "false"),
};
const struct section sink_section = {ROWS(SINK_ROWS), "a sink", .open = true};

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
    enum fact state = fact_file(p, file, &f);

    if (state == FACT_KNOWN && S_ISREG(f.mode))
        return true;
    if (state == FACT_WANTED) {
        *unknown = true;
        return false;
    }
    buf_putf(looked, "%s%s", looked->n > 0 ? ", " : "", file);
    if (state == FACT_KNOWN)
        buf_puts(looked, " (is not a regular file)");
    else if (strcmp(p->why, "does not exist") != 0)
        buf_putf(looked, " (%s)", p->why);
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
        errors_world(p->e, v->at, "plugin: \"%s\" is not there: looked for %s", s->plugin,
                     buf_ok(&looked) && n > 0 ? looked.p : "it nowhere, plugin_path is empty");
    buf_free(&looked);
    return unknown ? NULL : found;
}

/* --- only, drop --- */

static void check_patterns(struct parsing *p, const struct conf_sink *s, const char *key)
{
    const struct node *list = node_get(s->node, key);
    const char *fault;

    for (const struct node *v = node_first(list); v != NULL; v = node_next(list, v))
        if (v->kind == NODE_SCALAR && !node_is_null(v) && (fault = glob_fault(v->text)) != NULL)
            errors_add(p->e, v->at, "%s: \"%s\" %s", key, v->text, fault);
}

/* --- the list --- */

/* Of what a worker goes by beside its own keys; the plugin's identity included. */
static uint64_t sink_digest(const struct conf *c, const struct conf_sink *s,
                            const struct fact_file *f)
{
    uint64_t h = digest_node(SINK_SEED, s->node);

    h = fact_file_digest(digest_text(h, s->plugin_file), f);
    h = digest_number(digest_number(h, (uint64_t)f->ctime), f->mode);
    h = parse_digest_identity(digest_number(h, f->uid), &s->identity);
    h = digest_secrets(h, s);
    h = digest_text(h, c->host);
    h = digest_number(h, (uint64_t)c->log_level); /* the worker's too */
    return digest_text(h, c->spool.dir);
}

static void take_plugin(struct parsing *p, struct conf_sink *s)
{
    struct fact_file f;

    if ((s->plugin_file = find_plugin(p, s)) == NULL ||
        fact_file(p, s->plugin_file, &f) != FACT_KNOWN)
        return;
    parse_sink_identity(p, s);
    parse_secrets(p, s, &sink_section);
    s->digest = sink_digest(p->c, s, &f);
    if (!s->allow_writable)
        parse_check_way(p, "plugin", node_get(s->node, "plugin"), s->identity.uid, s->plugin_file,
                        &s->own_groups);
}

/* What its check has said for which the text is not to blame: daemon/check.c. */
static void take_check(struct parsing *p, const struct conf_sink *s)
{
    const char *said = fact_check(p, s->name);

    if (said != NULL)
        errors_world_lines(p->e, str_of(said));
}

/* A user that was not understood may be any. */
static bool is_loadable(const struct conf_sink *s)
{
    return s->name != NULL && s->plugin_file != NULL &&
           (s->identity.user != NULL || node_get(s->node, "user") == NULL);
}

static void fill_sink(struct parsing *p, struct conf_sink *s)
{
    const struct node *only = node_get(s->node, "only");
    unsigned before = p->e->n;

    if (s->name != NULL)
        check_sink_name(p, s);
    if (s->plugin != NULL)
        take_plugin(p, s);
    s->loadable = p->e->n == before && is_loadable(s);
    parse_endpoints(p, s);
    check_patterns(p, s, "only");
    check_patterns(p, s, "drop");
    if (only != NULL && only->kind == NODE_LIST && only->n == 0)
        errors_add(p->e, only->at,
                   "only is an empty list: write what is wanted, or remove the key for everything");
    if (s->name != NULL)
        take_check(p, s);
}

static struct conf_sink *parse_sink(struct parsing *p, const struct node *map)
{
    struct conf_sink *s = arena_alloc(p->a, sizeof *s);
    struct errors own = {0}, *all = p->e;

    if (s == NULL)
        return NULL;
    s->node = map;
    s->at = map->at;
    s->identity = (struct conf_identity){.uid = (uid_t)-1, .gid = (gid_t)-1};
    p->e = &own;
    section_fill(p->a, &sink_section, map, s, p->e);
    p->anew = s->name != NULL && fact_is_anew(p, s->name) ? s->name : NULL;
    if (map->kind == NODE_MAP)
        fill_sink(p, s);
    p->anew = NULL;
    p->e = all;
    p->a->failed |= !buf_ok(&own.text);
    s->refused = own.n > 0 && errors_only_world(&own);
    if (s->refused)
        parse_refuse(p, (struct conf_refused){.file = p->file->path, .sink = s->name}, &own);
    errors_join(all, &own, s->refused);
    errors_free(&own);
    return map->kind == NODE_MAP ? s : NULL;
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

const struct conf_sink *conf_sink_named(const struct conf *c, const char *name)
{
    const struct conf_sink *s = c->sinks;

    while (s != NULL && (s->name == NULL || strcmp(s->name, name) != 0))
        s = s->next;
    return s;
}
