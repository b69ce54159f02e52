/* fields.h - words and numbers in the kernel's texts, read strictly. Pure
 *
 * A number that is cut off, negative, too large or followed by anything is none: it is better to leave it out than to
 * send another one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Takes the next line off the front of text. One without an end is none: half of its last number may be missing.
 * The two are not the same variable. */
bool field_line(struct str *text, struct str *line);
/* Takes the next word off the front of line, and the blanks and tabs before it. False: there is none. */
bool field_word(struct str *line, struct str *word);
/* Takes all up to a `colon` off the front of line, and that; blanks before it are left out. False: there is none. */
bool field_name(struct str *line, char colon, struct str *name);
bool field_is(struct str word, const char *text);
bool field_u64(struct str word, uint64_t *v); /* digits and nothing else, below 2^64 */
bool field_hex(struct str word, uint64_t *v); /* likewise, without 0x */
bool field_f64(struct str word, double *v);   /* as base/number.h reads it, never negative */
/* A name in which the kernel has written blanks and backslashes as \040 and so on: as it is, in out; longer than that: all zero. */
struct str field_unescape(struct str word, char *out, size_t size);
/* line's next word as a number. */
bool field_next(struct str *line, uint64_t *v);
