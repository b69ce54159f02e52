/* convert/putval.h - what a program for collectd's exec plugin prints */
#pragma once
#include "convert/format.h"

extern const struct format FORMAT_PUTVAL;
