/* cli/plugin.c - `garnet plugin`: the command lines of its subcommands
 *
 * What is wrong with one is printed with the help, and gives EXIT_USAGE.
 */
#include "cli/plugin.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/terminal.h"
#include "cli/plugin_describe.h"
#include "cli/plugin_preview.h"
#include "plugintest/plugintest.h"

const char PLUGIN_HELP[] =
    "usage: garnet plugin describe NAME|FILE [--json]\n"
    "       garnet plugin preview -c CONFIG [SINK]... <JSON\n"
    "       garnet plugin test FILE [-o KEY=VALUE]... [--golden FOLDER]\n"
    "\n"
    "describe  what a plugin declares: version, ABI, roles, options. NAME is looked for\n"
    "          in the plugin folder; FILE holds a slash or ends in .so.\n"
    "preview   the exact bytes that each sink of a configuration would send for the metrics on\n"
    "          standard input, on standard output; of several, each after a line ==> NAME <== on\n"
    "          standard error. No daemon, no network.\n"
    "test      says what is wrong with a plugin and what to do, a check a line. VALUE is YAML.\n"
    "          FOLDER holds a folder a case: metrics.json, options.yaml, want (docs/plugins.md).\n"
    "Exit status: 0 all is well, 1 something is wrong (it is printed), 2 wrong usage, 111 the\n"
    "system refused.\n";

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
    return file != NULL ? plugin_describe(file, json) : EXIT_WORLD;
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

static int run_test(struct arena *a, int argc, char *const argv[])
{
    const char *name = NULL, *golden = NULL, *value, *file;
    char **options = arena_alloc(a, (size_t)argc * sizeof *options);
    size_t n = 0;

    if (options == NULL)
        return EXIT_WORLD;
    for (int i = 1; i < argc; i++)
        if ((value = option_value_of("-o", argv, &i)) != NULL && strchr(value, '=') != NULL)
            options[n++] = argv[i];
        else if (value == NULL && (value = option_value_of("--golden", argv, &i)) != NULL)
            golden = value;
        else if (value != NULL || argv[i][0] == '-' || name != NULL)
            return wrong_usage("test does not take ", argv[i]);
        else
            name = argv[i];
    if (name == NULL)
        return wrong_usage("test which plugin?", "");
    file = plugin_file_of(a, name);
    return file != NULL ? plugintest_run(file, options, n, golden) : EXIT_WORLD;
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
