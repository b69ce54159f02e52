/* fuzz_convert_putval.c - what a program for collectd's exec plugin prints, in any bytes */
#include "convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    return fuzz_convert("putval", p, n);
}
