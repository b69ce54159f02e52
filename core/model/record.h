/* model/record.h - metric <-> spool bytes; the only owner of that format
 *
 * A record is self-delimiting, 8-byte aligned and little-endian. Strings are stored with their
 * length and a closing NUL, so that a decoded metric points straight into the record.
 */
#pragma once
#include "model/metric.h"

/* Appends one record. b's sticky error tells of a failed allocation. The metric has passed
 * metric_check(). */
void record_put(struct buf *b, const struct metric *m);
/* Decodes the record at p into *m, which then borrows p. Returns the bytes used, or 0 when these
 * are not a whole valid record: nothing is read outside [p, p+n), whatever they hold. p is
 * 8-byte aligned. */
size_t record_get(const void *p, size_t n, struct metric *m);
