/* conf/conf.c - the rows of garnet.yaml and what they cannot say by themselves; then the sinks, then
 * each collector's file
 *
 * The host's name is looked up with each load, so a SIGHUP takes a new one. Fails only for want of
 * memory, with NULL.
 */
#include "conf/conf.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/facts.h"
#include "conf/judge.h"
#include "conf/path.h"

_Static_assert(LOG_L_ERROR == 0 && LOG_L_WARN == 1 && LOG_L_INFO == 2 && LOG_L_DEBUG == 3,
               "log_level's choices stand in the order of enum log_level");

static const struct option SELF_ROWS[] = {
    KEY(struct conf_self_metrics, interval, OPT_DURATION, "how often; `0`: never", .def = "10s",
        .max = "1d"),
    KEY(struct conf_self_metrics, level, OPT_CHOICE,
        "`full`: [all that it knows](#garnets-own-metrics)", .def = "basic",
        .choices = "basic|full"),
};
static const struct section self_section = {ROWS(SELF_ROWS), "self_metrics"};

static const struct option SPOOL_ROWS[] = {
    KEY(struct conf_spool, dir, OPT_PATH,
        "a folder of its own, made when it is missing; what is in it is garnetd's user's alone. "
        "One that everybody may write to (/tmp itself, a tmpfs as it is mounted) is refused",
        .def = "/var/lib/garnet/spool"),
    KEY(struct conf_spool, max_size, OPT_SIZE,
        "beyond this the oldest metrics are removed; a sink that had not sent them counts them as "
        "dropped",
        .def = "256MiB", .min = "1MiB"),
    KEY(struct conf_spool, max_age, OPT_DURATION, "metrics older than this are removed likewise",
        .unset = "no bound"),
    KEY(struct conf_spool, segment_size, OPT_SIZE,
        "the size of one file; whole files are removed. At most half of `max_size`; the default is "
        "a quarter of that where it is less",
        .def = "16MiB", .min = "64KiB", .max = "1GiB"),
    KEY(struct conf_spool, reserve, OPT_SIZE,
        "of `max_size`, so much is kept on the disk for when it is "
        "[full](#when-something-is-wrong), at most half, and with `segment_size` three quarters; "
        "the default is a quarter of `max_size` where that is less. `0`: none",
        .def = "32MiB"),
    KEY(struct conf_spool, durable, OPT_BOOL,
        "`true`: reply \"accepted\" only when it is on the disk; `false`: when the kernel has it",
        .def = "false"),
    KEY(struct conf_spool, keep_removed, OPT_DURATION,
        "how long the place of a sink that is [no longer configured](#a-sink-that-is-removed) is "
        "kept; `0`: not at all",
        .def = "24h", .min = "0", .max = "365d"),
};
static const struct section spool_section = {ROWS(SPOOL_ROWS), "spool"};

static const struct option PER_USER_ROWS[] = {
    KEY(struct conf_per_user, metrics, OPT_INT,
        "a second, of one user on the shared socket, and ten times as many at once. What is beyond "
        "is [refused](#one-users-flood), never delayed; `0`: no limit",
        .def = "5000", .min = "0", .max = "10000000"),
    KEY(struct conf_per_user, bytes, OPT_SIZE,
        "a second likewise, as they are long in the spool (some 100 each)", .def = "1MiB"),
    KEY(struct conf_per_user, series, OPT_INT,
        "distinct series (name, type, unit and tags) an hour likewise; those that were there "
        "before go on",
        .def = "50000", .min = "0", .max = "1000000"),
};
static const struct section per_user_section = {ROWS(PER_USER_ROWS), "per_user"};

static const struct option INTAKE_ROWS[] = {
    KEY(struct conf_intake, max_value, OPT_SIZE, "of one JSON object; a longer one is rejected",
        .def = "64KiB", .min = "1KiB", .max = "16MiB"),
    KEY(struct conf_intake, max_depth, OPT_INT, "how deep a JSON object may nest", .def = "16",
        .min = "2", .max = "128"),
    KEY(struct conf_intake, max_name, OPT_INT, "bytes of a metric's name", .def = "255", .min = "1",
        .max = "4096"),
    KEY(struct conf_intake, max_tags, OPT_INT, "tags of a metric", .def = "32", .min = "0",
        .max = "64"),
    KEY(struct conf_intake, max_connections, OPT_INT,
        "on the shared socket; the collectors' sockets together have as many of their own. When "
        "they are all taken, a new one takes the place of one that is silent: of the longest "
        "silent one of the user who has most, and that one gets a reply that says so. If none is "
        "silent, the new one is refused",
        .def = "512", .min = "1", .max = "100000"),
    KEY(struct conf_intake, max_connections_per_user, OPT_INT,
        "of one user on the shared socket, and of one collector on its own. When they are all "
        "taken, a new one takes the place of one that has been silent for `idle`; if there is "
        "none, the new one is refused",
        .def = "128", .min = "1", .max = "100000"),
    KEY(struct conf_intake, per_user, OPT_SECTION, NULL, .section = &per_user_section),
    KEY(struct conf_intake, idle, OPT_DURATION,
        "how long an object may stay unfinished, or a reply unread. While a reply waits for a sync "
        "or a full disk, garnetd does not read: that time does not count for an object",
        .def = "30s", .min = "100ms"),
};
static const struct section intake_section = {ROWS(INTAKE_ROWS), "intake"};

static const struct option MAIN_ROWS[] = {
    KEY(struct conf, socket, OPT_SECTION, "the shared socket: its path, or the next three keys",
        .section = &socket_section, .flags = OPT_SHORT),
    KEY(struct conf, control, OPT_SECTION, NULL, .section = &control_section),
    KEY(struct conf, host, OPT_STRING,
        "the value of the tag `host` of every metric. The machine's name is read again with each "
        "SIGHUP. A machine that is called `localhost` or `(none)`, or has no name, is a warning; "
        "without a name it counts as `localhost`",
        .unset = "the machine's name"),
    ROW(struct conf, "collectors", collectors_folder, OPT_PATH,
        "a folder; each `*.yaml` in it is one collector. What ends in `.yml`, `.YAML` or `.conf` "
        "is not read: a warning",
        .unset = "`collectors.d`"),
    ROW(struct conf, "scripts", scripts_folder, OPT_PATH,
        "a folder of folders that are called like intervals (`30s`): each program in one of these "
        "is a "
        "collector, [without a file of its own](#scripts-without-a-file)",
        .unset = "`scripts.d`"),
    KEY(struct conf, plugin_path, OPT_PATHS, "folders, searched in order for `NAME.so`",
        .def = GARNET_PLUGIN_DIR, .unset = "where plugins are installed"),
    KEY(struct conf, tags, OPT_MAP,
        "added to every metric that has no such tag; [Garnet's own](#garnets-own-metrics) keep "
        "theirs, too"),
    KEY(struct conf, spool, OPT_SECTION, NULL, .section = &spool_section),
    KEY(struct conf, intake, OPT_SECTION, NULL, .section = &intake_section),
    ROW(struct conf, "sinks", sinks_node, OPT_NODE, "where metrics go: see [below](#a-sink)"),
    KEY(struct conf, shutdown_timeout, OPT_DURATION,
        "how long garnetd may take to end; the sinks get at least half of it", .def = "10s",
        .max = "1h"),
    KEY(struct conf, reload_grace, OPT_DURATION,
        "how long the worker of a sink that a reload changes or removes may take to end: what it "
        "has sent is waited for, but not a peer that is down or stalled. What is not confirmed by "
        "then the next worker sends again",
        .def = "2s", .max = "1h"),
    KEY(struct conf, self_metrics, OPT_SECTION,
        "how often Garnet reports on itself, or the next two keys", .section = &self_section,
        .flags = OPT_SHORT),
    KEY(struct conf, log_level, OPT_CHOICE, "lines of this level are logged, and more severe ones",
        .def = "info", .choices = "error|warn|info|debug"),
};
const struct section main_section = {ROWS(MAIN_ROWS), "the main file"};

/* --- host, tags --- */

static bool is_blank(const char *s)
{
    return s[strspn(s, " \t")] == 0;
}

static bool host_usable(const char *s)
{
    size_t n = 0;

    while (s[n] >= '!' && s[n] <= '~')
        n++;
    return n > 0 && s[n] == 0;
}

static const char *written_host(struct parsing *p, const char *host, struct pos at)
{
    if (*host == 0)
        errors_add(p->e, at, "host: \"\" is empty: give a name or remove the key");
    else if (is_blank(host))
        errors_warn(p->e, at, "host: \"%s\" is blank: give a name or remove the key", host);
    return host;
}

/* A machine that has not been named, or not yet: its metrics are not to be lost for that. */
static const char *nameless_host(struct parsing *p, const char *host, struct pos at)
{
    const char *used = is_blank(host) ? "localhost" : host;

    errors_warn(p->e, at,
                "this machine's name is \"%s\": its metrics have the host \"%s\", as those of "
                "other machines may: set \"host\", or name it and send SIGHUP",
                host, used);
    return used;
}

static const char *own_host(struct parsing *p, struct pos at)
{
    const char *host;

    if (fact_hostname(p, &host) == FACT_WANTED)
        return "";
    if (is_blank(host) || strcmp(host, "localhost") == 0 || strcmp(host, "(none)") == 0 ||
        strncmp(host, "localhost.", strlen("localhost.")) == 0)
        return nameless_host(p, host, at);
    if (!host_usable(host))
        errors_world(p->e, at, "this machine's name, \"%s\", is not usable: set \"host\"", host);
    return host;
}

static void parse_host(struct parsing *p, const struct node *root)
{
    const char *host = p->c->host;

    host = host != NULL ? written_host(p, host, node_get(root, "host")->at)
                        : own_host(p, (struct pos){root->at.file, 0, 0});
    p->c->host = arena_strdup(p->a, host);
}

/* The tags of every metric: host first, unless the user's own has that name. */
static void merge_tags(struct parsing *p)
{
    const struct pairs *own = &p->c->tags;
    struct pair *t = arena_alloc(p->a, (own->n + 1) * sizeof *t);
    size_t n = 0;

    if (t == NULL)
        return;
    t[n++] = (struct pair){.key = "host", .val = p->c->host};
    for (size_t i = 0; i < own->n; i++)
        t[strcmp(own->v[i].key, "host") == 0 ? 0 : n++] = own->v[i];
    p->c->tags = (struct pairs){t, n};
}

/* --- self_metrics, spool --- */

static void check_self_metrics(struct parsing *p, const struct node *v)
{
    const struct node *interval = v != NULL && v->kind == NODE_MAP ? node_get(v, "interval") : v;
    int64_t ns = p->c->self_metrics.interval;

    if (interval != NULL && ns > 0 && ns < 100 * NS_PER_MS)
        errors_add(p->e, interval->at, "%s: \"%s\" is below the least value, 100ms (0 for none)",
                   interval == v ? "self_metrics" : "interval", interval->text);
}

/* Retention removes whole segments and never the newest: one alone could not be bounded. */
static void fit_segments(struct parsing *p, const struct node *map)
{
    struct conf_spool *s = &p->c->spool;
    const struct node *written = node_get(map, "segment_size");

    if (written == NULL && s->segment_size > s->max_size / 4)
        s->segment_size = s->max_size / 4;
    else if (written != NULL && written->kind == NODE_SCALAR && s->segment_size > s->max_size / 2)
        errors_add(p->e, written->at,
                   "segment_size: \"%s\" is more than half of max_size: lower it", written->text);
}

/* What a reserve and the newest segment leave is what there is of the one before: it is not to go as that begins. */
static void fit_reserve(struct parsing *p, const struct node *map)
{
    struct conf_spool *s = &p->c->spool;
    const struct node *written = node_get(map, "reserve");
    int64_t quarter = s->max_size / 4;

    if (written == NULL) {
        s->reserve = s->reserve < quarter ? s->reserve : quarter;
        return;
    }
    if (written->kind != NODE_SCALAR)
        return;
    if (s->reserve > 2 * quarter)
        errors_add(p->e, written->at, "reserve: \"%s\" is more than half of max_size: lower it",
                   written->text);
    else if (s->reserve > s->max_size - quarter - s->segment_size)
        errors_add(
            p->e, written->at,
            "reserve: \"%s\" and segment_size are more than three quarters of max_size: lower "
            "one of them",
            written->text);
}

static void check_room(struct parsing *p, const struct node *map, struct pos file)
{
    const struct node *written = node_get(map, "max_size");
    const struct conf_spool *s = &p->c->spool;
    uint64_t room;

    if (s->dir == NULL || fact_room(p, s->dir, &room) != FACT_KNOWN ||
        (uint64_t)s->max_size <= room)
        return;
    errors_warn(p->e, written != NULL ? written->at : file,
                "spool.max_size: %llu MiB are more than the %llu MiB of the file system of \"%s\": "
                "lower it, or the spool fills the disk",
                (unsigned long long)s->max_size >> 20, (unsigned long long)room >> 20, s->dir);
}

/* What will be refused at the start, whoever runs the check: spool/inventory.c. */
static void check_spool_folder(struct parsing *p, struct pos at)
{
    const char *dir = p->c->spool.dir;
    struct fact_file f;

    if (dir == NULL || fact_file(p, dir, &f) != FACT_KNOWN)
        return;
    if (!S_ISDIR(f.mode))
        errors_world(p->e, at, "dir: \"%s\" is not a folder: write the name of one", dir);
    else if ((f.mode & S_IWOTH) != 0 && (f.mode & S_ISVTX) != 0)
        errors_world(p->e, at,
                     "dir: \"%s\" is a folder that everybody may write to: write the name of a "
                     "folder in it, which garnetd then makes",
                     dir);
}

/* --- all --- */

static void parse_main_file(struct parsing *p, const struct node *root)
{
    const struct node *spool = node_get(root, "spool"), *dir = node_get(spool, "dir");
    struct conf *c = p->c;

    section_fill(p->a, &main_section, root, c, p->e);
    c->folder_written = c->collectors_folder != NULL;
    if (!c->folder_written)
        c->collectors_folder = path_from(p->a, root->at.file, "collectors.d");
    c->scripts_written = c->scripts_folder != NULL;
    if (!c->scripts_written)
        c->scripts_folder = path_from(p->a, root->at.file, "scripts.d");
    parse_host(p, root);
    parse_check_tags(p, &c->tags);
    merge_tags(p);
    parse_socket(p, root);
    parse_control(p, root);
    check_self_metrics(p, node_get(root, "self_metrics"));
    fit_segments(p, spool);
    fit_reserve(p, spool);
    check_room(p, spool, (struct pos){root->at.file, 0, 0});
    if (dir != NULL)
        check_spool_folder(p, dir->at);
}

/* The main file's tree; after errors an empty one, so that the rest is checked all the same. One without
 * any key is most likely half of a file, and would cost every sink its place in the spool. */
static const struct node *read_main(struct parsing *p)
{
    const struct snapshot_file *f = p->file;
    struct node *root = NULL;

    if (f->error != NULL)
        errors_world(p->e, (struct pos){f->path, 0, 0}, "%s", f->error);
    else
        root = yaml_parse(p->a, f->path, f->text, p->e);
    if (root != NULL && root->kind == NODE_MAP && root->n == 0 && p->e->n == 0)
        errors_add(p->e, (struct pos){f->path, 0, 0},
                   "has no key: is it whole? Write at least \"sinks: []\"");
    return root != NULL ? root : yaml_empty(p->a, f->path);
}

struct conf *conf_parse(const struct snapshot *s, struct errors *e)
{
    struct conf *c = calloc(1, sizeof *c);
    struct parsing p = {.c = c, .e = e, .running = s->running, .file = s->files};
    const struct node *root;

    if (c == NULL)
        return NULL;
    p.a = &c->arena;
    c->scripts_there = s->scripts;
    if ((root = c->root = read_main(&p)) != NULL)
        parse_main_file(&p, root);
    if (root != NULL && arena_ok(p.a)) {
        parse_sinks(&p, c->sinks_node);
        parse_collectors(&p, s->files->next, root);
    }
    c->wanted = p.wanted;
    if (arena_ok(p.a))
        return c;
    conf_free(c);
    return NULL;
}

struct conf *conf_parse_known(const struct snapshot *s)
{
    struct errors ignored = {0};
    struct conf *c = conf_parse(s, &ignored);

    errors_free(&ignored);
    return c;
}

void conf_free(struct conf *c)
{
    struct arena a;

    if (c == NULL)
        return;
    a = c->arena;
    arena_free(&a);
    free(c);
}
