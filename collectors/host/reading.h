/* reading.h - the shapes that the kernel's files have, read by a subject's table
 *
 * A row is found by its `field`; what no row names is passed over, and what a row names and the file has not is left out.
 */
#pragma once
#include "host/host.h"

/* "KEY VALUE" or "KEY: VALUE UNIT". Returns how many rows were found. Of a file that is not there it is none, with a
 * complaint; see host_text_if_any(). */
size_t reading_keys(struct host *h, const char *file);
/* Of pairs of lines, "Tcp: NAME NAME..." and "Tcp: VALUE VALUE...": the row's field is "Tcp NAME". */
size_t reading_pairs(struct host *h, const char *file);
/* "GROUP: NAME VALUE NAME VALUE...": likewise. */
size_t reading_lists(struct host *h, const char *file);
/* What follows the word `key` on the first line that begins with it. False, with a complaint: there is none. */
bool reading_line(struct host *h, const char *file, const char *key, struct str *rest);
/* The row of the subject for this field of this file; NULL: none. *hint is where to look first, 0 to begin with: files
 * and tables are mostly in the same order. */
const struct figure *reading_row(const struct host *h, const char *file, struct str group,
                                 struct str name, size_t *hint);
/* The numbers at the front of line, `most` of them at most, and 0 when there are fewer than `least`. Where one is none,
 * or some are missing, there is a complaint that `of`, whose line it is, has them. */
size_t reading_numbers(struct host *h, const char *file, struct str of, struct str line,
                       uint64_t *v, size_t least, size_t most);
/* Complains when the lines of file are not all: `rest` is what field_line() has left of its text. */
void reading_end(struct host *h, const char *file, struct str rest);
