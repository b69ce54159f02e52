/* spool/writer.h - private to the writer (append.c, opening.c): what it knows of its folder */
#ifndef SPOOL_WRITER_H
#define SPOOL_WRITER_H
#include "spool/append.h"

struct held { /* a segment in the folder */
    uint64_t first_seq;
    uint64_t bytes;
    int64_t created_ns;
    bool later; /* in a format that is not known yet */
};

struct append {
    int64_t segment_size, max_size, max_age;
    int dirfd, lock;
    int fd; /* the newest segment, while it may be appended to; -1: the next append starts one */
    uint64_t salt, next_seq;
    bool starved;       /* for the last new segment there was no room */
    int64_t wall_ahead; /* the wall clock, of the monotonic one, at the last append */
    struct held *held;  /* in order; the last is the newest */
    size_t n, cap;
    uint64_t bytes; /* of all */
};

bool append_reserve(struct append *a); /* room for one more in `held`; false: no memory */

#endif
