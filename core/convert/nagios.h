/* convert/nagios.h - what a Nagios plugin prints: its perfdata, and its status where that is known */
#pragma once
#include "convert/format.h"

extern const struct format FORMAT_NAGIOS;
