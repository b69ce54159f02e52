/* cursor - writes a cursor whose sum is right and whose position is what somebody likes
 *
 *   cursor SPOOL NAME POSITION
 *
 * The sum has no secret: so can a plugin. Ends with 111 when it cannot.
 */
#include "spool/cursor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int dir = argc == 4 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (dir >= 0 && cursor_create(dir, argv[2], strtoull(argv[3], NULL, 10)) == 0)
        return 0;
    perror("cursor");
    return 111;
}
