/* conf/conf_parse.h - what the files that make up conf_parse() share; for core/conf alone
 */
#ifndef CONF_CONF_PARSE_H
#define CONF_CONF_PARSE_H
#include "conf/conf.h"

struct parse {
    const struct snapshot *s;
    struct conf *c;
    struct errors *e;
    struct strings plugin_path;
};

/* An option row whose key and struct field have one name. */
#define KEY(s, field, t, sentence, ...)                                                            \
    {                                                                                              \
        .type = (t), .name = #field, .offset = offsetof(s, field), .help = (sentence), __VA_ARGS__ \
    }
#define ROWS(rows) (rows), sizeof(rows) / sizeof *(rows)

/* Where the collector files are; `written`: the main file says so, it is not the default. */
struct conf_folder {
    const char *path; /* absolute; NULL when out of memory */
    bool written;
};
struct conf_folder conf_collectors_folder(struct arena *a, const char *main_path,
                                          const struct node *root);

void conf_parse_sinks(struct parse *p, const struct node *list); /* NULL: there are none */
void conf_parse_collector(struct parse *p, const struct snapshot_file *f);
/* Reports empty keys or values and too many of them. `name` is the key that holds the map. */
void conf_check_tags(struct parse *p, const char *name, const struct pairs *tags);

/* The fact KIND + WHAT; NULL: not known yet, and now among the wanted. */
const char *conf_fact(struct parse *p, const char *kind, const char *what);
const char *conf_fact_error(const char *fact); /* REASON of "error REASON", else NULL */
mode_t conf_fact_mode(const char *fact);       /* of a "file:" fact; 0 for an error */

uint64_t conf_digest_sink(const struct conf *c, const struct conf_sink *s, const char *file_fact);
uint64_t conf_digest_collector(const struct conf *c, const struct conf_collector *k,
                               const char *file_fact);

#endif
