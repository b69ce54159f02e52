/* tests/unit/conf/test_conf_users.c - who may alter a command, who may become whom */
#include "rig/world.h"

#define ROOT    "0 0 ffffffffff"
#define GARNET  "100 101 0"
#define RUN     "command: /bin/cpu\n"
#define ALTERED "error goes through /bin, which can be altered by everybody: chmod go-w it"

/* One collector with these facts; the error is about its file, or there is none. */
static void expect_cpu(const char *cpu, const char *trust, const char *self, const char *want)
{
    struct snapshot s = {0};
    struct errors e = {0};
    struct conf *c;

    world_file(&s, "/etc/garnet.yaml", "host: h", 7);
    world_file(&s, "/etc/collectors.d/cpu.yaml", cpu, strlen(cpu));
    world_put_all(&s);
    world_put(&s, "trust:-1:/bin/cpu", trust); /* the last one counts */
    world_put(&s, "self", self);
    world_put(&s, "user:sick", "error cannot be looked up: Timer expired");
    world_put(&s, "user:4711", "4711");
    world_put(&s, "trust:4711:/bin/cpu", "");
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

Test(conf_users, a_command_that_others_can_alter_is_refused)
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

Test(conf_users, a_plugin_that_others_can_alter_is_refused)
{
    static const char text[] = "host: h\nsinks:\n  - {name: a, plugin: /x.so}\n"
                               "  - {name: b, plugin: /x.so, allow_writable: true}\n";
    struct snapshot s = {0};
    struct errors e = {0};

    world_file(&s, "/g.yaml", text, sizeof text - 1);
    world_put_all(&s);
    world_put(&s, "file:/x.so", PROGRAM);
    world_put(&s, "trust:-1:/x.so", "error can be altered by its group: chmod go-w it");
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
    world_file(&s, "/g.yaml", text.p, text.n);
    world_put_all(&s);
    world_put(&s, "file:/x.so", PROGRAM);
    world_put(&s, "trust:-1:/x.so", "");
    world_put(&s, "trust:7:/x.so", "");
    world_put(&s, "trust:4711:/x.so", "");
    world_put(&s, "self", self);
    world_put(&s, "user:garnet", garnet);
    world_put(&s, "user:4711", "4711");
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

Test(conf_users, who_a_sinks_worker_is)
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
    expect_sink(", user: u", "error is not known", "", same,
                "/g.yaml:3:5: what garnetd itself may do is not known\n");
}

Test(conf_users, groups_that_may_write_are_kept_for_the_look_before_each_run)
{
    struct snapshot s = {0};
    struct errors e = {0};
    struct trust t;
    struct conf *c;

    world_file(&s, "/etc/garnet.yaml", "host: h", 7);
    world_file(&s, "/etc/collectors.d/cpu.yaml", "user: u\n" RUN, sizeof("user: u\n" RUN) - 1);
    world_put_all(&s);
    world_put(&s, "trust:7:/bin/cpu", " 7:8 ");
    c = conf_parse(&s, &e);
    cr_assert_eq(e.n, 0);
    t = conf_collector_trust(c->collectors, 100);
    cr_assert_eq(t.users[0], 100);
    cr_assert_eq(t.users[1], 7);
    cr_assert_str_eq(t.own_groups, " 7:8 ");
    conf_free(c);
    snapshot_free(&s);
}

Test(conf_users, nobody_becomes_another_without_the_privilege)
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

Test(conf_users, users_that_cannot_be_resolved)
{
    expect_cpu(RUN "user: sick\nlimits: {processes: 5}\n", "", ROOT,
               "2:7: user: \"sick\" cannot be looked up: Timer expired\n");
    expect_cpu(RUN "user: 4711\n", "", ROOT,
               "2:7: user: \"4711\" has no account, so its group is not known: add \"group\"\n");
    expect_cpu(RUN "user: 4711\ngroup: g\n", "", ROOT, NULL);
}

Test(conf_users, identity_and_limits_are_resolved)
{
    struct conf *c =
        world_parse_good(MAIN, CPU "user: v\ngroup: g\nlimits: {cpu: 90s, processes: 4}\n");
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
