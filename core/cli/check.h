/* cli/check.h - `garnet check`: what garnetd -t says, and what a person wants to know before a roll-out */
#pragma once

extern const char CHECK_HELP[];

/* The command; exits with what garnetd -t exits with: 0, EXIT_CONFIG, EXIT_REFUSED; EXIT_USAGE. */
int check_main(int argc, char *const argv[]);
