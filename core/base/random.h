/* base/random.h - random numbers from the kernel */
#pragma once
#include <stdint.h>

uint64_t random_u64(void);
