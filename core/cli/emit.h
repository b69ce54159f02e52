/* cli/emit.h - `garnet emit`: hand one metric, or JSON from standard input, to a running garnetd */
#pragma once
#include <stdio.h>

#include "base/why.h"
#include "model/metric.h"

enum { EMIT_MAX_TAGS = 64 };

struct emit {                 /* what the command line asks for; everything borrowed from argv */
    const char *name, *value; /* both NULL: JSON comes on standard input */
    const char *unit, *type, *time, *socket, *config;
    struct tag tags[EMIT_MAX_TAGS];
    uint32_t ntags;
};

extern const char EMIT_HELP[];

/* argv[0] is "emit". False: `why` is what is wrong with it. */
bool emit_parse(struct emit *e, int argc, char *const argv[], struct why *why);
/* Exactly what JSON calls a number: no plus sign, no leading zero, no bare dot, no hexadecimal. */
bool emit_is_number(const char *s);
/* The metric as one line of JSON. */
void emit_json(const struct emit *e, struct buf *out);

/* --- what garnetd replied (docs/protocol.md), as sentences for people --- */

enum reply_verdict {
    REPLY_ACCEPTED, /* everything                                                     */
    REPLY_REJECTED, /* something was wrong with the metrics                           */
    REPLY_REFUSED,  /* they were not looked at (garnetd is full), or it is no reply of garnetd's */
};

/* `text` holds one or more lines. What was not accepted is printed on `err`, an error a line; but not
 * what was rejected where that is `logged` already, and this would be another line of the same log. */
enum reply_verdict reply_show(const char *text, bool logged, FILE *err);

/* The command. 0: all accepted. 1: something was rejected. EXIT_USAGE, EXIT_WORLD: base/exit.h. */
int emit_main(int argc, char *const argv[]);
