/* intake/quick.h - the common case of an object in one pass; all else goes the whole way
 *
 * The whole way is intake/frame.h and then intake/json.h: they say what an object is, and what is
 * wrong with one. This takes an object only where they would make metrics of all of it, and then the
 * very same. It is complete, on one line, with strings without escapes, numbers, and one "value" or
 * some "values"; it stands in the buffer between two values, or frame.h has found it, in an array or
 * piece by piece.
 * Whatever is declined, faults among it, costs one look and has no effect. So this can be left out
 * (GARNET_QUICK), and nothing but speed changes.
 */
#pragma once
#include "intake/json.h"

/* The object that p[0..n) begins with: its first metric. NULL: declined. Else *used are its bytes; strings
 * are borrowed from p, the rest is good until the next call of either. */
const struct metric *quick_read(const char *p, size_t n, const struct json_defaults *d,
                                size_t *used);
/* The next metric of that object. NULL: it has no more. */
const struct metric *quick_next(const struct json_defaults *d);
