/* convert/value.h - numbers and times as programs print them, made numbers as JSON has them
 *
 * Read are a sign (`+`, too), digits with a point among, before or behind them, and an exponent, as printf(), awk and bc write
 * them. Digits are kept as they are, so integers stay exact, and doubles to the last digit; an integer beyond
 * 64 bits becomes a real. Not read are hexadecimal, a decimal comma, blanks and underscores.
 */
#pragma once
#include "convert/output.h"

enum { VALUE_LENGTH = 400 }; /* bytes of a number: %f of the largest double has fewer */

struct value {
    char text[VALUE_LENGTH + 8];
    size_t n;
};

/* How many bytes at the front of s are a number. */
size_t value_span(struct str s);
/* False: it is none, and has been told as a fault, or, for NaN and infinities, as left out. `what` is its name in the
 * message: "value", "field load". */
bool value_read(struct output *o, struct str s, const char *what, struct value *v);

enum value_clock {
    VALUE_SECONDS, /* Unix seconds */
    VALUE_SCALED, /* seconds, or a thousandth, millionth or billionth of that: which can be told from its size */
};

/* A time as Unix seconds. False: it is none, and has been told. */
bool value_time(struct output *o, struct str s, enum value_clock clock, struct value *t);

struct str value_str(const struct value *v);
