/* convert/munin.h - what a Munin plugin prints, for `config`, for its values, or both one after the other */
#pragma once
#include "convert/format.h"

extern const struct format FORMAT_MUNIN;
