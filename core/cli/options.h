/* cli/options.h - options with a value behind them, as most subcommands have some */
#pragma once
#include <stddef.h>

struct cli_option {
    const char *name; /* "--for", "-c" */
    const char **value;
};

enum option_taken {
    OPTION_NONE,  /* it is none of these */
    OPTION_TAKEN, /* *i is at its value now */
    OPTION_BARE,  /* nothing is behind it */
};

/* argv[*i], if it is one of n: its value is borrowed from argv. */
enum option_taken option_take(const struct cli_option *all, size_t n, int argc, char *const argv[],
                              int *i);
