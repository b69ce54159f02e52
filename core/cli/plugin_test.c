/* cli/plugin_test.c - `garnet plugin test`: its command line, for plugintest/ */
#include "cli/plugin_test.h"

#include <string.h>

#include "base/exit.h"
#include "base/log.h"
#include "cli/plugin_usage.h"
#include "plugintest/plugintest.h"

/* The value of an option that takes one, or NULL. */
static const char *option_value_of(const char *option, char *const argv[], int *i)
{
    if (strcmp(argv[*i], option) != 0 || argv[*i + 1] == NULL)
        return NULL;
    return argv[++*i];
}

struct request {
    const char *name, *golden;
    char **options;
    size_t noptions;
};

/* 0, or EXIT_USAGE after the usage. */
static int parse_request(struct request *r, char *const argv[])
{
    const char *value;

    for (int i = 1; argv[i] != NULL; i++)
        if ((value = option_value_of("-o", argv, &i)) != NULL && strchr(value, '=') != NULL)
            r->options[r->noptions++] = argv[i];
        else if (value == NULL && (value = option_value_of("--golden", argv, &i)) != NULL)
            r->golden = value;
        else if (value != NULL || argv[i][0] == '-' || r->name != NULL)
            return plugin_usage("test does not take ", argv[i]);
        else
            r->name = argv[i];
    return r->name != NULL ? 0 : plugin_usage("test which plugin?", "");
}

int plugin_test_main(int argc, char *const argv[])
{
    struct arena a = {0};
    struct request r = {.options = arena_alloc(&a, (size_t)argc * sizeof *r.options)};
    int status = r.options != NULL ? parse_request(&r, argv) : EXIT_WORLD;

    if (status == 0) {
        const char *file = plugin_file_of(&a, r.name);

        log_set_level(LOG_L_ERROR);
        status = file != NULL ? plugintest_run(file, r.options, r.noptions, r.golden) : EXIT_WORLD;
    }
    arena_free(&a);
    return status;
}
