/* base/publish.h - a file that appears whole under its name, or not at all
 *
 * It is made under a temporary name in the same folder, and renamed when it is whole. Whatever stands
 * under the temporary name is unlinked first and the file made anew (0600, O_EXCL): nothing is ever
 * written into a FIFO, through a link, or into a file that somebody else holds open. Syncing is the
 * caller's. Both names are relative to `dirfd`, which is borrowed.
 */
#ifndef BASE_PUBLISH_H
#define BASE_PUBLISH_H
#include <stddef.h>

/* An empty file, open for writing, or -1 with errno. */
int publish_begin(int dirfd, const char *temp);
/* Gives it its name; *fd stays open. 0, or -1 with errno: then it is as after publish_drop(). */
int publish_end(int dirfd, const char *temp, const char *name, int *fd);
/* Closes and removes it, keeping errno. */
void publish_drop(int dirfd, const char *temp, int *fd);
/* All of it at once. 0, or -1 with errno. */
int publish_bytes(int dirfd, const char *temp, const char *name, const void *p, size_t n);

#endif
