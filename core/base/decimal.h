/* base/decimal.h - what double a decimal number is, and which decimal number is a double; exact both ways
 *
 * Arithmetic alone, for the numbers that metrics have. False: it is none of those, and strtod() or
 * printf has to be asked. What is said here is what they say.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* m / 10^k as strtod() reads that text. */
bool decimal_read(uint64_t m, unsigned k, double *v);
/* The fewest digits m / 10^k, all k decimals shown, that are read as a, which is not negative. */
bool decimal_of(double a, uint64_t *m, unsigned *k);
