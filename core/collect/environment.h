/* collect/environment.h - what a run is given: its arguments and its environment
 *
 * Of garnetd's own environment a few variables are passed on (the list is in the .c), and of those
 * none that would name somebody else when the collector has a user of its own. Its configuration
 * adds to them and wins. GARNET_SOCKET, GARNET_COLLECTOR and GARNET_INTERVAL (in seconds) are
 * Garnet's.
 */
#ifndef COLLECT_ENVIRONMENT_H
#define COLLECT_ENVIRONMENT_H
#include "base/arena.h"
#include "conf/conf.h"

/* Both NULL-terminated, in the arena; NULL when there is no memory. */
const char **environment_argv(struct arena *a, const struct conf_collector *c, const char *socket);
const char **environment_make(struct arena *a, const struct conf_collector *c, const char *socket);

#endif
