/* tests/unit/conf/test_conf.c - the configuration from a snapshot that is made here, without a disk: what parsing asks of the
 * world and makes of the answers, digests, hostile bytes; a case for every message is in
 * test_conf_cases.c
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/facts.h"

static void add_file(struct snapshot *s, const char *path, const char *text, size_t n)
{
    struct snapshot_file *f = snapshot_add(s, path);

    f->text = (struct str){arena_strndup(&s->arena, text, n), n};
}

/* Known whichever file asks; what is put last counts. */
static void put(struct snapshot *s, const char *key, const char *value)
{
    for (struct snapshot_file *f = s->files; f; f = f->next)
        cr_assert(snapshot_put(s, f, key, value));
}

#define MAIN                                                                                       \
    "host: h\n"                                                                                    \
    "socket: {path: /run/g.sock, mode: '0660', group: wheel}\n"                                    \
    "tags: {env: prod}\n"                                                                          \
    "spool: {dir: /s, max_size: 64MiB}\n"                                                          \
    "sinks:\n"                                                                                     \
    "  - name: main\n"                                                                             \
    "    plugin: /p/graphite.so\n"                                                                 \
    "    to: [tcp://h:1, \"file:x\"]\n"                                                            \
    "    path: a.{b}\n"
#define CPU     "command: [/bin/cpu, -a]\ninterval: 1s\ntags: {a: 'b'}\nprefix: \"x\"\n"
#define PROGRAM "1 2 3 4 5 33261 0" /* mode 0100755 */
#define FOLDER  "1 2 3 4 5 16877 0" /* mode 040755 */

static void put_facts(struct snapshot *s)
{
    put(s, "file:/p/graphite.so", PROGRAM);
    put(s, "file:/bin/cpu", PROGRAM);
    put(s, "file:/run", FOLDER);
    put(s, "file:/run/g", "error does not exist");
    put(s, "folder:/run", "");
    put(s, "folder:/run/g", "");
    put(s, "file:/s", FOLDER);
    put(s, "file:/t", FOLDER);
    put(s, "trust:-1:/p/graphite.so", "");
    put(s, "trust:-1:/bin/cpu", "");
    put(s, "trust:7:/bin/cpu", "");
    put(s, "exec:\n/bin/cpu", "");
    put(s, "cgroup", "");
    put(s, "self", "0 0 ffffffffff");
    put(s, "user:garnet", "");
    put(s, "user:0", "0 0 0");
    put(s, "user:u", "7 8 8 9");
    put(s, "user:v", "7 8 8 9 10");
    put(s, "group:g", "11");
    put(s, "group:wheel", "10");
}

/* Parses these two files with the facts above. */
static struct conf *parse(const char *text, const char *cpu, struct errors *e)
{
    struct snapshot s = {0};
    struct conf *c;

    add_file(&s, "/etc/garnet.yaml", text, strlen(text));
    add_file(&s, "/etc/collectors.d/cpu.yaml", cpu, strlen(cpu));
    put_facts(&s);
    c = conf_parse(&s, e);
    snapshot_free(&s); /* the conf must not need it any more */
    cr_assert_not_null(c);
    return c;
}

static struct conf *parse_good(const char *text, const char *cpu)
{
    struct errors e = {0};
    struct conf *c = parse(text, cpu, &e);

    cr_assert_eq(e.n, 0, "%.*s", (int)e.text.n, e.text.p);
    cr_assert_null(c->wanted);
    errors_free(&e);
    return c;
}

/* One more fact and one file; the errors must be these. */
static void expect(const char *text, const char *key, const char *value, const char *want)
{
    struct snapshot s = {0};
    struct errors e = {0};
    struct conf *c;

    add_file(&s, "/g.yaml", text, strlen(text));
    put(&s, key, value);
    c = conf_parse(&s, &e);
    cr_assert_not_null(c);
    buf_putc(&e.text, 0);
    cr_assert_str_eq(e.text.p, want);
    errors_free(&e);
    conf_free(c);
    snapshot_free(&s);
}

Test(conf, asks_for_what_it_does_not_know)
{
    static const char text[] = "socket: {group: g}\nplugin_path: [/p, /q]\n"
                               "sinks: [{name: a, plugin: x}, {name: b, plugin: x}]\n";
    static const char *const keys[] = {"hostname", "group:g", "file:/p/x.so", "file:/q/x.so"};
    struct snapshot s = {0};
    struct errors e = {0};
    const struct fact_want *w;
    struct conf *c;
    size_t n = 0;

    add_file(&s, "/g.yaml", text, sizeof text - 1);
    c = conf_parse(&s, &e);
    cr_assert_not_null(c);
    cr_assert_eq(e.n, 0);
    for (w = c->wanted; w; w = w->next, n++) {
        cr_assert_lt(n, 4);
        cr_assert_str_eq(w->key, keys[n]);
        put(&s, w->key, n == 3 ? PROGRAM : n == 2 ? "error does not exist" : "7");
    }
    cr_assert_eq(n, 4);
    conf_free(c);
    c = conf_parse(&s, &e);
    cr_assert_str_eq(c->wanted->key, "self");
    cr_assert_str_eq(c->wanted->next->key, "trust:-1:/q/x.so", "only where it was found");
    cr_assert_null(c->wanted->next->next);
    put(&s, "self", "100 101 0");
    put(&s, "trust:-1:/q/x.so", "");
    conf_free(c);
    c = conf_parse(&s, &e);
    cr_assert_null(c->wanted);
    cr_assert_eq(c->self, 100);
    cr_assert_eq(e.n, 0);
    cr_assert_str_eq(c->sinks->plugin_file, "/q/x.so");
    cr_assert_eq(c->socket.group, 7);
    cr_assert_str_eq(c->host, "7");
    conf_free(c);
    snapshot_free(&s);
}

Test(conf, the_installed_plugins_are_looked_for_by_default)
{
    static const char text[] = "host: h\nsinks: [{name: a, plugin: x}]\n";
    struct snapshot s = {0};
    struct errors e = {0};
    struct conf *c;

    add_file(&s, "/g.yaml", text, sizeof text - 1);
    c = conf_parse(&s, &e);
    cr_assert_not_null(c->wanted);
    cr_assert_eq(strncmp(c->wanted->key, "file:/", 6), 0);
    cr_assert_not_null(strstr(c->wanted->key, "/garnet/plugins/x.so"));
    conf_free(c);
    snapshot_free(&s);
}

Test(conf, says_what_the_world_answered)
{
    expect("socket: {group: g}\nhost: h\n", "group:g", "error cannot be looked up: Timer expired",
           "/g.yaml:1:17: group: \"g\" cannot be looked up: Timer expired\n");
    expect("host: h\nsinks: [{name: a, plugin: /x.so}]\n", "file:/x.so",
           "error cannot be read: Permission denied",
           "/g.yaml:2:27: plugin: \"/x.so\" is not there: looked for /x.so (cannot be read: "
           "Permission "
           "denied)\n");
    expect("sinks: []", "hostname", "a b",
           "/g.yaml: this machine's name, \"a b\", is not usable: set \"host\"\n");
    expect("sinks: []", "hostname", "error x",
           "/g.yaml: this machine's name, \"error x\", is not usable: set \"host\"\n");
    expect("sinks: []", "hostname", "", ""); /* a warning: tests/data/conf/host-nameless */
}

/* Parses a main file that names a socket's folder, of which this is known. */
static struct conf *parse_with_folder(struct snapshot *s, const char *folder, struct errors *e)
{
    struct conf *c;

    put(s, "folder:/run/g", folder); /* the last one counts */
    c = conf_parse(s, e);
    cr_assert_not_null(c);
    cr_assert_null(c->wanted);
    return c;
}

/* For a garnetd that has its socket already it is no reason not to take the rest. */
Test(conf, a_sockets_folder_that_others_could_move_is_an_error_and_while_running_a_warning)
{
    static const char text[] = "host: h\nsocket: /run/g/g.sock\n";
    static const char bad[] =
        "error goes through /run, which can be altered by its group: chmod go-w it";
    static const char want[] = "/g.yaml:2:9: path: the folder /run/g goes through /run, which can "
                               "be altered by its group: chmod go-w it\n";
    struct snapshot s = {0};
    struct errors e = {0};
    struct conf *c;

    add_file(&s, "/g.yaml", text, sizeof text - 1);
    put_facts(&s);
    c = parse_with_folder(&s, bad, &e);
    buf_putc(&e.text, 0);
    cr_assert_str_eq(e.text.p, want);
    conf_free(c);
    errors_free(&e);
    s.running = true;
    c = parse_with_folder(&s, bad, &e);
    cr_assert_eq(e.n, 0);
    buf_putc(&e.warnings, 0);
    cr_assert_not_null(strstr(e.warnings.p, "the folder /run/g goes through /run"), "%s",
                       e.warnings.p);
    cr_assert_null(c->socket.own_groups);
    conf_free(c);
    errors_free(&e);
    c = parse_with_folder(&s, " 7:8 ", &e);
    cr_assert_eq(e.n + e.nwarnings, 0);
    cr_assert_str_eq(c->socket.own_groups, " 7:8 ");
    conf_free(c);
    snapshot_free(&s);
}

/* --- who may alter a command, who may become whom --- */

/* One collector with these facts; the error is about its file, or there is none. */
static void expect_cpu(const char *cpu, const char *trust, const char *self, const char *want)
{
    struct snapshot s = {0};
    struct errors e = {0};
    struct conf *c;

    add_file(&s, "/etc/garnet.yaml", "host: h", 7);
    add_file(&s, "/etc/collectors.d/cpu.yaml", cpu, strlen(cpu));
    put_facts(&s);
    put(&s, "trust:-1:/bin/cpu", trust); /* the last one counts */
    put(&s, "self", self);
    put(&s, "user:sick", "error cannot be looked up: Timer expired");
    put(&s, "user:4711", "4711");
    put(&s, "trust:4711:/bin/cpu", "");
    c = conf_parse(&s, &e);
    cr_assert_not_null(c);
    cr_assert_null(c->wanted);
    buf_putc(&e.text, 0);
    if (want)
        cr_assert_eq(strncmp(e.text.p, "/etc/collectors.d/cpu.yaml:", 27), 0, "%s", e.text.p);
    cr_assert_str_eq(e.text.p + (want ? 27 : 0), want ? want : "");
    errors_free(&e);
    conf_free(c);
    snapshot_free(&s);
}

#define ROOT    "0 0 ffffffffff"
#define GARNET  "100 101 0"
#define RUN     "command: /bin/cpu\n"
#define ALTERED "error goes through /bin, which can be altered by everybody: chmod go-w it"

Test(conf, a_command_that_others_can_alter_is_refused)
{
    expect_cpu(RUN, "", GARNET, NULL);
    expect_cpu(RUN, ALTERED, GARNET,
               "1:10: command: \"/bin/cpu\" goes through /bin, which can be altered by everybody: "
               "chmod go-w it, or set allow_writable: true\n");
    expect_cpu("command: [/bin/cpu, -a]\n", ALTERED, GARNET,
               "1:11: command: \"/bin/cpu\" goes through /bin, which can be altered by everybody: "
               "chmod go-w it, or set allow_writable: true\n");
    expect_cpu("user: u\n" RUN, ALTERED, ROOT, NULL); /* another question: user 7 is trusted, too */
    expect_cpu(RUN "allow_writable: true\n", ALTERED, GARNET, NULL);
    expect_cpu(RUN "enabled: no\n", ALTERED, GARNET, NULL);
}

Test(conf, a_collectors_errors_stand_apart)
{
    struct errors e = {0};
    struct conf *c = parse("host: h", "command: /bin/cpu\nintervall: 1s\n", &e);

    cr_assert_eq(e.n, 1);
    cr_assert_not(errors_fatal(&e));
    cr_assert_null(c->collectors);
    cr_assert_str_eq(c->refused->file, "/etc/collectors.d/cpu.yaml");
    cr_assert_str_eq(c->refused->collector, "cpu");
    cr_assert_eq(strncmp(c->refused->lines, "/etc/collectors.d/cpu.yaml:2:1: unknown key", 43), 0);
    cr_assert_not(c->refused->world);
    conf_free(c);
    errors_free(&e);
    c = parse("host: h\nnonsense: 1\n", "command: /bin/cpu\nintervall: 1s\n", &e);
    cr_assert_eq(e.n, 2);
    cr_assert(errors_fatal(&e));
    conf_free(c);
    errors_free(&e);
}

/* "of the world" is all of it, or it is of the text. */
Test(conf, tells_errors_of_the_world)
{
    static const struct {
        const char *cpu;
        bool world;
    } of[] = {{"command: /bin/gone\n", true},
              {"command: /bin/gone\nuser: nobody\n", true},
              {"command: /bin/gone\nintervall: 1s\n", false},
              {"command: cpu\n", false}};

    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct snapshot s = {0};
        struct errors e = {0};
        struct conf *c;

        add_file(&s, "/etc/garnet.yaml", "host: h", 7);
        add_file(&s, "/etc/collectors.d/cpu.yaml", of[i].cpu, strlen(of[i].cpu));
        put_facts(&s);
        put(&s, "file:/bin/gone", "error does not exist");
        put(&s, "user:nobody", "");
        c = conf_parse(&s, &e);
        cr_assert_null(c->wanted);
        cr_assert_eq(c->refused->world, of[i].world, "%s", of[i].cpu);
        conf_free(c);
        errors_free(&e);
        snapshot_free(&s);
    }
}

Test(conf, a_plugin_that_others_can_alter_is_refused)
{
    static const char text[] = "host: h\nsinks:\n  - {name: a, plugin: /x.so}\n"
                               "  - {name: b, plugin: /x.so, allow_writable: true}\n";
    struct snapshot s = {0};
    struct errors e = {0};

    add_file(&s, "/g.yaml", text, sizeof text - 1);
    put_facts(&s);
    put(&s, "file:/x.so", PROGRAM);
    put(&s, "trust:-1:/x.so", "error can be altered by its group: chmod go-w it");
    conf_free(conf_parse(&s, &e));
    buf_putc(&e.text, 0);
    cr_assert_str_eq(e.text.p, "/g.yaml:3:23: plugin: \"/x.so\" can be altered by its group: chmod "
                               "go-w it, or set allow_writable: true\n");
    errors_free(&e);
    snapshot_free(&s);
}

#define BECOME(key, name)                                                                          \
    key ": garnetd runs as user 100 without the privilege to become \"" name                       \
        "\": give it CAP_SETUID, CAP_SETGID and CAP_KILL, start it as root, or remove the key\n"

/* One sink with these facts: its digest, and who it is; `want` is the error, or there is none. */
static uint64_t expect_sink(const char *user, const char *self, const char *garnet, uid_t uid,
                            const char *want)
{
    struct snapshot s = {0};
    struct errors e = {0};
    struct buf text = {0};
    uint64_t digest;
    struct conf *c;

    buf_putf(&text, "host: h\nsinks:\n  - {name: a, plugin: /x.so%s}\n", user);
    add_file(&s, "/g.yaml", text.p, text.n);
    put_facts(&s);
    put(&s, "file:/x.so", PROGRAM);
    put(&s, "trust:-1:/x.so", "");
    put(&s, "trust:7:/x.so", "");
    put(&s, "trust:4711:/x.so", "");
    put(&s, "self", self);
    put(&s, "user:garnet", garnet);
    put(&s, "user:4711", "4711");
    c = conf_parse(&s, &e);
    cr_assert_null(c->wanted);
    cr_assert_eq(c->sinks->identity.uid, uid);
    digest = c->sinks->digest;
    buf_putc(&e.text, 0);
    cr_assert_str_eq(e.text.p, want ? want : "");
    buf_free(&text);
    errors_free(&e);
    conf_free(c);
    snapshot_free(&s);
    return digest;
}

Test(conf, who_a_sinks_worker_is)
{
    static const uid_t same = (uid_t)-1;
    uint64_t root = expect_sink("", ROOT, "", same, NULL);

    cr_assert_neq(root, expect_sink("", ROOT, "7 8 8 9", 7, NULL), "another worker");
    expect_sink(", user: u", ROOT, "", 7, NULL);
    expect_sink(", user: '0'", ROOT, "7 8 8 9", same, NULL);
    expect_sink("", GARNET, "7 8 8 9", same, NULL);  /* it is nobody special, and stays that */
    expect_sink("", "0 0 1", "7 8 8 9", same, NULL); /* it could not become it */
    expect_sink(", user: u", "7 8 0", "", same, NULL);
    expect_sink(", user: u", GARNET, "", 7, "/g.yaml:3:36: " BECOME("user", "u"));
    expect_sink(
        ", user: 4711", ROOT, "", 4711,
        "/g.yaml:3:36: user: \"4711\" has no account, so its group is not known: a sink's user "
        "must have an account\n");
    expect_sink("", ROOT, "error cannot be looked up: Timer expired", same,
                "/g.yaml:3:5: this sink would be user garnet, which cannot be looked up: Timer "
                "expired: set \"user\"\n");
}

Test(conf, groups_that_may_write_are_kept_for_the_look_before_each_run)
{
    struct snapshot s = {0};
    struct errors e = {0};
    struct trust t;
    struct conf *c;

    add_file(&s, "/etc/garnet.yaml", "host: h", 7);
    add_file(&s, "/etc/collectors.d/cpu.yaml", "user: u\n" RUN, sizeof("user: u\n" RUN) - 1);
    put_facts(&s);
    put(&s, "trust:7:/bin/cpu", " 7:8 ");
    c = conf_parse(&s, &e);
    cr_assert_eq(e.n, 0);
    t = conf_collector_trust(c->collectors, 100);
    cr_assert_eq(t.users[0], 100);
    cr_assert_eq(t.users[1], 7);
    cr_assert_str_eq(t.own_groups, " 7:8 ");
    conf_free(c);
    snapshot_free(&s);
}

Test(conf, nobody_becomes_another_without_the_privilege)
{
    expect_cpu(RUN "user: u\n", "", GARNET, "2:7: " BECOME("user", "u"));
    expect_cpu(RUN "group: g\n", "", GARNET, "2:8: " BECOME("group", "g"));
    expect_cpu(RUN "user: u\n", "", "100 101 80", "2:7: " BECOME("user", "u"));
    expect_cpu(RUN "user: u\n", "", "100 101 c0", NULL);
    expect_cpu(RUN "group: g\n", "", "100 101 40", NULL);
    expect_cpu(RUN "user: u\n", "", "7 8 0", NULL); /* it is that already */
    expect_cpu(RUN "group: g\n", "", "100 11 0", NULL);
    expect_cpu(RUN "nice: -1\n", "", GARNET,
               "2:7: nice: below 0 needs a garnetd with CAP_SYS_NICE: raise it, or start it as "
               "root\n");
    expect_cpu(RUN "nice: -1\n", "", "100 101 800000", NULL);
    expect_cpu(RUN "nice: 1\n", "", GARNET, NULL);
}

Test(conf, users_that_cannot_be_resolved)
{
    expect_cpu(RUN "user: sick\nlimits: {processes: 5}\n", "", ROOT,
               "2:7: user: \"sick\" cannot be looked up: Timer expired\n");
    expect_cpu(RUN "user: 4711\n", "", ROOT,
               "2:7: user: \"4711\" has no account, so its group is not known: add \"group\"\n");
    expect_cpu(RUN "user: 4711\ngroup: g\n", "", ROOT, NULL);
}

Test(conf, identity_and_limits_are_resolved)
{
    struct conf *c = parse_good(MAIN, CPU "user: v\ngroup: g\nlimits: {cpu: 90s, processes: 4}\n");
    const struct conf_collector *k = c->collectors;

    cr_assert_eq(k->identity.uid, 7);
    cr_assert_eq(k->identity.gid, 11);
    cr_assert_eq(k->identity.ngroups, 3);
    for (gid_t i = 0; i < 3; i++)
        cr_assert_eq(k->identity.groups[i], 8 + i);
    cr_assert_eq(k->limits.cpu, 90 * INT64_C(1000000000));
    cr_assert_eq(k->limits.processes, 4);
    cr_assert_eq(k->limits.memory, -1);
    conf_free(c);
}

/* --- digests --- */

static uint64_t sink_digest(const char *text)
{
    struct conf *c = parse_good(text, CPU);
    uint64_t d = c->sinks->digest;

    conf_free(c);
    return d;
}

static uint64_t collector_digest(const char *text, const char *cpu)
{
    struct conf *c = parse_good(text, cpu);
    uint64_t d = c->collectors->digest;

    conf_free(c);
    return d;
}

#define SINK(rest) "host: h\nsinks:\n- {name: a, plugin: /p/graphite.so" rest "}\n"

Test(conf, a_sinks_digest_is_of_what_it_depends_on)
{
    uint64_t d = sink_digest(SINK(", to: tcp://h:1, path: x"));

    cr_assert_eq(d, sink_digest("# moved\n\n" SINK(", path: \"x\", to: tcp://h:1")));
    cr_assert_eq(d, sink_digest("tags: {a: b}\n" SINK(", path: x, to: tcp://h:1")));
    cr_assert_neq(d, sink_digest("log_level: debug\n" SINK(", to: tcp://h:1, path: x")));
    cr_assert_neq(d, sink_digest(SINK(", to: tcp://h:2, path: x")));
    cr_assert_neq(d, sink_digest(SINK(", to: tcp://h:1, path: y")));
    cr_assert_neq(d, sink_digest(SINK(", to: tcp://h:1, path: x, more: 1")));
    cr_assert_neq(d, sink_digest("spool: {dir: /t}\n" SINK(", to: tcp://h:1, path: x")));
    cr_assert_neq(sink_digest(SINK(", a: [x, y]")), sink_digest(SINK(", a: [y, x]")));
    cr_assert_neq(sink_digest(SINK(", a: {x: y}")), sink_digest(SINK(", a: [x, y]")));
    cr_assert_neq(sink_digest(SINK(", a: {x: y}")), sink_digest(SINK(", a: {y: x}")));
    cr_assert_neq(sink_digest(SINK(", a: null")), sink_digest(SINK(", a: 'null'")));
}

Test(conf, a_replaced_plugin_or_command_is_a_change)
{
    /* the command replaced, and touched by chmod alone */
    static const char *const commands[] = {PROGRAM, "1 9 3 4 5 33261 0", "1 2 3 4 6 33133 0"};
    struct snapshot s[3] = {};
    struct errors e = {0};
    struct conf *c[3];

    for (int i = 0; i < 3; i++) {
        add_file(&s[i], "/etc/garnet.yaml", MAIN, sizeof MAIN - 1);
        add_file(&s[i], "/etc/collectors.d/cpu.yaml", CPU, sizeof CPU - 1);
        put(&s[i], "file:/p/graphite.so", i ? "1 2 3 4 6 33261 0" : PROGRAM);
        put(&s[i], "file:/bin/cpu", commands[i]);
        put(&s[i], "trust:-1:/bin/cpu", "");
        put(&s[i], "cgroup", "");
        put(&s[i], "group:wheel", "10");
        c[i] = conf_parse(&s[i], &e);
        cr_assert_eq(e.n, 0, "%.*s", (int)e.text.n, e.text.p);
    }
    cr_assert_neq(c[0]->sinks->digest, c[1]->sinks->digest);
    cr_assert_neq(c[0]->collectors->digest, c[1]->collectors->digest);
    cr_assert_eq(c[0]->collectors->digest, c[2]->collectors->digest);
    for (int i = 0; i < 3; i++) {
        conf_free(c[i]);
        snapshot_free(&s[i]);
    }
}

/* Each key alone makes it another collector. */
static const char *const CHANGES[] = {
    "mode: daemon",
    "overlap: kill",
    "splay: 1ms",
    "user: u",
    "group: g",
    "cwd: /tmp",
    "env: {A: b}",
    "nice: 1",
    "no_new_privs: false",
    "limits: {cpu: 1s}",
    "limits: {memory: 1MiB}",
    "limits: {files: 16}",
    "series_limit: 1",
    "metrics_limit: 1",
    "bytes_limit: 1KiB",
    "limits: {file_size: 1}",
    "user: u\nlimits: {processes: 2}",
};

Test(conf, a_collectors_digest_is_of_what_it_depends_on)
{
    uint64_t d = collector_digest(MAIN, CPU);

    cr_assert_eq(d, collector_digest(MAIN, "# x\n" CPU "timeout: 1s\ngrace: 2000ms\n"));
    cr_assert_eq(d, collector_digest("log_level: debug\n" MAIN, CPU));
    cr_assert_neq(d, collector_digest(MAIN, CPU "timeout: 2s\n"));
    cr_assert_neq(d, collector_digest(MAIN, CPU "enabled: no\n"));
    cr_assert_neq(d, collector_digest("host: h\n", CPU)); /* without the tag env */
    cr_assert_neq(d, collector_digest(MAIN, "command: [/bin/cpu, -b]\n"));
    cr_assert_eq(d, collector_digest(MAIN, CPU "allow_writable: true\n"));
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        char cpu[256];

        snprintf(cpu, sizeof cpu, CPU "%s\n", CHANGES[i]);
        cr_assert_neq(d, collector_digest(MAIN, cpu), "%s", CHANGES[i]);
    }
    cr_assert_neq(collector_digest(MAIN, CPU "user: u\n"), collector_digest(MAIN, CPU "user: v\n"));
    cr_assert_neq(collector_digest(MAIN, "command: [/bin/cpu, ab]\n"),
                  collector_digest(MAIN, "command: [/bin/cpu, a, b]\n"));
}

Test(conf, a_collectors_socket_stands_beside_the_shared_one)
{
    struct conf *c = parse_good("host: h\nsocket: /run/g/g.sock\n", CPU);

    cr_assert_str_eq(conf_collector_socket(&c->arena, c, "cpu"), "/run/g/collectors/cpu.sock");
    c->socket.path = "/g.sock";
    cr_assert_str_eq(conf_collector_socket(&c->arena, c, "cpu"), "/collectors/cpu.sock");
    conf_free(c);
}

/* --- hostile bytes --- */

/* xorshift64: the same bytes in every run */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void mutate(char *text, size_t n, uint64_t *state)
{
    static const char likely[] = "\n\t :-[]{}#&*!|>'\"%@`~?,\\\0\x01\x7f\xff\xc2\xe2";

    for (uint64_t i = next_random(state) % 4 + 1; i > 0; i--) {
        size_t at = next_random(state) % n, from = next_random(state) % n;
        size_t len = next_random(state) % 24;

        switch (next_random(state) % 3) {
        case 0:
            text[at] = likely[next_random(state) % (sizeof likely - 1)];
            break;
        case 1:
            text[at] = (char)next_random(state);
            break;
        default:
            if (at + len < n && from + len < n)
                memmove(text + at, text + from, len);
        }
    }
}

Test(conf, mutated_bytes_are_answered_with_errors_or_a_conf)
{
    uint64_t state = 0x9e3779b97f4a7c15;
    unsigned good = 0, bad = 0;

    for (int i = 0; i < 6000; i++) {
        char text[] = MAIN, cpu[] = CPU;
        struct snapshot s = {0};
        struct errors e = {0};
        struct conf *c;

        if (i % 3 != 0)
            mutate(text, sizeof text - 1, &state);
        if (i % 3 != 1)
            mutate(cpu, sizeof cpu - 1, &state);
        add_file(&s, "/etc/garnet.yaml", text, sizeof text - 1);
        add_file(&s, "/etc/collectors.d/cpu.yaml", cpu, sizeof cpu - 1);
        put_facts(&s);
        c = conf_parse(&s, &e);
        cr_assert_not_null(c);
        cr_assert_eq(e.n > 0, e.text.n > 0);
        cr_assert(buf_ok(&e.text));
        *(e.n > 0 ? &bad : &good) += 1;
        conf_free(c);
        errors_free(&e);
        snapshot_free(&s);
    }
    cr_assert_gt(bad, 3000); /* the mutations do bite, */
    cr_assert_gt(good, 100); /* and not all of them do */
}
