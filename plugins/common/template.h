/* common/template.h - a metric's dotted path by a template: "servers.{host}.{name}"
 *
 * Compiled into each plugin whose format has such paths (plugins/graphite/README.md describes
 * the templates), from nothing but the public header. Text and placeholders become nodes,
 * divided by dots, that hold nothing but [A-Za-z0-9_-], and %XX where `escape` is set: no byte
 * of a name, tag or value can end a line, add a field, or climb in a file tree.
 */
#pragma once
#include <garnet/plugin.h>
#include <stdbool.h>

enum { NODE_MOST = 250, PATH_MOST = 4096, PARTS_MOST = 64, STARS_MOST = 9 };

/* How the dots in {host} are written: the index of a choice of HOST_STYLES. */
enum host_style { HOST_UNDERSCORE, HOST_KEEP, HOST_REVERSE };
#define HOST_STYLES "underscore|keep|reverse"

/* The rows of the options `path`, whose default is the plugin's own, and `host`. */
#define TEMPLATE_PATH(S, field, text)                                                              \
    {                                                                                              \
        .type = GARNET_STRING, .name = "path", .help = (text),                                     \
        .offset = GARNET_FIELD_STR(S, field)                                                       \
    }
#define TEMPLATE_HOST(S, field)                                                                    \
    {                                                                                              \
        .type = GARNET_CHOICE, .name = "host", .def = "underscore", .choices = HOST_STYLES,        \
        .help = "How {host} is written: its dots as underscores, kept as nodes, or kept and "      \
                "reversed.",                                                                       \
        .offset = GARNET_FIELD_INT(S, field)                                                       \
    }

enum part_kind { TEXT, HOST, NAME, PREFIX, COLLECTOR, TAGS, TAG, STAR };

struct template
{
    struct part {
        enum part_kind kind;
        garnet_str s; /* TEXT, TAG; points into the option */
        unsigned star;
    } parts[PARTS_MOST];
    size_t n;
    garnet_str named[PARTS_MOST]; /* the tags that are in one of the parts */
    size_t nnamed;
    unsigned nstars;             /* {1} to {nstars} stand for them, */
    garnet_str star[STARS_MOST]; /* whose text for the metric at hand whoever writes it puts here */
    bool tags;                   /* it has {tags} */
    bool escape; /* what no node holds becomes %XX and not "_": what differs stays different */
};

/* The path being written. Dots are held back until a node follows them: so empty nodes cannot
 * arise. */
struct path {
    char s[PATH_MOST + 1]; /* with room for what divides it from the value */
    size_t n;
    size_t node; /* bytes of the node at hand */
    bool dot;    /* one is held back */
    bool escape; /* as in the template */
    const char *fault;
};

/* NULL, or what is wrong with `text`, as the end of a sentence. The template borrows it, and does
 * not escape. */
const char *template_parse(struct template *t, const char *text);
/* The same for those names only that fit a pattern in which so many `*` stand for any text. */
const char *template_parse_stars(struct template *t, const char *text, unsigned nstars);
/* Is this tag's value in the path already? */
bool template_takes(const struct template *t, garnet_str key);
/* NULL, or why this metric has no path. */
const char *template_write(struct path *p, const struct template *t, const garnet_metric *m,
                           enum host_style host);
