/* base/glob.h - names by pattern, as people write them
 *
 *   *        any characters, none included, dots as well
 *   ?        one character
 *   [a-z_]   one of these; [!...] and [^...] none of them; a ] that stands first is one of them
 *   \x       x itself
 *
 * The whole text must match. Characters are those of UTF-8. A match takes at most length of the
 * pattern times length of the text steps, whatever both are.
 */
#pragma once
#include "base/buf.h"

/* What is wrong with a pattern: a clause that fits after `"PATTERN" `. NULL: nothing. */
const char *glob_fault(const char *pattern);
/* The pattern has no fault. */
bool glob_match(const char *pattern, struct str s);
