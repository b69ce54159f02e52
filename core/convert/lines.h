/* convert/lines.h - NAME VALUE [TIME]: Graphite's plain lines, and what Diamond's user scripts print */
#pragma once
#include "convert/format.h"

extern const struct format FORMAT_LINES;
