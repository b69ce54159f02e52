/* tests/unit/conf/test_conf_cases.c - a case folder for every message
 *
 * tests/data/conf/CASE holds garnet.yaml, often collectors.d/, and either `error`, the exact
 * messages, or `want`, a dump of the values. In both, the folder's own path is cut out: they are
 * the same wherever the tree lies.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/number.h"
#include "conf/ask.h"
#include "conf/conf.h"
#include "conf/load.h"

static const char CASES[] = TEST_DATA "/conf";

/* --- a conf as text --- */

static void put_tags(struct buf *b, const struct pairs *tags)
{
    for (size_t i = 0; i < tags->n; i++)
        buf_putf(b, " %s=%s", tags->v[i].key, tags->v[i].val);
    buf_putc(b, '\n');
}

static void put_list(struct buf *b, const struct strings *list)
{
    cr_assert(list->n == 0 || list->v[list->n] == NULL);
    for (size_t i = 0; i < list->n; i++)
        buf_putf(b, " [%s]", list->v[i]);
    buf_putc(b, '\n');
}

static void put_time(struct buf *b, const char *name, int64_t ns)
{
    buf_putf(b, "%s ", name);
    units_put_duration(b, ns);
    buf_putc(b, '\n');
}

static void put_main(struct buf *b, const struct conf *c, bool with_host)
{
    buf_putf(b, "socket %s mode %04o group %s %d\n", c->socket.path, c->socket.mode,
             c->socket.group_name ? c->socket.group_name : "-", (int)c->socket.group);
    if (with_host) { /* else it is this machine's, and the same nowhere else */
        buf_putf(b, "host %s\ntags", c->host);
        put_tags(b, &c->tags);
    }
    buf_putf(b,
             "spool %s max_size %" PRId64 " max_age %" PRId64 " segment_size %" PRId64
             " reserve %" PRId64 " durable %d\n",
             c->spool.dir, c->spool.max_size, c->spool.max_age, c->spool.segment_size,
             c->spool.reserve, (int)c->spool.durable);
    buf_putf(b,
             "intake max_value %d max_depth %d max_name %d max_tags %d max_connections %d "
             "max_connections_per_user %d\n",
             (int)c->intake.max_value, (int)c->intake.max_depth, (int)c->intake.max_name,
             (int)c->intake.max_tags, (int)c->intake.max_connections,
             (int)c->intake.max_connections_per_user);
    buf_putf(b, "per_user metrics %d bytes %d series %d\n", (int)c->intake.per_user.metrics,
             (int)c->intake.per_user.bytes, (int)c->intake.per_user.series);
    put_time(b, "idle", c->intake.idle);
    put_time(b, "shutdown_timeout", c->shutdown_timeout);
    put_time(b, "reload_grace", c->reload_grace);
    put_time(b, "self_metrics", c->self_metrics.interval);
    if (c->self_metrics.level == SELF_FULL)
        buf_putf(b, "self_metrics.level full\n");
    buf_putf(b, "log_level %d\n", (int)c->log_level);
}

static void put_sink(struct buf *b, const struct conf_sink *s)
{
    buf_putf(b, "sink %s line %u plugin %s = %s\n to", s->name, s->at.line, s->plugin,
             s->plugin_file);
    put_list(b, &s->to);
    put_time(b, " flush", s->flush);
    put_time(b, " confirm every", s->confirm.every);
    buf_putf(b, "  bytes %" PRId64 "\n", s->confirm.bytes);
    put_time(b, "  replay", s->confirm.replay);
    buf_putf(b, " batch_size %d max_packet %d start %d keys %u\n", (int)s->batch_size,
             (int)s->max_packet, (int)s->start, s->node->n);
    cr_assert_neq(s->digest, 0);
}

static void put_who(struct buf *b, const struct conf_identity *id)
{
    buf_putf(b, " user %s %d group %s %d groups", id->user ? id->user : "-", (int)id->uid,
             id->group ? id->group : "-", (int)id->gid);
    for (size_t i = 0; i < id->ngroups; i++)
        buf_putf(b, " %u", id->groups[i]);
    buf_putc(b, '\n');
}

static void put_use(struct buf *b, const struct conf_collector *k)
{
    const struct conf_limits *l = &k->limits;

    buf_putf(b,
             " cpu %" PRId64 " memory %" PRId64 " files %" PRId64 " processes %" PRId64
             " file_size %" PRId64 "\n",
             l->cpu, l->memory, l->files, l->processes, l->file_size);
    buf_putf(b, " cgroup %s processes %d memory %d\n", k->cgroup.dir ? k->cgroup.dir : "-",
             (int)k->cgroup.processes, (int)k->cgroup.memory);
    buf_putf(b, " series %" PRId64 " metrics %" PRId64 " bytes %" PRId64 "\n",
             k->quota.series_limit, k->quota.metrics_limit, k->quota.bytes_limit);
}

static void put_collector(struct buf *b, const struct conf_collector *k)
{
    buf_putf(b, "collector %s enabled %d prefix %s\n command", k->name, (int)k->enabled,
             k->prefix ? k->prefix : "-");
    put_list(b, &k->command);
    put_time(b, " interval", k->interval);
    put_time(b, " timeout", k->timeout == INT64_MAX ? 0 : k->timeout);
    put_time(b, " grace", k->grace);
    put_time(b, " splay", k->splay);
    put_time(b, " silence", k->silence);
    if (k->persistent)
        buf_puts(b, " persistent\n");
    buf_putf(b, " mode %d overlap %d nice %d no_new_privs %d cwd %s\n", (int)k->mode,
             (int)k->overlap, (int)k->nice, (int)k->no_new_privs, k->cwd);
    put_who(b, &k->identity);
    put_use(b, k);
    buf_puts(b, " env");
    put_tags(b, &k->env);
    buf_puts(b, " tags");
    put_tags(b, &k->tags);
    cr_assert_neq(k->digest, 0);
}

static void put_conf(struct buf *b, const struct conf *c, bool with_host)
{
    put_main(b, c, with_host);
    for (const struct conf_sink *s = c->sinks; s; s = s->next)
        put_sink(b, s);
    for (const struct conf_collector *k = c->collectors; k; k = k->next)
        put_collector(b, k);
}

/* --- case folders --- */

static char *read_text(const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct buf b = {0};
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return NULL;
    while (buf_room(&b, 4096) && (n = read(fd, b.p + b.n, 4096)) > 0)
        b.n += (size_t)n;
    close(fd);
    buf_putc(&b, 0);
    return b.p;
}

/* The text without "DIR/" wherever that stands. */
static char *without(const char *text, const char *dir)
{
    size_t n = strlen(dir);
    struct buf b = {0};

    while (*text)
        if (strncmp(text, dir, n) == 0 && text[n] == '/')
            text += n + 1;
        else
            buf_putc(&b, *text++);
    buf_putc(&b, 0);
    return b.p;
}

/* GARNET_SHOW=1 prints what came, for writing a new case's file after reading it. */
static bool same(const char *name, const char *what, const char *got, const char *want)
{
    if (getenv("GARNET_SHOW"))
        fprintf(stderr, "==> %s/%s\n%s", name, what, got);
    if (want && strcmp(got, want) == 0)
        return true;
    fprintf(stderr, "%s: %s is not what was expected\n--- got\n%s--- want\n%s", name, what, got,
            want ? want : "(no file)\n");
    return false;
}

/* A fact that depends on who runs the tests, and where: the case's file of that name, or this. */
static void pin(struct snapshot *s, const char *dir, const char *fact, const char *usual)
{
    char *text = read_text(dir, fact);

    if (text)
        text[strcspn(text, "\n")] = 0;
    for (struct snapshot_file *f = s->files; f; f = f->next)
        cr_assert(snapshot_put(s, f, fact, text ? text : usual));
    free(text);
}

/* As conf_load(). Unless the case says otherwise, garnetd owns the tree and may do anything. */
static struct conf *load(struct snapshot *s, const char *dir, const char *path, struct errors *e)
{
    struct asking asking = {.table = -1};
    char all_powerful[64];
    struct stat st;
    struct conf *c;

    cr_assert_eq(stat(CASES, &st), 0);
    snprintf(all_powerful, sizeof all_powerful, "%u 0 ffffffffff", st.st_uid);
    cr_assert(load_files(s, path));
    pin(s, dir, "self", all_powerful);
    pin(s, dir, "cgroup", "");
    pin(s, dir, "hostname", "machine");
    while ((c = conf_parse(s, e)) && c->wanted) {
        cr_assert(ask_facts(s, c->wanted, &asking));
        conf_free(c);
        errors_free(e);
    }
    return c;
}

static bool case_passes(const char *name)
{
    char dir[PATH_MAX], path[PATH_MAX + 16];
    char *error, *want, *warning, *got, *warned;
    struct errors e = {0};
    struct snapshot s;
    struct buf dump = {0};
    struct conf *c;
    bool ok;

    snprintf(dir, sizeof dir, "%s/%s", CASES, name);
    snprintf(path, sizeof path, "%s/garnet.yaml", dir);
    error = read_text(dir, "error");
    want = read_text(dir, "want");
    warning = read_text(dir, "warning");
    c = load(&s, dir, path, &e);
    cr_assert_not_null(c);
    if (e.n == 0)
        put_conf(&dump, c, strstr(s.files->text.s, "host:") != NULL);
    buf_putc(&e.text, 0);
    buf_putc(&dump, 0);
    buf_putc(&e.warnings, 0);
    warned = without(e.warnings.p, dir);
    got = without(e.n > 0 ? e.text.p : dump.p, dir);
    ok = same(name, e.n > 0 ? "error" : "want", got, e.n > 0 ? error : want);
    ok = ok && !(error && want);
    if (warning || *warned)
        ok = same(name, "warning", warned, warning) && ok;
    free(warned);
    free(warning);
    free(got);
    free(error);
    free(want);
    buf_free(&dump);
    errors_free(&e);
    conf_free(c);
    snapshot_free(&s);
    return ok;
}

static bool is_case(const char *name)
{
    return *name != '.' && strcmp(name, "plugins") != 0 && strcmp(name, "bin") != 0;
}

Test(conf_cases, all)
{
    DIR *d = opendir(CASES);
    struct dirent *entry;
    unsigned n = 0, failed = 0;

    cr_assert_not_null(d);
    while ((entry = readdir(d)))
        if (is_case(entry->d_name)) {
            n++;
            failed += !case_passes(entry->d_name);
        }
    closedir(d);
    cr_assert_eq(failed, 0, "%u of %u cases failed", failed, n);
    cr_assert_geq(n, 45);
}
