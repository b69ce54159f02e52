/* supervise/ending.h - how a worker has ended: whose doing it was, and in words; pure */
#ifndef SUPERVISE_ENDING_H
#define SUPERVISE_ENDING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

struct ending {
    int status; /* of wait4() */
    struct rusage used;
    bool finished;        /* it had said that it ends */
    bool formatting;      /* it was in its plugin's format() */
    int64_t memory_limit; /* bytes; 0: none */
};

/* By exit(), in the midst of its work. */
bool ending_by_plugin(const struct ending *e);
/* What was asked for, or a plugin, is wrong: it would be no better soon. */
bool ending_hopeless(const struct ending *e);
void ending_describe(const struct ending *e, char *out, size_t cap);
/* More for `what`, where the memory may have been the reason. */
void ending_memory(const struct ending *e, char *what, size_t cap);

#endif
