/* cli/spool.h - `garnet spool`: a look into a spool, beside garnetd or without one */
#pragma once

extern const char SPOOL_HELP[];

/* The command: an exit status of its subcommand, or EXIT_USAGE. */
int spool_main(int argc, char *const argv[]);
