/* convert/formats.h - which formats there are */
#pragma once
#include "convert/format.h"

/* NULL: there is none of that name. */
const struct format *format_named(const char *name);
/* The i-th; NULL behind the last. */
const struct format *format_at(size_t i);
