/* fuzz_convert_nagios.c - what a Nagios plugin prints, in any bytes */
#include "convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    return fuzz_convert("nagios", p, n);
}
