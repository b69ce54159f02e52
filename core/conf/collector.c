/* conf/collector.c - fills a collector by its rows, then checks what these cannot say
 *
 * A disabled one is checked as far as it goes without its command. Who could alter the program would
 * be whoever the collector is. So all that its path goes through is looked at (base/trust.h), here
 * and again before each run; not a script that the program interprets. Fails only for want of memory.
 */
#include "conf/collector.h"

#include "base/clock.h"
#include "conf/conf.h"
#include "conf/facts.h"
#include "conf/path.h"
#include "conf/scripts.h"

enum { COLLECTOR_SEED = 6, MAX_TAGS = 32 };
/* From which on it matters that one is missed. */
static const int64_t LONG_INTERVAL = 600 * NS_PER_S;

static const struct option LIMIT_ROWS[] = {
    KEY(struct conf_limits, cpu, OPT_DURATION,
        "CPU time of each of its processes, in whole seconds: SIGXCPU, a second later KILL",
        .min = "1s"),
    KEY(struct conf_limits, memory, OPT_SIZE,
        "memory of the whole run where it has a control group, else the address space of each "
        "process",
        .min = "1MiB"),
    KEY(struct conf_limits, files, OPT_INT, "open descriptors of each process", .min = "16",
        .max = "1048576"),
    KEY(struct conf_limits, processes, OPT_INT,
        "how many processes it may have. The system counts them by user, so that takes a `user` of "
        "its own (not root, garnetd's or another collector's), or a control group",
        .min = "1", .max = "4194304"),
    KEY(struct conf_limits, file_size, OPT_SIZE, "the size of a file that it writes: SIGXFSZ"),
};
static const struct section limits_section = {ROWS(LIMIT_ROWS), "limits"};

static const struct option COLLECTOR_ROWS[] = {
    KEY(struct conf_collector, enabled, OPT_BOOL, "whether it runs", .def = "true"),
    KEY(struct conf_collector, command, OPT_LIST,
        "the program's path and its arguments. No shell, no search in PATH. The path of the "
        "collector's socket is appended (but for an `output`), and is in `GARNET_SOCKET`. A "
        "program that the system "
        "could not run (a carriage return after `#!`, no `#!`, an interpreter that is not there, "
        "a `noexec` mount) is an error; if it becomes so later, the log says why",
        .flags = OPT_SHELL, .unset = "required"),
    KEY(struct conf_collector, output, OPT_CHOICE,
        "what its standard output is: lines for the `log`, or metrics [as scripts print "
        "them](formats.md). With anything but `log` no argument is appended to `command`",
        .def = "log", .choices = OUTPUT_NAMES),
    KEY(struct conf_collector, interval, OPT_DURATION,
        "runs start at multiples of it: at 10 s, at :00, :10, :20", .def = "10s", .min = "100ms",
        .max = "1d"),
    KEY(struct conf_collector, mode, OPT_CHOICE,
        "`daemon`: it runs all the time; when it ends it is started again. It has no `timeout`, "
        "`overlap`, `splay` or `persistent`; `interval` is then what its limits are counted by",
        .def = "oneshot", .choices = "oneshot|daemon"),
    KEY(struct conf_collector, timeout, OPT_DURATION,
        "a run that takes longer gets TERM, with its process group", .unset = "the interval",
        .min = "10ms", .max = "1d"),
    KEY(struct conf_collector, grace, OPT_DURATION, "how long after TERM it gets KILL", .def = "2s",
        .max = "1m"),
    KEY(struct conf_collector, overlap, OPT_CHOICE,
        "when a run is due and the one before is not over: `skip` the new run, or `kill` the old "
        "one",
        .def = "skip", .choices = "skip|kill"),
    KEY(struct conf_collector, splay, OPT_DURATION,
        "runs start up to this much after their due time, by host and collector; at most the "
        "interval",
        .def = "0"),
    KEY(struct conf_collector, persistent, OPT_BOOL,
        "if the last due time was missed when garnetd starts, or it has never run, it runs once "
        "within a minute, stamped with that due time: see [below](#over-restarts)",
        .unset = "where `interval` is more than 10m"),
    KEY(struct conf_collector, silence, OPT_DURATION,
        "a daemon that has sent no metric for so long is restarted; `0`: never. Time does "
        "not count in which garnetd refuses its metrics because the spool cannot be written, holds "
        "a reply to it, or does not read from it",
        .def = "0"),
    ROW(struct conf_collector, "user", identity.user, OPT_STRING,
        "a name or an id, with its groups. It takes a garnetd that is root, or has CAP_SETUID, "
        "CAP_SETGID and CAP_KILL",
        .unset = "garnetd's", .flags = OPT_ASIDE),
    ROW(struct conf_collector, "group", identity.group, OPT_STRING, "a name or an id",
        .unset = "the user's", .flags = OPT_ASIDE),
    KEY(struct conf_collector, cwd, OPT_PATH,
        "the folder that it starts in; its user must be allowed there", .def = "/"),
    KEY(struct conf_collector, env, OPT_MAP,
        "variables, in addition to those that it always gets. `GARNET_*` cannot be set",
        .flags = OPT_SHELL),
    KEY(struct conf_collector, nice, OPT_INT,
        "added to garnetd's own, also where the kernel shares out by session (autogroup); below 0 "
        "takes CAP_SYS_NICE",
        .def = "0", .min = "-20", .max = "19"),
    KEY(struct conf_collector, limits, OPT_SECTION, NULL, .section = &limits_section),
    KEY(struct conf_collector, no_new_privs, OPT_BOOL,
        "set-user-id programs (sudo, ping) get no privileges, and a collector that is root has "
        "none of root's capabilities: it can do what the owner of root's files can. `false` gives "
        "both back",
        .def = "true"),
    KEY(struct conf_collector, allow_writable, OPT_BOOL,
        "accept a `command` that others can alter: itself, or anything that its path goes through. "
        "See [who may write what](security.md#files)",
        .def = "false", .flags = OPT_ASIDE),
    KEY(struct conf_collector, prefix, OPT_STRING,
        "comes before the names of its metrics. It cannot be `garnet`, nor begin with `garnet.`. "
        "Where it is not given it is the collector's name for `output: nagios` and `munin`, whose "
        "names tell only the figures of one plugin apart; `\"\"` is none"),
    KEY(struct conf_collector, tags, OPT_MAP, "added to its metrics where they have no such tag"),
    ROW(struct conf_collector, "series_limit", quota.series_limit, OPT_INT,
        "distinct series (name, type, unit and tags) that one run may send", .def = "10000",
        .min = "1", .max = "1000000"),
    ROW(struct conf_collector, "metrics_limit", quota.metrics_limit, OPT_INT,
        "metrics that one run may send", .def = "1000000", .min = "1"),
    ROW(struct conf_collector, "bytes_limit", quota.bytes_limit, OPT_SIZE,
        "bytes that one run may send", .def = "256MiB", .min = "1KiB"),
};
const struct section collector_section = {ROWS(COLLECTOR_ROWS), "a collector's file"};

static const char *collector_name(struct parsing *p, const struct snapshot_file *f)
{
    struct str stem = script_stem(f->path);

    if (stem.n > 0 && stem.n <= COLLECTOR_NAME_MAX &&
        strspn(stem.s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
            stem.n)
        return arena_strndup(p->a, stem.s, stem.n);
    errors_add(p->e, (struct pos){f->path, 0, 0},
               "a collector's name must be 1 to 64 of A-Z a-z 0-9 _ -: rename the file");
    return NULL;
}

/* --- keys --- */

static void check_env(struct parsing *p, const struct pairs *env)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

    for (size_t i = 0; i < env->n; i++) {
        const struct pair *v = &env->v[i];

        if (*v->key == 0 || strchr("0123456789", *v->key) != NULL ||
            v->key[strspn(v->key, letters)] != 0)
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
static void check_prefix(struct parsing *p, const struct conf_collector *k)
{
    const struct node *v = node_get(k->node, "prefix");

    if (v != NULL && k->prefix != NULL && str_first_part(str_of(k->prefix), "garnet"))
        errors_add(p->e, v->at,
                   "prefix: \"%s\" is for Garnet's own metrics: begin with another word",
                   k->prefix);
}

/* Each Nagios plugin has a `status`, so two of them would be one series. */
static void default_prefix(struct conf_collector *k)
{
    bool of_one = k->output == OUTPUT_NAGIOS || k->output == OUTPUT_MUNIN;

    if (k->prefix == NULL && of_one && k->name != NULL &&
        !str_first_part(str_of(k->name), "garnet"))
        k->prefix = k->name;
    else if (k->prefix != NULL && *k->prefix == 0)
        k->prefix = NULL;
}

/* Keys that mean something in one mode only. */
static void check_mode(struct parsing *p, const struct conf_collector *k)
{
    static const struct {
        const char *key;
        int64_t mode;
        const char *fault;
    } only[] = {
        {"timeout", MODE_ONESHOT,
         "timeout: a daemon has none: remove it, or say after which silence it is restarted"},
        {"overlap", MODE_ONESHOT, "overlap: a daemon has one run: remove it"},
        {"splay", MODE_ONESHOT, "splay: a daemon has no due times: remove it"},
        {"persistent", MODE_ONESHOT, "persistent: a daemon has no due times: remove it"},
        {"silence", MODE_DAEMON,
         "silence is for \"mode: daemon\": remove it; a one-shot run has its timeout"}};

    for (size_t i = 0; i < sizeof only / sizeof *only; i++) {
        const struct node *v = node_get(k->node, only[i].key);

        if (v != NULL && k->mode != only[i].mode)
            errors_add(p->e, v->at, "%s", only[i].fault);
    }
}

/* `splay` within its interval; a daemon has neither that nor a timeout. */
static void check_time(struct parsing *p, struct conf_collector *k)
{
    const struct node *timeout = node_get(k->node, "timeout"), *splay = node_get(k->node, "splay");

    check_mode(p, k);
    if (k->mode == MODE_ONESHOT && splay != NULL && splay->kind == NODE_SCALAR &&
        k->splay > k->interval)
        errors_add(p->e, splay->at, "splay: \"%s\" is more than the interval: lower it",
                   splay->text);
    if (k->mode == MODE_DAEMON)
        k->timeout = INT64_MAX;
    else if (timeout == NULL)
        k->timeout = k->interval;
    if (node_get(k->node, "persistent") == NULL)
        k->persistent = k->mode == MODE_ONESHOT && k->interval > LONG_INTERVAL;
}

void parse_check_tags(struct parsing *p, const struct pairs *tags)
{
    for (size_t i = 0; i < tags->n; i++) {
        const struct pair *t = &tags->v[i];

        if (*t->key == 0)
            errors_add(p->e, t->at, "tags: a tag needs a name");
        else if (*t->val == 0)
            errors_add(p->e, t->at, "tags.%s is empty: give it a value or remove it", t->key);
    }
    if (tags->n > MAX_TAGS)
        errors_add(p->e, tags->v[MAX_TAGS].at, "tags: %zu tags, and %d are allowed", tags->n,
                   MAX_TAGS);
}

/* --- command --- */

/* What the world says of it. */
static void bad_command(struct parsing *p, const struct node *v, const char *why)
{
    errors_world(p->e, v->at, "command: \"%s\" %s", v->text, why);
}

/* "/bin/sleep 1" is a program's name and an argument to a shell, which there is none of. */
static const char *missing(struct parsing *p, const struct conf_collector *k, const char *text)
{
    const char *blank = strpbrk(text, " \t");

    if (k->command.n > 1 || blank == NULL || strcmp(p->why, "does not exist") != 0)
        return p->why;
    return arena_printf(
        p->a, "does not exist: if that is a program with arguments, write a list, [%.*s, \"%s\"]",
        (int)(blank - text), text, blank + strspn(blank, " \t"));
}

/* With the PATH that it will have. The collector's user can do as it likes anyway. */
static void check_program(struct parsing *p, struct conf_collector *k, const struct node *v,
                          struct fact_file *f)
{
    const char *path = k->command.v[0], *search = "";
    enum fact state = fact_file(p, path, f);

    for (size_t i = 0; i < k->env.n; i++)
        if (strcmp(k->env.v[i].key, "PATH") == 0)
            search = k->env.v[i].val;
    if (state == FACT_ERROR)
        bad_command(p, v, missing(p, k, v->text));
    else if (state == FACT_KNOWN && fact_runs(p, search, path) == FACT_ERROR)
        bad_command(p, v, p->why);
    else if (state == FACT_KNOWN && !k->allow_writable)
        parse_check_way(p, "command", v, k->identity.uid, path, &k->own_groups);
}

/* Makes argv[0] absolute. */
static void parse_program(struct parsing *p, struct conf_collector *k, const struct node *v,
                          struct fact_file *f)
{
    const char **argv;

    if (strchr(v->text, '/') == NULL) {
        errors_add(p->e, v->at, "command: \"%s\" %s", v->text,
                   *v->text != 0 ? "is a bare name: give the full path; Garnet does not search PATH"
                                 : "is empty: give the program's full path");
        return;
    }
    if ((argv = arena_alloc(p->a, (k->command.n + 1) * sizeof *argv)) == NULL)
        return;
    memcpy(argv, k->command.v, k->command.n * sizeof *argv);
    if ((argv[0] = path_from(p->a, v->at.file, v->text)) == NULL)
        return;
    k->command.v = argv;
    check_program(p, k, v, f);
}

/* What a script is, where the file beside it does not say otherwise. `program`: what stands for its command. */
static bool take_script(struct parsing *p, struct conf_collector *k, const char *script,
                        struct node *program)
{
    const char **argv = arena_alloc(p->a, 2 * sizeof *argv);
    struct script_means m;

    if (argv == NULL || !script_means(p->a, script, &m))
        return false;
    argv[0] = m.path;
    if (node_get(k->node, "interval") == NULL)
        k->interval = m.interval;
    if (node_get(k->node, "output") == NULL)
        k->output = m.output;
    if (node_get(k->node, "command") == NULL)
        k->command = (struct strings){argv, 1};
    *program = (struct node){.kind = NODE_SCALAR, .at = {k->node->at.file, 0, 0}, .text = m.path};
    return true;
}

static void parse_command(struct parsing *p, struct conf_collector *k, const struct node *script,
                          struct fact_file *program)
{
    const struct node *v = node_get(k->node, "command");

    v = v != NULL ? v : script;

    if (!k->enabled || k->node->kind != NODE_MAP)
        return;
    if (v == NULL)
        errors_add(p->e, k->node->at, "a collector needs \"command\"");
    else if (v->kind == NODE_LIST && v->n == 0)
        errors_add(p->e, v->at, "command is an empty list: give the program's full path");
    else if (k->command.n > 0) /* 0: after errors */
        parse_program(p, k, node_first(v), program);
}

/* --- limits --- */

static void take_cgroup(struct parsing *p, struct conf_collector *k)
{
    struct fact_cgroup g;

    if (!k->enabled || fact_cgroup(p, &g) != FACT_KNOWN)
        return;
    k->cgroup = (struct conf_cgroup){g.dir, g.processes, g.memory};
}

static bool counted_by_user(const struct conf_collector *k)
{
    return k->limits.processes >= 0 && !k->cgroup.processes;
}

/* One that runs as the same user, if the limit of one of the two would be the other's, too. */
static const struct conf_collector *clash_in(const struct conf_collector *list,
                                             const struct conf_collector *k)
{
    for (const struct conf_collector *o = list; o != NULL; o = o->next)
        if (o->enabled && k->enabled && o->identity.uid == k->identity.uid &&
            (counted_by_user(k) || counted_by_user(o)))
            return o;
    return NULL;
}

/* The system counts a user's processes, whoever started them, and does not count root's. So a limit
 * takes a user that nobody else is, or a control group; else it would not hold. */
void parse_check_processes(struct parsing *p, const struct conf_collector *k)
{
    static const char remedy[] =
        "give each a user of its own, or garnetd a control group with \"pids\"";
    const struct conf_identity *id = &k->identity;
    const struct node *limit = node_get(node_get(k->node, "limits"), "processes");
    const struct conf_collector *o = p->counted ? clash_in(p->c->collectors, k) : NULL;

    if (o == NULL && p->counted)
        o = clash_in(p->in_use, k);
    if (counted_by_user(k) && (id->uid == (uid_t)-1 || id->uid == 0))
        errors_add(p->e, limit->at,
                   "processes: the system counts them by user, and not root's: give the collector "
                   "a \"user\" of its own, or garnetd a control group with \"pids\"");
    else if (o != NULL && counted_by_user(k))
        errors_add(p->e, limit->at,
                   "processes: the system counts them by user, and \"%s\" is that of collector %s "
                   "too: %s",
                   id->user, o->name, remedy);
    else if (o != NULL)
        errors_add(p->e, node_get(k->node, "user")->at,
                   "user: \"%s\" is that of collector %s too, whose limit of processes the system "
                   "counts by user: %s",
                   id->user, o->name, remedy);
}

/* --- the file --- */

/* Of the program: what each run reads anew. Of the main file: what each of its metrics gets. */
static uint64_t collector_digest(const struct conf *c, const struct conf_collector *k,
                                 const struct fact_file *f)
{
    uint64_t h = digest_section(COLLECTOR_SEED, &collector_section, k);

    h = parse_digest_identity(digest_text(h, k->name), &k->identity);
    h = digest_text(h, k->cgroup.dir);
    h = digest_number(h, (uint64_t)(k->cgroup.processes * 2 + k->cgroup.memory));
    h = fact_file_digest(h, f);
    return digest_text(digest_pairs(h, &c->tags), c->host);
}

static void fill_collector(struct parsing *p, struct conf_collector *k, const char *script)
{
    struct fact_file program = {0};
    struct node *command = NULL;

    k->limits = (struct conf_limits){-1, -1, -1, -1, -1};
    section_fill(p->a, &collector_section, k->node, k, p->e);
    if (script != NULL && ((command = arena_alloc(p->a, sizeof *command)) == NULL ||
                           !take_script(p, k, script, command)))
        return;
    k->host = p->c->host;
    check_prefix(p, k);
    default_prefix(k);
    check_time(p, k);
    parse_check_tags(p, &k->tags);
    check_env(p, &k->env);
    parse_collector_identity(p, k);
    parse_command(p, k, command, &program);
    take_cgroup(p, k);
    p->counted |= counted_by_user(k);
    k->digest = collector_digest(p->c, k, &program);
}

struct conf_collector *parse_collector(struct parsing *p, const struct snapshot_file *f)
{
    struct conf_collector *k = arena_alloc(p->a, sizeof *k);

    if (k == NULL)
        return NULL;
    if (!path_ends(f->path, ".yaml") && f->script == NULL) {
        errors_warn(p->e, (struct pos){f->path, 0, 0}, "%s", f->error);
        return NULL;
    }
    if (f->error != NULL &&
        (f->before != NULL || f->odd)) /* what it says now is for a SIGHUP to read */
        errors_add(p->e, (struct pos){f->path, 0, 0}, "%s", f->error);
    else if (f->error != NULL)
        errors_world(p->e, (struct pos){f->path, 0, 0}, "%s", f->error);
    if (f->twice != NULL)
        errors_add(p->e, (struct pos){f->path, 0, 0},
                   "is a collector of the same name as %s: neither is used; rename one of them",
                   f->twice);
    k->name = collector_name(p, f);
    if (f->error != NULL || (k->node = yaml_parse(p->a, f->path, f->text, p->e)) == NULL)
        return k;
    fill_collector(p, k, f->script);
    if (k->name != NULL)
        parse_collector_socket(p, k);
    return k;
}

struct trust conf_collector_trust(const struct conf_collector *k, uid_t self)
{
    return (struct trust){.users = {self, k->identity.uid}, .own_groups = k->own_groups};
}
