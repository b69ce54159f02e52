/* cli/spool.h - `garnet spool verify`: what lies in a spool, and that every metric is accounted
 * for */
#pragma once

extern const char SPOOL_HELP[];

/* The command. 0: sound. 1: damage, or numbers that do not add up. EXIT_USAGE, EXIT_WORLD. */
int spool_main(int argc, char *const argv[]);
