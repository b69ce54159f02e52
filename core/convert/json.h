/* convert/json.h - Garnet's own JSON: there is nothing to convert */
#pragma once
#include "convert/format.h"

extern const struct format FORMAT_JSON;
