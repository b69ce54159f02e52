/* checks.h - collectors that look at what they are told to: paths, URLs, hosts, units
 *
 * Each is a program of its own, since what it looks at may not answer. What that says is no complaint but a figure, with a
 * remark on why; a complaint is that we could not look.
 */
#pragma once
#include <stdint.h>

#include "base/why.h"

/* An option's number, or `other` where it is not given. False: why has the whole sentence. */
bool check_int(const char *text, const char *option, int64_t least, int64_t most, int64_t other,
               int64_t *v, struct why *why);
/* Likewise --timeout, in ns; 10ms to 10m. */
bool check_time(const char *text, const char *other, int64_t *ns, struct why *why);
