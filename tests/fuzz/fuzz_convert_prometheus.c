/* fuzz_convert_prometheus.c - what an exporter serves, in any bytes */
#include "convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    return fuzz_convert("prometheus", p, n);
}
