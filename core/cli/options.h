/* cli/options.h - options with a value behind them, as most subcommands have some */
#pragma once
#include <stddef.h>

struct cli_option {
    const char *name; /* "--for", "-c" */
    const char **value;
};

enum option_next {
    OPTION_NONE, /* argv[*i] is none of these */
    OPTION_BARE, /* it is one, and nothing is behind it */
    OPTION_END,
};

/* Behind argv[*i], which is argv[0] at first: takes those of n, whose values are borrowed from argv, up to something else. */
enum option_next option_next(const struct cli_option *all, size_t n, int argc, char *const argv[],
                             int *i);
