/* convert/format.h - what a format is: lines in, metrics out
 *
 * A format knows no files, sockets or clocks. It has a state of its own, all zero at first, and gets one line after the other,
 * without its end, to do with as it likes: also to write into it. A row in convert/formats.c makes it one that there is.
 */
#pragma once
#include "convert/output.h"

enum format_step {
    FORMAT_DONE,  /* it is used up */
    FORMAT_MORE,  /* it is whole only with the next line: give both at once, a '\n' between them */
    FORMAT_FIRST, /* it was more than one, and the first alone is used up: give the others anew */
};

enum { /* how the command ended, where that is not its exit status */
       FORMAT_STATUS_UNKNOWN = -1,
       FORMAT_STATUS_KILLED = -2,
};

struct format {
    const char *name, *about;
    size_t state;    /* bytes of it */
    bool cut_is_bad; /* a last line without an end is never taken: it may be half of one */
    /* `last`: there will be no more, so FORMAT_MORE is no answer. NULL: bytes are passed on as they are. */
    enum format_step (*record)(void *state, struct output *o, char *line, size_t n, bool last);
    void (*end)(void *state, struct output *o, int status); /* after the last one; NULL: nothing */
    void (*clear)(void *state);                             /* frees what it has; NULL: nothing */
};
