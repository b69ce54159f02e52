/* base/why.h - one error value: why something cannot be done, as a text
 *
 * For whoever needs more than errno says. The caller owns the value, on its stack or as a member,
 * and hands in its address; who fails fills it and returns false, -1 or NULL. What the text is (a
 * clause or a sentence, and after what it stands) is said by the function that fills it. All zero
 * is a value without a text. It points to nothing and may be copied, and sent to another process.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>

enum { WHY_SIZE = 512 }; /* its NUL included */

struct why {
    char text[WHY_SIZE];
};

/* Replaces the text; one that is too long ends in "...". An argument may be the old text itself, so
 * that a caller can put words before it. %m is errno, which is kept. Returns false, always:
 * `return why_set(why, ...)`. */
bool why_set(struct why *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool why_setv(struct why *w, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
