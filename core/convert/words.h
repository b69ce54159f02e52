/* convert/words.h - what blanks and tabs divide */
#pragma once
#include "base/buf.h"

/* Takes the next word off the front, with what is before it. False: there is none, and `rest` is empty. The word's place
 * is in the text all the same: its end. */
bool word_next(struct str *rest, struct str *word);
/* Takes what is before the first `c` off the front, and it; without one, all. */
struct str word_until(struct str *rest, char c);
struct str words_trim(struct str s); /* without blanks and tabs around it */
