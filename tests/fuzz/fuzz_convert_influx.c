/* fuzz_convert_influx.c - InfluxDB's line protocol, in any bytes */
#include "convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    return fuzz_convert("influx", p, n);
}
