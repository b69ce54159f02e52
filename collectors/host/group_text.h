/* group_text.h - numbers in the files of a control group. Pure */
#pragma once
#include "host/fields.h"

enum found { NOT_THERE, NO_NUMBER, NUMBER };

/* What stands behind the word `field` at the front of a line; "1st": the first word of all; "some total": pressure. */
enum found group_find(const char *field, struct str text, uint64_t *v);
/* "KEY=VALUE" among the words of line. */
enum found group_assigned(struct str line, const char *key, uint64_t *v);
/* The word before the first number, and `line` what follows it: some kernels print a device without numbers, and no line
 * end, so that it stands before another. False: there is none. */
bool group_device(struct str *line, struct str *device);
