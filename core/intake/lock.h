/* intake/lock.h - of two daemons on one socket, the second refuses
 *
 * A POSIX record lock on a file beside the socket, held for life: it dies with the process, is not
 * inherited by forks, and names its holder. The file itself stays: unlinking it would let two
 * daemons each lock "the" file.
 */
#ifndef INTAKE_LOCK_H
#define INTAKE_LOCK_H
#include "base/why.h"

/* Opens (0600) and locks PATH.lock; makes the folder of PATH when missing (0755). The
 * descriptor, or -1 and a sentence: "/run/garnet/garnet.sock is in use by process 123". */
int socket_lock(const char *path, const char *own_groups, struct why *why);

#endif
