/* cli/drill.h - `garnet plugin test --deliver`: a plugin that delivers, the real worker, and a real peer
 *
 * The worker is ended in order, by SIGTERM and by SIGKILL while batches are under way, and the peer is broken and mended
 * by the user's commands. Each step is a line: "ok", "look" for what costs time or comes twice without harm, "FAIL".
 * At the end what the plugin has acknowledged is compared with what the peer has, where a command prints that.
 */
#pragma once
#include <stddef.h>

enum { DRILL_BREAKS = 16 };

struct drill_peer {
    const char *breaks[DRILL_BREAKS], *mends[DRILL_BREAKS]; /* commands for /bin/sh, in pairs */
    size_t nbreaks, nmends;
    const char *received; /* one that prints all that the peer has; NULL: nobody knows */
};

/* An exit status: 0, EXIT_CONFIG after a FAIL line, EXIT_WORLD. */
int drill_run(const char *file, char *const options[], size_t n, const struct drill_peer *peer);
