/* cli/run.h - `garnet run`: one run of a collector now, as garnetd would do it */
#pragma once

extern const char RUN_HELP[];
int run_main(int argc, char *const argv[]);
