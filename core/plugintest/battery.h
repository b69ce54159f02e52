/* plugintest/battery.h - the metrics that a plugin under test is given */
#pragma once
#include "model/metric.h"

/* `what` describes it: "a metric with 64 tags". */
typedef void battery_fn(void *arg, const struct metric *m, const char *what);

/* Every kind of number, type and text that garnetd may hand on. */
void battery_each(void *arg, battery_fn *fn);
/* A harmless metric whose texts each hold `c` at one place: field 0 .. BATTERY_FIELDS - 1 has
 * it, the others an "x" there; no two are the same. What it points to is static, and holds until
 * the next call. */
enum { BATTERY_FIELDS = 8 };
const struct metric *battery_with(char c, unsigned field);
const char *battery_field(unsigned field); /* "its name" */
