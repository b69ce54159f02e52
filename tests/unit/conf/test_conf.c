/* tests/unit/conf/test_conf.c - conf/conf.h: what parsing asks of the world and makes of the answers, and hostile bytes; a case
 * for every message is in test_conf_cases.c */
#include "rig/world.h"

/* So large is the file system of /s. */
static void expect_warning_of_room(const char *room, bool warns)
{
    static const char text[] = "host: h\nspool: {dir: /s, max_size: 200MiB}\nsinks: []\n";
    struct snapshot s = {0};
    struct errors e = {0};
    struct conf *c;

    world_file(&s, "/g.yaml", text, sizeof text - 1);
    world_put_all(&s);
    world_put(&s, "room:/s", room);
    c = conf_parse(&s, &e);
    cr_assert_not_null(c);
    cr_assert_null(c->wanted);
    cr_assert_eq(e.n, 0, "it starts all the same");
    buf_putc(&e.warnings, 0);
    cr_assert_eq(strstr(e.warnings.p, "/g.yaml:2:28: spool.max_size: 200 MiB are more than the 100 "
                                      "MiB of the file system of \"/s\": lower it") != NULL,
                 warns, "%s", e.warnings.p);
    errors_free(&e);
    conf_free(c);
    snapshot_free(&s);
}

Test(conf, a_spool_larger_than_its_file_system_is_a_warning)
{
    expect_warning_of_room("104857600", true);
    expect_warning_of_room("209715200", false);
    expect_warning_of_room("", false);
    expect_warning_of_room("error cannot be read", false);
}

/* One more fact and one file; the errors must be these. */
static void expect(const char *text, const char *key, const char *value, const char *want)
{
    struct snapshot s = {0};
    struct errors e = {0};
    struct conf *c;

    world_file(&s, "/g.yaml", text, strlen(text));
    world_put(&s, key, value);
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

    world_file(&s, "/g.yaml", text, sizeof text - 1);
    c = conf_parse(&s, &e);
    cr_assert_not_null(c);
    cr_assert_eq(e.n, 0);
    for (w = c->wanted; w; w = w->next, n++) {
        cr_assert_lt(n, 4);
        cr_assert_str_eq(w->key, keys[n]);
        world_put(&s, w->key, n == 3 ? PROGRAM : n == 2 ? "error does not exist" : "7");
    }
    cr_assert_eq(n, 4);
    conf_free(c);
    c = conf_parse(&s, &e);
    cr_assert_str_eq(c->wanted->key, "self");
    cr_assert_str_eq(c->wanted->next->key, "trust:-1:/q/x.so", "only where it was found");
    cr_assert_null(c->wanted->next->next);
    world_put(&s, "self", "100 101 0");
    world_put(&s, "trust:-1:/q/x.so", "");
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

    world_file(&s, "/g.yaml", text, sizeof text - 1);
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

    world_put(s, "folder:/run/g", folder); /* the last one counts */
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

    world_file(&s, "/g.yaml", text, sizeof text - 1);
    world_put_all(&s);
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

Test(conf, a_collectors_errors_stand_apart)
{
    struct errors e = {0};
    struct conf *c = world_parse("host: h", "command: /bin/cpu\nintervall: 1s\n", &e);

    cr_assert_eq(e.n, 1);
    cr_assert_not(errors_fatal(&e));
    cr_assert_null(c->collectors);
    cr_assert_str_eq(c->refused->file, "/etc/collectors.d/cpu.yaml");
    cr_assert_str_eq(c->refused->collector, "cpu");
    cr_assert_eq(strncmp(c->refused->lines, "/etc/collectors.d/cpu.yaml:2:1: unknown key", 43), 0);
    cr_assert_not(c->refused->world);
    conf_free(c);
    errors_free(&e);
    c = world_parse("host: h\nnonsense: 1\n", "command: /bin/cpu\nintervall: 1s\n", &e);
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

        world_file(&s, "/etc/garnet.yaml", "host: h", 7);
        world_file(&s, "/etc/collectors.d/cpu.yaml", of[i].cpu, strlen(of[i].cpu));
        world_put_all(&s);
        world_put(&s, "file:/bin/gone", "error does not exist");
        world_put(&s, "user:nobody", "");
        c = conf_parse(&s, &e);
        cr_assert_null(c->wanted);
        cr_assert_eq(c->refused->world, of[i].world, "%s", of[i].cpu);
        conf_free(c);
        errors_free(&e);
        snapshot_free(&s);
    }
}

Test(conf, a_collectors_socket_stands_beside_the_shared_one)
{
    struct conf *c = world_parse_good("host: h\nsocket: /run/g/g.sock\n", CPU);

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
        world_file(&s, "/etc/garnet.yaml", text, sizeof text - 1);
        world_file(&s, "/etc/collectors.d/cpu.yaml", cpu, sizeof cpu - 1);
        world_put_all(&s);
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
