/* conf/secret.h - what the keys NAME_file of a sink lead to: its plugin's secrets, read with the configuration
 *
 * Which options of a plugin are secrets is known to who loads it, and not here. So each key of this form that no
 * sink has itself counts as one: what it leads to is in the sink's digest, and that it cannot be read is an error
 * only for who wants it.
 */
#pragma once
#include "base/buf.h"

struct conf_sink;
struct parsing;
struct section;

struct conf_secret {
    const char *key, *path;
    const char *text; /* NULL: */
    const char *why;  /* a clause that fits after the path */
    struct conf_secret *next;
};

/* For its user; `known` are the keys that every sink has. */
void parse_secrets(struct parsing *p, struct conf_sink *s, const struct section *known);
const struct conf_secret *conf_secret_named(const struct conf_sink *s,
                                            const char *key); /* or NULL */
uint64_t digest_secrets(uint64_t h, const struct conf_sink *s);
