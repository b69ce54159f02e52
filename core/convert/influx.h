/* convert/influx.h - InfluxDB's line protocol, as scripts for Telegraf print it */
#pragma once
#include "convert/format.h"

extern const struct format FORMAT_INFLUX;
