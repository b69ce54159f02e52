/* cli/top.h - `garnet top`: the status, live, at a terminal */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

extern const char TOP_HELP[];

struct top_asked { /* borrowed from argv; NULL: not given */
    const char *config, *socket;
    int64_t every; /* ns */
};

bool top_parse(struct top_asked *t, int argc, char *const argv[], struct why *why);
/* The command. 0: ended with q. EXIT_USAGE: wrong usage, or not at a terminal. 3: the caller may not ask. EXIT_WORLD. A
 * signal that ends it does so once the terminal is restored. */
int top_main(int argc, char *const argv[]);
