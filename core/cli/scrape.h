/* cli/scrape.h - `garnet scrape`: what an exporter says, on standard output */
#pragma once

extern const char SCRAPE_HELP[];

/* The command, in a program of its own: returns only where that cannot be run, EXIT_WORLD. */
int scrape_main(int argc, char *const argv[]);
