/* clean.h - text that its readers can take, one character for one, and room for it
 *
 * What a style's grammar cannot carry is replaced by one character, never removed, so nothing
 * becomes empty. Text that no longer fits sets `full`; nothing else fails.
 */
#pragma once
#include <garnet/plugin.h>
#include <stdbool.h>

enum style { CARBON2, KEY, KEY_IS }; /* as in the option */
enum { TEXT_MOST = 65536 };

struct text {
    size_t n;
    bool full;
    char s[TEXT_MOST];
};

/* All return what they appended, or the very text that came in when it is clean; it ends in a 0
 * byte, like every garnet_str. */
garnet_str clean_key(struct text *t, enum style style, garnet_str s);
garnet_str clean_value(struct text *t, enum style style, garnet_str s);
/* The value "prefix.name", or just the name. */
garnet_str clean_name(struct text *t, enum style style, garnet_str prefix, garnet_str name);
