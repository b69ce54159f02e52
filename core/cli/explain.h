/* cli/explain.h - `garnet explain METRIC`: what becomes of it on its way; or why it is missing */
#pragma once

extern const char EXPLAIN_HELP[];

/* The command. 0: it has been seen; 1: it has not; EXIT_USAGE; EXIT_CONFIG; EXIT_WORLD. */
int explain_main(int argc, char *const argv[]);
