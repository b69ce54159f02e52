/* conf/conf_parse.h - what the files that make up conf_parse() share; for core/conf alone
 */
#ifndef CONF_CONF_PARSE_H
#define CONF_CONF_PARSE_H
#include "conf/conf.h"

struct own_user { /* a collector whose limits hold only if its user is nobody else's */
    const struct conf_collector *collector;
    struct pos at;
    struct own_user *next;
};
struct parse {
    const struct snapshot *s;
    struct conf *c;
    struct errors *e;
    struct strings plugin_path;
    struct own_user *own_users;
};
struct conf_file { /* a "file:" fact */
    mode_t mode;
    uid_t uid;
};
struct conf_self { /* the fact "self": what garnetd is */
    uid_t uid;
    gid_t gid;
    uint64_t capabilities;
};

/* An option row whose key and struct field have one name. */
#define KEY(s, field, t, sentence, ...)                                                            \
    {                                                                                              \
        .type = (t), .name = #field, .offset = offsetof(s, field), .help = (sentence), __VA_ARGS__ \
    }
#define ROW(s, key, field, t, sentence, ...)                                                       \
    {                                                                                              \
        .type = (t), .name = (key), .offset = offsetof(s, field), .help = (sentence), __VA_ARGS__  \
    }
#define ROWS(rows) (rows), sizeof(rows) / sizeof *(rows)

/* Where the collector files are; `written`: the main file says so, it is not the default. */
struct conf_folder {
    const char *path; /* absolute; NULL when out of memory */
    bool written;
};
struct conf_folder conf_collectors_folder(struct arena *a, const char *main_path,
                                          const struct node *root);

/* Sets the conf's host. `written`: the key's value, or NULL. */
void conf_parse_host(struct parse *p, const struct node *root, const char *written);
void conf_parse_sinks(struct parse *p, const struct node *list); /* NULL: there are none */
/* From what s->to was filled with as written, to endpoints. */
void conf_parse_endpoints(struct parse *p, struct conf_sink *s);
void conf_parse_collector(struct parse *p, const struct snapshot_file *f);
/* Who it is, what it runs, what that may use: `root` is the map in the collector's file. They come
 * in this order. Identity: false when it is not known yet, or wrong. */
bool conf_parse_identity(struct parse *p, struct conf_collector *k, const struct node *root);
/* Who a sink's worker is. */
void conf_parse_sink_user(struct parse *p, struct conf_sink *s);
/* The fact about the program, or NULL when it is lacking or bad news. */
const char *conf_parse_command(struct parse *p, struct conf_collector *k, const struct node *root);
void conf_parse_limits(struct parse *p, struct conf_collector *k, const struct node *root,
                       bool user_known);
void conf_check_own_users(struct parse *p); /* when all collectors are there */
/* Reports empty keys or values and too many of them. `name` is the key that holds the map. */
void conf_check_tags(struct parse *p, const char *name, const struct pairs *tags);

/* The fact KIND + WHAT; NULL: not known yet, and now among the wanted. */
const char *conf_fact(struct parse *p, const char *kind, const char *what);
const char *conf_fact_error(const char *fact); /* REASON of "error REASON", else NULL */
mode_t conf_fact_mode(const char *fact);       /* of a "file:" fact; 0 for an error */
/* What is trusted to lead to `path`, beside root's and garnetd's own: `user`'s. False after an error
 * at `v`, which ends with `more`; *own_groups is what struct trust takes, or NULL: not known yet. */
bool conf_parse_trust(struct parse *p, const struct node *v, uid_t user, const char *path,
                      const char *more, const char **own_groups);
/* For struct trust: a group of the user's own, of the same name and with nobody else in it; noted in
 * the buffer `arg`, unless that is NULL. Blocks. */
bool conf_own_group(void *arg, uid_t uid, gid_t gid);
/* Both false: not known yet, or an error. */
bool conf_fact_file(const char *fact, struct conf_file *f);
bool conf_self(struct parse *p, struct conf_self *self);
void conf_learn_cgroup(struct buf *out); /* the fact "cgroup" */

uint64_t conf_digest_sink(const struct conf *c, const struct conf_sink *s, const char *file_fact);
uint64_t conf_digest_collector(const struct conf *c, const struct conf_collector *k,
                               const char *file_fact);

#endif
