/* tests/rig/hostile.h - what the tests share that read a plugin's lines back: random numbers, values of every
 * kind at their edges */
#pragma once
#include "rig/sink_kit.h"
/* after what it asserts with */
#include "rig/readback.h"

extern uint64_t hostile_seed;

uint32_t any_below(uint32_t n);
void make_value(struct metric *m);
void make_time(struct metric *m);
/* How many metrics to try: GARNET_TEST_LONG=1 makes it twenty times as many. */
size_t hostile_rounds(void);
