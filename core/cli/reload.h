/* cli/reload.h - `garnet reload`: garnetd rereads its configuration, and says file by file what came of it */
#pragma once

extern const char RELOAD_HELP[];

/* The command. 0 applied, 1 refused, 3 partly; EXIT_USAGE; EXIT_WORLD: nobody answers, or the caller may not. */
int reload_main(int argc, char *const argv[]);
