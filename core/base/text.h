/* base/text.h - UTF-8, and bytes of strangers made fit for a log, a terminal or JSON
 *
 * What comes in may be anything. What goes out is valid UTF-8 without control characters, and where
 * people are to read it without those that turn the direction of what follows.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Bytes of the UTF-8 character that s begins with: 1 to 4, or 0 when it is empty or begins with
 * none (overlong forms, surrogates and values above U+10FFFF are none). */
size_t str_utf8(struct str s);
/* For people: control and broken bytes become \n, \t, \x1b. */
void buf_put_visible(struct buf *b, struct str s);
/* The same without memory: as much of s as fits into out[0..cap), never half an escape or half a
 * character. Returns the bytes written, no NUL; *used is how many of s they stand for. */
size_t str_visible(char *out, size_t cap, struct str s, size_t *used);
/* Likewise, with a NUL; "..." stands for what does not fit. `size` is 4 at least. */
void str_show(char *out, size_t size, struct str s);
/* How many bytes at the front of s are good text, valid UTF-8 without control characters (C0, DEL, C1):
 * s.n when all are. */
size_t str_good(struct str s);
/* [a-z][a-z0-9_]*, of at most `most` bytes: what a plugin may call something of its own. */
bool text_is_name(const char *s, size_t most);
/* Quoted and escaped as a JSON string. */
void buf_put_json(struct buf *b, struct str s);
void buf_put_member(struct buf *b, const char *key, struct str s); /* ,"KEY":"S" */
