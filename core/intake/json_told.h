/* intake/json_told.h - a sender tells of what it could not make a metric of: {"error":"...","name":"...","line":3,"byte":7}
 *
 * So what is wrong with a text that somebody else has written is rejected like a bad object: it is in the reply, the log,
 * the counts, `garnet status` and `garnet explain`, with the place in that text.
 */
#pragma once
#include "intake/json_text.h"

/* `object` has an "error". The report's fault then has what is told and the place; false: what is wrong with that. */
bool json_told_read(struct json_t *object, const struct json_report *r);
