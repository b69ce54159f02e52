/* base/number.h - numbers appended to a buf as text, without printf where it counts
 *
 * Each is decimal, and fails only as the buf does.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H
#include <stdint.h>

#include "base/buf.h"

void buf_put_i64(struct buf *b, int64_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_f64(struct buf *b, double v); /* shortest text that reads back the same; v is finite */

#endif
