/* intake/folder.h - the folder that a socket and its lock live in: nobody else's, and what is done in it
 *
 * Whoever can write to a folder can put a link, another socket or another folder in the place of what
 * we have made, and in the place of what a start removes. So a folder is walked to and looked at
 * before anything is done in it, and everything is done through its descriptor:
 *   - it belongs to us or to root, and nobody else may write to it, no group and so not to /tmp itself;
 *   - nor can anybody else alter or move what is on the way there, folders and links (base/trust.h).
 * Then a path leads to the same place a moment later, for bind(), too. Paths are absolute.
 * `own_groups`: which groups may write on the way, as struct trust has it; or NULL.
 */
#ifndef INTAKE_FOLDER_H
#define INTAKE_FOLDER_H
#include <stdbool.h>

#include "base/why.h"

/* The folder of `path`, made (0755) when it is missing, but no parents; *name is the path's last
 * part. A descriptor to do things at (O_PATH), or -1 and a sentence with what to do. */
int folder_make(const char *path, const char *own_groups, const char **name, struct why *why);
/* The same for one that must be there. */
int folder_find(const char *path, const char *own_groups, const char **name, struct why *why);
/* Removes the socket `path`; nothing else, and nothing where the folder is not as above. Best effort. */
void folder_remove_socket(const char *path, const char *own_groups);
/* Removes every socket in the folder of `path`. Best effort. */
void folder_remove_sockets(const char *path, const char *own_groups);

#endif
