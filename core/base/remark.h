/* base/remark.h - what was said of something last, and when: for whoever asks later than the log's reader
 *
 * A line of text in place: nothing is allocated, and nothing fails. All zero: nothing has been said.
 */
#pragma once
#include <stdint.h>

enum { REMARK_TEXT = 512 }; /* bytes at most, its NUL included; a longer one is cut */

struct remark {
    int64_t at; /* wall ns; 0: nothing yet */
    char text[REMARK_TEXT];
};

void remark_set(struct remark *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
