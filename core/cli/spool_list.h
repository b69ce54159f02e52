/* cli/spool_list.h - `garnet spool list`: the segments of a spool, its reserve, and where each sink is
 *
 * One fact a line. Of the newest segment all is read, of the others their header alone; so damage is `verify`'s.
 */
#pragma once

int spool_list(const char *dir); /* 0, or EXIT_WORLD when the folder cannot be read */
