/* fuzz_convert_munin.c - what a Munin plugin prints, in any bytes */
#include "convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    return fuzz_convert("munin", p, n);
}
