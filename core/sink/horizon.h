/* sink/horizon.h - where in the spool the stretch of log begins that a place depends on
 *
 * Nothing in the spool says when a metric came, but segments do: what is in one came after it was
 * made, and what is in those before, earlier. So everything that came within `window` before the
 * segment that holds `at` lies at or behind the beginning of the newest segment that was made at
 * least so long before that one. It is a function of the log, never goes back, and costs no clock.
 */
#ifndef SINK_HORIZON_H
#define SINK_HORIZON_H
#include <stdint.h>

/* 0 where no segment is old enough, or the folder cannot be read: everything that there is. */
uint64_t horizon_find(int dirfd, uint64_t at, int64_t window_ns);

#endif
