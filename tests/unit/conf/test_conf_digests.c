/* tests/unit/conf/test_conf_digests.c - what a sink's and a collector's digest depend on */
#include <stdio.h>

#include "rig/world.h"

static uint64_t sink_digest(const char *text)
{
    struct conf *c = world_parse_good(text, CPU);
    uint64_t d = c->sinks->digest;

    conf_free(c);
    return d;
}

static uint64_t collector_digest(const char *text, const char *cpu)
{
    struct conf *c = world_parse_good(text, cpu);
    uint64_t d = c->collectors->digest;

    conf_free(c);
    return d;
}

#define SINK(rest) "host: h\nsinks:\n- {name: a, plugin: /p/graphite.so" rest "}\n"

Test(conf_digests, a_sinks_digest_is_of_what_it_depends_on)
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

static uint64_t digest_with_secret(const char *value)
{
    struct snapshot s = {0};
    struct errors e = {0};
    static const char text[] = SINK(", to: tcp://h:1, key_file: k");
    struct conf *c;
    uint64_t d;

    world_file(&s, "/etc/garnet.yaml", text, sizeof text - 1);
    world_put_all(&s);
    world_put(&s, "secret:-1:/etc/k", value);
    c = conf_parse(&s, &e);
    snapshot_free(&s);
    cr_assert_not_null(c);
    cr_assert_eq(e.n, 0, "%.*s", (int)e.text.n, e.text.p);
    cr_assert_null(c->wanted);
    d = c->sinks->digest;
    conf_free(c);
    return d;
}

Test(conf_digests, a_secrets_text_is_in_it)
{
    uint64_t d = digest_with_secret("=a");

    cr_assert_eq(d, digest_with_secret("=a"));
    cr_assert_neq(d, digest_with_secret("=b"));
    cr_assert_neq(d, digest_with_secret("error does not exist"), "that is for its plugin to say");
}

Test(conf_digests, a_replaced_plugin_or_command_is_a_change)
{
    /* the command replaced, and touched by chmod alone */
    static const char *const commands[] = {PROGRAM, "1 9 3 4 5 33261 0", "1 2 3 4 6 33133 0"};
    struct snapshot s[3] = {};
    struct errors e = {0};
    struct conf *c[3];

    for (int i = 0; i < 3; i++) {
        world_file(&s[i], "/etc/garnet.yaml", MAIN, sizeof MAIN - 1);
        world_file(&s[i], "/etc/collectors.d/cpu.yaml", CPU, sizeof CPU - 1);
        world_put(&s[i], "file:/p/graphite.so", i ? "1 2 3 4 6 33261 0" : PROGRAM);
        world_put(&s[i], "file:/bin/cpu", commands[i]);
        world_put(&s[i], "trust:-1:/bin/cpu", "");
        world_put(&s[i], "cgroup", "");
        world_put(&s[i], "group:wheel", "10");
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

Test(conf_digests, a_collectors_digest_is_of_what_it_depends_on)
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
