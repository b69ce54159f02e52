/* cli/emit.h - `garnet emit`: hand one metric, or JSON from standard input, to a running garnetd */
#pragma once
#include "base/buf.h"
#include "base/why.h"

enum { EMIT_MAX_TAGS = 64 };

struct emit {                 /* what the command line asks for; everything borrowed from argv */
    const char *name, *value; /* both NULL: JSON comes on standard input */
    const char *unit, *type, *time, *socket, *config;
    struct {
        struct str key, val;
    } tags[EMIT_MAX_TAGS];
    size_t ntags;
};

extern const char EMIT_HELP[];

/* argv[0] is "emit". False: `why` is what is wrong with it. */
bool emit_parse(struct emit *e, int argc, char *const argv[], struct why *why);
/* Exactly what JSON calls a number: no plus sign, no leading zero, no bare dot, no hexadecimal. */
bool emit_is_number(const char *s);
/* The metric as one line of JSON. */
void emit_json(const struct emit *e, struct buf *out);

/* The command. 0: all accepted. 1: something was rejected. EXIT_USAGE, EXIT_WORLD: base/exit.h. */
int emit_main(int argc, char *const argv[]);
