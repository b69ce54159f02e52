/* convert/prometheus.h - the text that exporters serve: Prometheus' format 0.0.4, and OpenMetrics */
#pragma once
#include "convert/format.h"

extern const struct format FORMAT_PROMETHEUS;
