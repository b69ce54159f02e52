/* cli/plugin_usage.c - the help of `garnet plugin` and its subcommands, in one text, and the plugin folder */
#include "cli/plugin_usage.h"

#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/terminal.h"

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

int plugin_usage(const char *what, const char *about)
{
    say(stderr, "garnet plugin: %s%s", what, about);
    (void)fputs(PLUGIN_HELP, stderr);
    return EXIT_USAGE;
}

const char *plugin_file_of(struct arena *a, const char *name)
{
    size_t n = strlen(name);

    if (strchr(name, '/') != NULL)
        return name;
    if (n > 3 && strcmp(name + n - 3, ".so") == 0)
        return arena_printf(a, "./%s", name); /* dlopen would search for a bare name */
    return arena_printf(a, "%s/%s.so", GARNET_PLUGIN_DIR, name);
}
