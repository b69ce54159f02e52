/* plugin/plugin.c and options.c: what is refused and how it is told, and how options reach a plugin. */
#include <pthread.h>

#include "rig/sink_kit.h"

static void refused(const char *file, const char *sentence)
{
    struct plugin p;

    cr_assert(!plugin_load(&p, file));
    cr_assert_not_null(strstr(plugin_why(&p), sentence), "%s", plugin_why(&p));
    plugin_unload(&p);
}

Test(plugin, what_is_no_plugin_is_refused)
{
    refused("/nonexistent/x.so", "cannot load /nonexistent/x.so: cannot open shared object file");
    refused("/etc/passwd", "cannot load /etc/passwd: ");
    refused(TEST_PLUGIN("nosymbol"), "wanted the symbol garnet_plugin_v1 (ABI 1.0), found none");
    refused(TEST_PLUGIN("small"), "wanted a garnet_plugin of at least ");
    refused(TEST_PLUGIN("small"), "bytes (ABI 1.0), found 16");
}

Test(plugin, wrong_rows_are_refused)
{
    refused(TEST_PLUGIN("row_TYPE"), "option x has type 11, which ABI 1.0 does not have");
    refused(TEST_PLUGIN("row_NAME"), "option row 1 has the name \"No-Good\"");
    refused(TEST_PLUGIN("row_CLASH"), "option flush has the name of a key that every sink has");
    refused(TEST_PLUGIN("row_LATER"),
            "option sink_x begins with sink_, which is kept for keys of every sink");
    refused(TEST_PLUGIN("row_TWICE"), "it has two options fine");
    refused(TEST_PLUGIN("row_DEFAULT"),
            "default is wrong: x: \"11s\" is above the greatest value, 10s");
    refused(TEST_PLUGIN("row_BOUND"), "option x, max \"10 parsecs\": ");
    refused(TEST_PLUGIN("row_OFFSET"),
            "option x lies at offset 32, outside its conf struct of 32 bytes");
    refused(TEST_PLUGIN("row_NOBOUND"), "its option x: a BOOL takes no min");
    refused(TEST_PLUGIN("row_BOUNDS"), "its option x: its min, 9, is above its max, 3");
    refused(TEST_PLUGIN("row_SHARED"), "its options fine and x lie in the same field");
    refused(TEST_PLUGIN("row_KIND"),
            "its option x is of type INT, whose .offset is a GARNET_FIELD_INT: "
            "found GARNET_FIELD_STR");
    refused(TEST_PLUGIN("row_NOKIND"), "found no GARNET_FIELD_*");
    refused(TEST_PLUGIN("row_REQUIRED"), "is REQUIRED, and has a default that is never used");
    refused(TEST_PLUGIN("row_COUNTERS"), "has counters = 9, which ABI 1.0 does not have");
    refused(TEST_PLUGIN("row_FLAGS"), "has flags (0x100000) that ABI 1.0 does not have");
    refused(TEST_PLUGIN("row_VTYPES"),
            "takes kinds of values (vtypes 0x9) that ABI 1.0 does not have");
    refused(TEST_PLUGIN("row_FLUSH"),
            "default is wrong: flush: \"2h\" is above the greatest value, 1h");
    refused(TEST_PLUGIN("row_BATCH"), "default is wrong: batch_size: \"many\" ");
    refused(TEST_PLUGIN("secret_clash"), "by the key key_file: nothing else may have that name");
    refused(TEST_PLUGIN("row_PENDING"),
            "wants 1025 batches pending (max_pending); this Garnet allows 1024");
    refused(TEST_PLUGIN("row_CHOICES"), "option x has no choices");
    refused(TEST_PLUGIN("row_MAPDEF"), "option x has a default, which a MAP cannot have");
    refused(TEST_PLUGIN("row_HELP"), "option x has no help");
}

Test(plugin, wrong_counters_and_gauges_are_refused)
{
    refused(TEST_PLUGIN("row_STAT_NAME"),
            "its counter or gauge 1, \"No-Good\", has a name that is not [a-z][a-z0-9_]*");
    refused(TEST_PLUGIN("row_STAT_TYPE"),
            "has a type that is neither GARNET_COUNTER nor GARNET_GAUGE");
    refused(TEST_PLUGIN("row_STAT_UNIT"), "\"x\", has a unit that is not up to 32 visible ASCII");
    refused(TEST_PLUGIN("row_STAT_HELP"), "its counter or gauge 1, \"x\", has no help");
    refused(TEST_PLUGIN("row_STAT_FLAGS"), "\"x\", has flags that this ABI does not have");
    refused(TEST_PLUGIN("row_STAT_TWICE"), "it has two counters or gauges fine");
    refused(TEST_PLUGIN("row_STAT_MANY"),
            "its counters and gauges cannot be read: 17 rows of 32 bytes; wanted at most 16 of at "
            "least 32 bytes (GARNET_STATS fills this in)");
}

/* An option of a plugin of 1.0 may have any other name: so a key that comes later must have one that none has. */
Test(plugin, keys_of_every_sink_that_come_after_1_0_begin_with_sink_)
{
    static const char *const keys[] = {
        "name",          "plugin",         "to",           "flush",
        "batch_size",    "batch_metrics",  "max_packet",   "confirm",
        "catch_up_rate", "max_age",        "memory_limit", "start",
        "only",          "drop",           "counters",     "counter_window",
        "user",          "allow_writable", "warm"};

    for (size_t i = 0; i < sink_section.n; i++) {
        const char *name = sink_section.rows[i].name;
        bool known = strncmp(name, "sink_", 5) == 0;

        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            known |= strcmp(name, keys[k]) == 0;
        cr_assert(known, "%s: a plugin may have an option of this name: call it sink_%s", name,
                  name);
    }
}

/* --- calls from threads --- */

static struct plugin threaded;
static const char *call;

static void *make_call(void *arg)
{
    garnet *g = arg;
    const garnet_host *h = g->host;

    if (strcmp(call, "put()") == 0)
        h->put(g, "x", 1);
    else if (strcmp(call, "fail()") == 0)
        cr_assert_eq(h->fail(g, GARNET_RETRY, "from a thread"), GARNET_RETRY);
    else if (strcmp(call, "log()") == 0)
        h->log(g, GARNET_ERROR, "from a thread");
    else if (strcmp(call, "confirm()") == 0)
        h->confirm(g, 1, GARNET_OK);
    else if (strcmp(call, "measure()") == 0)
        h->measure(g, 0, 1);
    else
        cr_assert_eq(h->watch(g, 0, GARNET_READABLE), -1);
    return NULL;
}

static void call_in_thread(void)
{
    pthread_t t;

    cr_assert_eq(pthread_create(&t, NULL, make_call, &threaded.host.g), 0);
    cr_assert_eq(pthread_join(t, NULL), 0);
}

/* Whatever runs meanwhile, and if it may make that call itself. */
static void returns(enum plugin_callback at, bool called, int want)
{
    host_enter(&threaded.host, at);
    if (called)
        call_in_thread();
    cr_assert_eq(host_leave(&threaded.host, GARNET_OK), want, "%s in %s", call, host_name(at));
}

Test(plugin, a_thread_may_call_nothing)
{
    static const char *const calls[] = {"put()",     "fail()",    "log()",
                                        "confirm()", "measure()", "watch()"};
    struct buf out = {0};
    char why[80];
    struct kit k;

    kit_open(&k);
    kit_plugin(&k, &threaded, GRAPHITE, "{name: main, plugin: graphite, to: stdout}");
    threaded.host.out = &out;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        call = calls[i];
        (void)snprintf(why, sizeof why,
                       "a thread of its own calls %s, and no thread may call the host", call);
        returns(PLUGIN_FORMAT, true, GARNET_FATAL);
        cr_assert_str_eq(plugin_why(&threaded), why);
        returns(PLUGIN_DELIVER, true, GARNET_FATAL);
        returns(PLUGIN_EVENT, false, GARNET_OK);
        call_in_thread(); /* while none runs */
        returns(PLUGIN_OPEN, false, GARNET_FATAL);
        cr_assert_str_eq(plugin_why(&threaded), why);
        returns(PLUGIN_OPEN, false, GARNET_OK);
    }
    cr_assert_eq(out.n, 0);
    plugin_unload(&threaded);
    kit_close(&k);
}

/* --- what it counts by itself --- */

static void measures(struct plugin *p, enum plugin_callback at, uint32_t i, int64_t v, int want,
                     const char *why)
{
    host_enter(&p->host, at);
    p->host.table.measure(&p->host.g, i, v);
    cr_assert_eq(host_leave(&p->host, GARNET_OK), want, "in %s", host_name(at));
    cr_assert_str_eq(plugin_why(p), why);
}

Test(plugin, what_it_counts_is_on_the_board)
{
    static struct statboard board;
    struct plugin p;

    cr_assert(plugin_load(&p, TEST_PLUGIN("stats")), "%s", plugin_why(&p));
    measures(&p, PLUGIN_DELIVER, 0, 1, GARNET_OK, ""); /* nobody looks */
    plugin_stats_show(&p.stats, &board);
    cr_assert_eq(statboard_rows(&board), 3);
    measures(&p, PLUGIN_OPEN, 0, 1, GARNET_OK, "");
    measures(&p, PLUGIN_DELIVER, 0, 2, GARNET_OK, "");
    measures(&p, PLUGIN_EVENT, 2, -5, GARNET_OK, "");
    cr_assert_eq(statboard_value(&board, 0), 3);
    cr_assert_eq(statboard_value(&board, 2), -5);
    measures(&p, PLUGIN_DELIVER, 0, -1, GARNET_FATAL,
             "it measures -1 for its counter batches, which cannot go back");
    measures(&p, PLUGIN_DELIVER, 3, 1, GARNET_FATAL,
             "it measures row 3 of its counters and gauges, and has 3");
    measures(&p, PLUGIN_FORMAT, 0, 1, GARNET_REJECT,
             "it calls measure() in format(), where it may not");
    measures(&p, PLUGIN_CLOSE, 0, 1, GARNET_FATAL,
             "it calls measure() in close(), where it may not");
    cr_assert_eq(statboard_value(&board, 0), 3);
    plugin_unload(&p);
}

/* What format() writes for one metric. */
static void writes(const char *file, const char *yaml, const char *want)
{
    struct kit k;
    struct plugin p;
    struct buf out = {0};
    garnet_metric m = {.size = sizeof m, .vtype = GARNET_I64, .name = {"n", 1}};

    kit_open(&k);
    kit_plugin(&k, &p, file, yaml);
    p.host.out = &out;
    host_enter(&p.host, PLUGIN_FORMAT);
    cr_assert_eq(host_leave(&p.host, p.def.format(&p.host.g, &m)), GARNET_OK);
    buf_putc(&out, 0);
    cr_assert_str_eq(out.p, want);
    buf_free(&out);
    plugin_unload(&p);
    kit_close(&k);
}

Test(plugin, options_arrive_in_their_types)
{
    writes(TEST_PLUGIN("options"), "{name: main, plugin: x, to: stdout}",
           "t - 1 7 1 10000000 65536 0.25 one/3 main web01\n");
    writes(
        TEST_PLUGIN("options"),
        "{name: main, plugin: x, to: stdout, text: hey, path: f, choice: c, number: 10, yes: no, "
        "age: 2s, room: 1KiB, real: -1.5, list: [a, bc], map: {z: 1, a: 2}}",
        "hey /etc/f 2 10 0 2000000000 1024 -1.5 a/1 bc/2 z=1 a=2 main web01\n");
}

Test(plugin, one_from_the_future_loads)
{
    writes(TEST_PLUGIN("newer"), "{name: main, plugin: x, to: stdout}", "n 42\n");
}

/* --- batches --- */

/* As the sink's rows have filled them. */
static void batches_are(const char *yaml, int64_t flush, int64_t size, uint32_t metrics)
{
    struct kit k;
    struct plugin p;

    kit_open(&k);
    kit_sink(&k, TEST_PLUGIN("few"), yaml);
    section_fill(&k.arena, &sink_section, k.sink.node, &k.sink, &k.e);
    cr_assert(plugin_load(&p, TEST_PLUGIN("few")), "%s", plugin_why(&p));
    cr_assert(plugin_configure(&p, &k.sink, "web01", &k.e), "%s", kit_errors(&k));
    cr_assert_eq(p.flush, flush);
    cr_assert_eq(p.batch_size, size);
    cr_assert_eq(p.batch_metrics, metrics);
    plugin_unload(&p);
    kit_close(&k);
}

Test(plugin, its_own_batches_unless_the_user_has_others)
{
    batches_are("{name: main, plugin: x, to: stdout}", 5 * NS_PER_S, 512, 3);
    batches_are("{name: main, plugin: x, to: stdout, flush: 0, batch_size: 1KiB, batch_metrics: 2}",
                0, 1024, 2);
    batches_are("{name: main, plugin: x, to: stdout, batch_metrics: 3}", 5 * NS_PER_S, 512, 3);
}

/* --- what is wrong --- */

static void wrong(const char *file, const char *yaml, const char *want)
{
    struct kit k;
    struct plugin p;
    struct errors common = {0};

    kit_open(&k);
    kit_sink(&k, file, yaml);
    cr_assert(plugin_load(&p, file), "%s", plugin_why(&p));
    section_fill(&k.arena, &sink_section, k.sink.node, &k.sink, &common);
    errors_free(&common);
    cr_assert(!plugin_configure(&p, &k.sink, "web01", &k.e));
    cr_assert_str_eq(kit_errors(&k), want);
    cr_assert_null(p.host.errors, "it is the caller's, and may be gone");
    plugin_unload(&p);
    kit_close(&k);
}

Test(plugin, errors_have_a_place)
{
    wrong(TEST_PLUGIN("options"), "name: main\nplugin: x\nto: stdout\nnumbr: 3\nage: 10x\n",
          "/etc/garnet.yaml:4:1: unknown key \"numbr\": did you mean \"number\"?\n"
          "/etc/garnet.yaml:5:6: age: \"10x\" has an unknown unit \"x\": use ns, us, ms, s, m, h "
          "or d\n");
    wrong(TEST_PLUGIN("options"), "name: main\nplugin: x\nto: stdout\ntext: bad\nnumber: 3\n",
          "/etc/garnet.yaml:4:7: text: \"bad\" is a bad word\n"
          "/etc/garnet.yaml:5:9: number: goes badly with it\n"
          "/etc/garnet.yaml:1:1: options: all in all\n"
          "/etc/garnet.yaml:1:1: plugin options calls bad() of an option \"nosuch\" that it does "
          "not have: is not there\n");
    wrong(TEST_PLUGIN("options"), "name: main\nto: stdout\ntext: moody\n",
          "/etc/garnet.yaml:1:1: plugin options refuses these options: not today\n");
    wrong(TEST_PLUGIN("few"), "name: main\nplugin: x\nto: stdout\nbatch_metrics: 4\n",
          "/etc/garnet.yaml:4:16: batch_metrics: \"4\" is more than plugin format lets into a "
          "batch, 3: lower it, or remove it\n");
    wrong(TEST_PLUGIN("options"), "name: main\n",
          "/etc/garnet.yaml:1:1: this sink needs \"to\": plugin options does not deliver by "
          "itself\n");
    wrong(TEST_PLUGIN("deliver"), "name: main\nto: stdout\npath: x\n",
          "/etc/garnet.yaml:2:5: to: plugin deliver delivers by itself: remove this key\n");
    wrong(TEST_PLUGIN("deliver"), "name: main\n",
          "/etc/garnet.yaml:1:1: plugin deliver needs \"path\"\n");
}

/* Whatever is wrong is told at once, also what only check() finds. */
Test(plugin, a_key_of_every_sink_hides_none_of_its_own)
{
    wrong(TEST_PLUGIN("options"), "name: main\nmax_age: 1s\ntext: bad\n",
          "/etc/garnet.yaml:1:1: this sink needs \"to\": plugin options does not deliver by "
          "itself\n"
          "/etc/garnet.yaml:2:10: max_age has no effect: plugin options sends the time of each "
          "metric: remove it\n"
          "/etc/garnet.yaml:3:7: text: \"bad\" is a bad word\n"
          "/etc/garnet.yaml:1:1: number: goes badly with it\n"
          "/etc/garnet.yaml:1:1: options: all in all\n"
          "/etc/garnet.yaml:1:1: plugin options calls bad() of an option \"nosuch\" that it does "
          "not have: is not there\n");
}

/* --- secrets --- */

/* A sink that the configuration has read the files of. */
static void secrets(const char *yaml, struct conf_secret *read, bool good, const char *want)
{
    struct kit k;
    struct plugin p;
    const struct {
        const char *key, *other;
    } * conf;

    kit_open(&k);
    kit_sink(&k, TEST_PLUGIN("secret"), yaml);
    k.sink.secrets = read;
    cr_assert(plugin_load(&p, TEST_PLUGIN("secret")), "%s", plugin_why(&p));
    cr_assert_eq(plugin_configure(&p, &k.sink, "web01", &k.e), good, "%s", kit_errors(&k));
    cr_assert_eq(errors_only_world(&k.e), good || read != NULL);
    conf = p.host.g.conf;
    cr_assert_str_eq(
        good ? arena_printf(&k.arena, "%s %s", conf->key, conf->other) : kit_errors(&k), want);
    plugin_unload(&p);
    kit_close(&k);
}

Test(plugin, a_secret_may_come_from_a_file)
{
    struct conf_secret other = {.key = "other_file", .path = "/o", .text = "o"};
    struct conf_secret key = {.key = "key_file", .path = "/k", .text = "k", .next = &other};

    secrets("name: main\nto: stdout\nkey: a\n", NULL, true, "a none");
    secrets("name: main\nto: stdout\nkey_file: /k\nother_file: /o\n", &key, true, "k o");
    secrets("name: main\nto: stdout\n", NULL, false,
            "/etc/garnet.yaml:1:1: plugin secret needs \"key\"\n");
    secrets("name: main\nto: stdout\nkey: a\nother: b\nother_file: o\n", NULL, false,
            "/etc/garnet.yaml:5:1: other_file and other are both there: remove one of them\n");
    secrets("name: main\nto: stdout\nkey_file: k\n", NULL, false,
            "/etc/garnet.yaml:3:1: key_file is for garnet.yaml: here, give key\n");
    secrets("name: main\nto: stdout\nkey_file: [k]\n", NULL, false,
            "/etc/garnet.yaml:3:11: key_file must be a path, not a list\n");
    key = (struct conf_secret){.key = "key_file", .path = "/k", .why = "is empty"};
    secrets("name: main\nto: stdout\nkey_file: k\n", &key, false,
            "/etc/garnet.yaml:3:11: key_file: \"/k\" is empty\n");
}

Test(plugin, what_is_wrong_with_a_secret_stands_where_it_comes_from)
{
    struct conf_secret key = {.key = "key_file", .path = "/k", .text = "bad"};
    struct kit k;
    struct plugin p;

    kit_open(&k);
    kit_sink(&k, TEST_PLUGIN("secret"), "name: main\nto: stdout\nkey_file: /k\n");
    k.sink.secrets = &key;
    cr_assert(plugin_load(&p, TEST_PLUGIN("secret")), "%s", plugin_why(&p));
    cr_assert(!plugin_configure(&p, &k.sink, "web01", &k.e));
    cr_assert_str_eq(kit_errors(&k), "/etc/garnet.yaml:3:11: key: is a bad one\n");
    plugin_unload(&p);
    kit_close(&k);
}
