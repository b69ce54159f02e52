/* intake/member.h - the members of a JSON object, as places in its bytes
 *
 * For what a parsed tree no longer knows: where a field stands, and how exactly a number was
 * written. The object has passed intake/frame.h, so its structure is sound; strings and words may
 * still be anything.
 */
#ifndef INTAKE_MEMBER_H
#define INTAKE_MEMBER_H
#include "base/buf.h"

struct member {
    size_t at;      /* where the key's quote stands, in the whole text        */
    struct str key; /* raw, without its quotes: escapes are not decoded       */
    struct str val; /* raw: a string with its quotes, a whole object, a word  */
    size_t val_at;
};

struct members { /* an iteration */
    struct str text;
    size_t next;
};

/* `text[at]` is the object's brace. */
struct members members_of(struct str text, size_t at);
bool member_next(struct members *ms, struct member *m);
bool member_named(struct str text, size_t at, struct str key, struct member *m);
/* The member whose key or value holds the byte at `place`. */
bool member_around(struct str text, size_t at, size_t place, struct member *m);

#endif
