/* cli/status.h - `garnet status [NAME]`: is it working, and what is not; also for health checks */
#pragma once

extern const char STATUS_HELP[];

/* The command. 0 healthy, 1 degraded, 2 failing, 3 the caller may not ask; EXIT_WORLD: it cannot be said. */
int status_main(int argc, char *const argv[]);
