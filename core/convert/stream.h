/* convert/stream.h - bytes in pieces of any size -> a format's lines
 *
 * How the bytes were cut into pieces never changes the outcome. A line longer than STREAM_LINE costs itself, and
 * no memory; so do lines that a format would have as one. A byte order mark at the very beginning, and CR before a line's end, are
 * not part of a line.
 *
 * The last line may have no end. When the command is known to have been killed, it is taken for half of one, and is a fault; so
 * it is always where its format says that it must have one. Else it is a line like others.
 */
#pragma once
#include "convert/format.h"

enum { STREAM_LINE = 1 << 16 };

struct stream;

/* NULL: no memory. `to` and `format` must outlive it. */
struct stream *stream_new(const struct format *format, const struct output_to *to, bool in_place);
void stream_take(struct stream *s, const char *p, size_t n); /* hands on all that came of it */
/* Whether what was handed on ends between two objects: what follows may go over another connection. */
bool stream_is_between(const struct stream *s);
/* The line of the input that what is handed on next begins on, for a stream in place. */
uint64_t stream_handed_line(const struct stream *s);
/* Once, at the end of the input. `status`: 0 to 255, or FORMAT_STATUS_... */
void stream_end(struct stream *s, int status);
void stream_free(struct stream *s);
