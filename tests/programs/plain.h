/* plain.h - what the programs that are timed share: nothing of Garnet's own, and as little as can be */
#pragma once

/* Ends with 111, and why on stderr. */
_Noreturn void die(const char *what);
int listen_unix(const char *path); /* or dies */
