/* base/say.h - lines for people at a terminal
 *
 * Names from files, replies and the text of plugins are strangers': none of it is to move the cursor,
 * set a title or forge a line. So what is printed is made visible as in the log (buf_put_visible).
 */
#ifndef BASE_SAY_H
#define BASE_SAY_H
#include <stdio.h>

#include "base/buf.h"

/* One line, without its end, which is added. */
void say(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text of several lines, whose ends stay what they are. */
void say_text(FILE *to, struct str text);

#endif
