/* cli/plugin.c - `garnet plugin`: the command lines of its subcommands, and `describe`
 *
 * What is wrong with a command line is printed with the help, and gives EXIT_USAGE. A plugin that is to
 * be described is loaded as a worker would, so one that a worker refuses is refused here with the same
 * sentence (EXIT_CONFIG). Its constructors run in this process; none of its callbacks does.
 */
#include "cli/plugin.h"

#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/terminal.h"
#include "base/text.h"
#include "cli/drill.h"
#include "cli/plugin_preview.h"
#include "plugin/plugin.h"
#include "plugintest/plugintest.h"

const char PLUGIN_HELP[] =
    "usage: garnet plugin describe NAME|FILE [--json]\n"
    "       garnet plugin preview -c CONFIG [SINK]... <JSON\n"
    "       garnet plugin test FILE [-o KEY=VALUE]... [--golden FOLDER]\n"
    "              [--deliver [--received COMMAND] [--break COMMAND --mend COMMAND]...]\n"
    "\n"
    "describe  what a plugin declares: version, ABI, roles, options. NAME is looked for\n"
    "          in the plugin folder; FILE holds a slash or ends in .so.\n"
    "preview   the exact bytes that each sink of a configuration would send for the metrics on\n"
    "          standard input, on standard output; of several, each after a line ==> NAME <== on\n"
    "          standard error. No daemon, no network.\n"
    "test      says what is wrong with a plugin and what to do, a check a line. VALUE is YAML.\n"
    "          FOLDER holds a folder a case: metrics.json, options.yaml, want (docs/plugins.md).\n"
    "          --deliver has a plugin deliver to the peer that its options name, through "
    "restarts,\n"
    "          kill -9, and a peer that is broken and mended. --received prints what the peer "
    "has.\n"
    "Exit status: 0 all is well, 1 something is wrong (it is printed), 2 wrong usage, 111 the\n"
    "system refused.\n";

/* --- describe --- */

static const char *const TYPES[] = {"?",        "string", "choice", "int",  "real", "bool",
                                    "duration", "size",   "path",   "list", "map"};
static const char *const STATS[] = {[GARNET_GAUGE] = "gauge", [GARNET_COUNTER] = "counter"};
static const char *const COUNTERS[] = {"raw", "rate", "delta"};

/* Each bit's word. */
static const char *const FLAGS[] = {"idempotent", "untimed", "live", "ordered", NULL};
static const char *const VALUES[] = {"i64", "u64", "f64", NULL};
static const char *const ROLES[] = {"formatter", "sink", "pull", NULL};
_Static_assert(PLUGIN_FLAGS == (1U << (sizeof FLAGS / sizeof *FLAGS - 1)) - 1,
               "a flag has no name");

static uint32_t roles_of(const garnet_plugin *d)
{
    return d->deliver == NULL ? 1U : (d->flags & GARNET_LIVE) != 0 ? 2U | 4U : 2U;
}

/* With a comma between them and, for JSON, each in quotes. */
static void put_bits(struct buf *b, const char *const words[], uint32_t bits, bool json)
{
    const char *sep = "";

    for (; *words != NULL; words++, bits >>= 1)
        if ((bits & 1U) != 0) {
            buf_putf(b, json ? "%s\"%s\"" : "%s%s", sep, *words);
            sep = json ? "," : ", ";
        }
}

/* --- describe: JSON --- */

static void json_text(struct buf *b, const char *key, const char *value)
{
    if (value != NULL)
        buf_put_member(b, key, str_of(value));
}

static void json_choices(struct buf *b, const char *choices)
{
    const char *sep = "";

    if (choices == NULL)
        return;
    buf_puts(b, ",\"choices\":[");
    for (size_t n; *choices != 0; choices += n + (choices[n] == '|')) {
        n = strcspn(choices, "|");
        buf_puts(b, sep);
        buf_put_json(b, (struct str){choices, n});
        sep = ",";
    }
    buf_putc(b, ']');
}

static void json_option(struct buf *b, const struct option *o)
{
    buf_puts(b, "{\"name\":");
    buf_put_json(b, str_of(o->name));
    json_text(b, "type", TYPES[o->type]);
    json_text(b, "default", o->def);
    json_text(b, "min", o->min);
    json_text(b, "max", o->max);
    json_choices(b, o->choices);
    buf_putf(b, ",\"required\":%s,\"secret\":%s", o->flags & OPT_REQUIRED ? "true" : "false",
             o->flags & OPT_SECRET ? "true" : "false");
    json_text(b, "help", o->help);
    buf_putc(b, '}');
}

static void json_stats(struct buf *b, const struct plugin_stats *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        buf_puts(b, i == 0 ? "{\"name\":" : ",{\"name\":");
        buf_put_json(b, str_of(s->rows[i].name));
        json_text(b, "type", STATS[s->rows[i].type]);
        json_text(b, "unit", s->rows[i].unit);
        json_text(b, "help", s->help[i]);
        buf_putc(b, '}');
    }
}

static void put_as_json(struct buf *b, const struct plugin *p, const char *file)
{
    const garnet_plugin *d = &p->def;

    buf_puts(b, "{\"name\":");
    buf_put_json(b, str_of(d->name));
    json_text(b, "version", d->version);
    json_text(b, "about", d->about);
    json_text(b, "file", file);
    buf_putf(b, ",\"abi\":\"1.%u\",\"roles\":[", d->abi_minor);
    put_bits(b, ROLES, roles_of(d), true);
    buf_puts(b, "],\"flags\":[");
    put_bits(b, FLAGS, d->flags, true);
    buf_puts(b, "],\"values\":[");
    put_bits(b, VALUES, p->takes.vtypes, true);
    buf_putf(b, "],\"lines\":%u,\"counters\":\"%s\"", d->lines, COUNTERS[d->counters]);
    json_text(b, "flush", d->flush);
    json_text(b, "batch_size", d->batch_size);
    if (d->batch_metrics > 0)
        buf_putf(b, ",\"batch_metrics\":%u", d->batch_metrics);
    buf_puts(b, ",\"options\":[");
    for (size_t i = 0; i < p->options.n; i++) {
        if (i > 0)
            buf_putc(b, ',');
        json_option(b, &p->options.rows[i]);
    }
    buf_puts(b, "],\"stats\":[");
    json_stats(b, &p->stats);
    buf_puts(b, "]}\n");
}

/* --- describe: text --- */

static void put_option_text(struct buf *b, const struct option *o)
{
    buf_putf(b, "  %s: %s", o->name, TYPES[o->type]);
    if (o->choices != NULL)
        buf_putf(b, " %s", o->choices);
    if (o->min != NULL)
        buf_putf(b, ", at least %s", o->min);
    if (o->max != NULL)
        buf_putf(b, ", at most %s", o->max);
    if (o->def != NULL)
        buf_putf(b, o->type == OPT_STRING ? ", default \"%s\"" : ", default %s", o->def);
    buf_putf(b, "%s%s\n      %s\n", o->flags & OPT_REQUIRED ? ", required" : "",
             o->flags & OPT_SECRET ? ", secret" : "", o->help);
}

/* What of a batch is the plugin's own to say, if anything is. */
static void put_batches(struct buf *b, const garnet_plugin *d)
{
    const char *sep = "batches:  ";

    if (d->flush != NULL) {
        buf_putf(b, "%sflush %s", sep, d->flush);
        sep = ", ";
    }
    if (d->batch_size != NULL) {
        buf_putf(b, "%sbatch_size %s", sep, d->batch_size);
        sep = ", ";
    }
    if (d->batch_metrics > 0)
        buf_putf(b, "%sat most %u metrics", sep, d->batch_metrics);
    if (d->flush != NULL || d->batch_size != NULL || d->batch_metrics > 0)
        buf_putc(b, '\n');
}

static void put_stat_text(struct buf *b, const struct plugin_stats *s, uint32_t i)
{
    const struct stat_row *row = &s->rows[i];

    buf_putf(b, "  garnet.sink.plugin.%s: %s%s%s\n      %s\n", row->name, STATS[row->type],
             *row->unit != 0 ? ", " : "", row->unit, s->help[i]);
}

static void put_as_text(struct buf *b, const struct plugin *p, const char *file)
{
    const garnet_plugin *d = &p->def;

    buf_putf(b, "%s %s (ABI 1.%u): %s\n", d->name, d->version, d->abi_minor, d->about);
    buf_putf(b, "file:     %s\nroles:    ", file);
    put_bits(b, ROLES, roles_of(d), false);
    buf_puts(b, "\nflags:    ");
    put_bits(b, FLAGS, d->flags, false);
    buf_puts(b, d->flags == 0 ? "none\nvalues:   " : "\nvalues:   ");
    put_bits(b, VALUES, p->takes.vtypes, false);
    if (d->lines > 0)
        buf_putf(b, "\nlines:    %u per metric", d->lines);
    else
        buf_puts(b, "\nlines:    not made of lines");
    buf_putf(b, "\ncounters: %s\n", COUNTERS[d->counters]);
    put_batches(b, d);
    buf_putf(b, "options:%s\n", d->noptions == 0 ? "  none" : "");
    for (size_t i = 0; i < p->options.n; i++)
        put_option_text(b, &p->options.rows[i]);
    if (p->stats.n > 0)
        buf_puts(b, "counts:\n");
    for (uint32_t i = 0; i < p->stats.n; i++)
        put_stat_text(b, &p->stats, i);
}

static int describe(const char *file, bool json)
{
    struct buf b = {0};
    struct plugin p;
    int status = EXIT_CONFIG;

    if (!plugin_load(&p, file)) {
        say(stderr, "garnet plugin: %s", plugin_why(&p));
    } else {
        if (json)
            put_as_json(&b, &p, file);
        else
            put_as_text(&b, &p, file);
        say_text(stdout, (struct str){b.p, b.n});
        status = buf_ok(&b) && ferror(stdout) == 0 ? 0 : EXIT_WORLD;
    }
    buf_free(&b);
    plugin_unload(&p);
    return status;
}

/* --- the command lines --- */

static int wrong_usage(const char *what, const char *about)
{
    say(stderr, "garnet plugin: %s%s", what, about);
    (void)fputs(PLUGIN_HELP, stderr);
    return EXIT_USAGE;
}

/* NULL: no memory. */
static const char *plugin_file_of(struct arena *a, const char *name)
{
    size_t n = strlen(name);

    if (strchr(name, '/') != NULL)
        return name;
    if (n > 3 && strcmp(name + n - 3, ".so") == 0)
        return arena_printf(a, "./%s", name); /* dlopen would search for a bare name */
    return arena_printf(a, "%s/%s.so", GARNET_PLUGIN_DIR, name);
}

static int run_describe(struct arena *a, int argc, char *const argv[])
{
    const char *name = NULL, *file;
    bool json = false;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (argv[i][0] == '-' || name != NULL)
            return wrong_usage("describe does not take ", argv[i]);
        else
            name = argv[i];
    if (name == NULL)
        return wrong_usage("describe which plugin?", "");
    file = plugin_file_of(a, name);
    return file != NULL ? describe(file, json) : EXIT_WORLD;
}

static int run_preview(struct arena *a, int argc, char *const argv[])
{
    (void)a;
    if (argc < 3 || strcmp(argv[1], "-c") != 0)
        return wrong_usage("preview needs -c CONFIG first", "");
    for (int i = 3; i < argc; i++)
        if (argv[i][0] == '-')
            return wrong_usage("preview does not take ", argv[i]);
    log_set_level(LOG_L_ERROR); /* what is left out is printed, each time */
    return plugin_preview(argv[2], argv + 3, argc - 3);
}

/* The value of an option that takes one, or NULL. */
static const char *option_value_of(const char *option, char *const argv[], int *i)
{
    if (strcmp(argv[*i], option) != 0 || argv[*i + 1] == NULL)
        return NULL;
    return argv[++*i];
}

/* What is for the peer. False: it is something else, or one too many. */
static bool peer_option(struct drill_peer *p, char *const argv[], int *i)
{
    const char *value;

    if ((value = option_value_of("--received", argv, i)) != NULL)
        p->received = value;
    else if (p->nbreaks < DRILL_BREAKS && p->nbreaks == p->nmends &&
             (value = option_value_of("--break", argv, i)) != NULL)
        p->breaks[p->nbreaks++] = value;
    else if (p->nmends < p->nbreaks && (value = option_value_of("--mend", argv, i)) != NULL)
        p->mends[p->nmends++] = value;
    return value != NULL;
}

static int run_checks_of(const char *file, char *const options[], size_t n, const char *golden,
                         const struct drill_peer *peer)
{
    int status = plugintest_run(file, options, n, golden), drilled;

    if (peer == NULL || status == EXIT_WORLD)
        return status;
    drilled = drill_run(file, options, n, peer);
    return drilled != 0 ? drilled : status;
}

static int run_test(struct arena *a, int argc, char *const argv[])
{
    const char *name = NULL, *golden = NULL, *value, *file;
    char **options = arena_alloc(a, (size_t)argc * sizeof *options);
    struct drill_peer peer = {0};
    bool deliver = false;
    size_t n = 0;

    if (options == NULL)
        return EXIT_WORLD;
    for (int i = 1; i < argc; i++)
        if ((value = option_value_of("-o", argv, &i)) != NULL && strchr(value, '=') != NULL)
            options[n++] = argv[i];
        else if (value == NULL && (value = option_value_of("--golden", argv, &i)) != NULL)
            golden = value;
        else if (value == NULL && strcmp(argv[i], "--deliver") == 0)
            deliver = true;
        else if (value == NULL && deliver && peer_option(&peer, argv, &i))
            continue;
        else if (value != NULL || argv[i][0] == '-' || name != NULL)
            return wrong_usage("test does not take ", argv[i]);
        else
            name = argv[i];
    if (name == NULL || peer.nbreaks != peer.nmends)
        return wrong_usage(name == NULL ? "test which plugin?" : "no --mend for ",
                           name == NULL ? "" : peer.breaks[peer.nmends]);
    file = plugin_file_of(a, name);
    return file != NULL ? run_checks_of(file, options, n, golden, deliver ? &peer : NULL)
                        : EXIT_WORLD;
}

int plugin_main(int argc, char *const argv[])
{
    static const struct {
        const char *name;
        int (*run)(struct arena *a, int argc, char *const argv[]);
    } table[] = {{"describe", run_describe}, {"preview", run_preview}, {"test", run_test}};
    struct arena a = {0};
    int status;

    if (argc < 2)
        return wrong_usage("which of its commands?", "");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(argv[1], table[i].name) == 0) {
            status = table[i].run(&a, argc - 1, argv + 1);
            arena_free(&a);
            return status;
        }
    return wrong_usage("no command ", argv[1]);
}
