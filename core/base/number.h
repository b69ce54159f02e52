/* base/number.h - numbers as text: read strictly as people type them, appended to a buf
 *
 * Those that are read: "10s", "1.5h", "64KiB", "12", "0.25", "true". The whole text must be consumed.
 * On failure the value is untouched and `why` holds a clause that fits after `KEY: "TEXT" `: what is
 * wrong and what would be right, e.g. `has an unknown unit "x": use ns, us, ms, s, m, h or d`.
 *   duration   nanoseconds; a unit is required except for 0; never negative
 *   size       bytes; B, k, KB = 1000, KiB = 1024, M, MB, MiB, G, GB, GiB; a bare number is bytes
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"

bool units_duration(const char *s, int64_t *ns, struct why *why);
bool units_size(const char *s, int64_t *bytes, struct why *why);
bool units_int(const char *s, int64_t *v, struct why *why);
bool units_real(const char *s, double *v, struct why *why);  /* finite */
bool units_bool(const char *s, int64_t *v, struct why *why); /* true, false, yes, no, on, off */

/* [-]digits[.digits][e[+-]digits] and no more: what units_real() reads. */
bool number_grammar(const char *s);

/* Appended, which fails only as the buf does. The shortest exact form: 90000000000 -> "90s", 120000000000 -> "2m", 65536 -> "64KiB". */
void units_put_duration(struct buf *b, int64_t ns);
void units_put_size(struct buf *b, int64_t bytes);
void buf_put_i64(struct buf *b, int64_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_f64(struct buf *b, double v); /* shortest text that reads back the same; v is finite */
