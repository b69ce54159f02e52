/* fuzz_convert_lines.c - NAME VALUE [TIME], in any bytes */
#include "convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    return fuzz_convert("lines", p, n);
}
