/* cli/plugin.c - `garnet plugin`: a table of its subcommands and nothing else; each is a file beside this one */
#include "cli/plugin.h"

#include <string.h>

#include "cli/plugin_describe.h"
#include "cli/plugin_preview.h"
#include "cli/plugin_test.h"
#include "cli/plugin_usage.h"

int plugin_main(int argc, char *const argv[])
{
    static const struct {
        const char *name;
        int (*run)(int argc, char *const argv[]);
    } table[] = {{"describe", plugin_describe_main},
                 {"preview", plugin_preview_main},
                 {"test", plugin_test_main}};

    if (argc < 2)
        return plugin_usage("which of its commands?", "");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(argv[1], table[i].name) == 0)
            return table[i].run(argc - 1, argv + 1);
    return plugin_usage("no command ", argv[1]);
}
