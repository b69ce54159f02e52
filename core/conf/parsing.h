/* conf/parsing.h - what the parsing of every section needs: its context, and shared checks
 *
 * Errors go to `e`; the functions fail otherwise only for want of memory, which the arena remembers.
 */
#ifndef CONF_PARSING_H
#define CONF_PARSING_H
#include "conf/conf.h"
#include "conf/facts.h"

struct parsing {
    struct conf *c;
    struct arena *a; /* the conf's */
    struct errors *e;
    struct facts facts; /* of the file that is parsed */
    bool running;       /* as in the snapshot */
};

/* Reports empty keys or values and too many of them. */
void parse_check_tags(struct parsing *p, const struct pairs *tags);
/* Whether strangers could alter what `path` leads to, with user's groups as conf/facts.h has them.
 * False after an error at `v`, the value of `key`, which ends with `more`. */
bool parse_check_way(struct parsing *p, const char *key, const struct node *v, uid_t user,
                     const char *path, const char *more, const char **own_groups);
/* Part of a digest: what is on the disk now. */
uint64_t parse_digest_file(uint64_t h, const struct fact_file *f);

#endif
