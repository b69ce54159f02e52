/* cli/tail.h - `garnet tail`: metrics as they come into the spool */
#pragma once
#include "cli/tail_run.h"

extern const char TAIL_HELP[];

/* argv[0] is "tail". False: `why` is what is wrong with it. */
bool tail_parse(struct tail_asked *t, int argc, char *const argv[], struct why *why);

/* The command: as tail_run(), or EXIT_USAGE. */
int tail_main(int argc, char *const argv[]);
