/* convert/putval_types.h - what the values of collectd's types are, as its types.db says */
#pragma once
#include "base/buf.h"

enum { PUTVAL_VALUES = 5 };

struct putval_type {
    size_t n; /* of its values */
    struct {
        struct str name;   /* n == 0: it has one value alone */
        const char *mtype; /* NULL: a gauge */
    } value[PUTVAL_VALUES];
};

/* False: it is no type of collectd's own, or has one gauge. */
bool putval_type(struct str name, struct putval_type *t);
