/* conf/judge.h - which collectors' files are used, and what is refused
 *
 * Each is judged by itself, in the snapshot's order. What a later one cannot have beside an earlier
 * one is an error of the later one; nor can it have what a file not yet judged said before.
 */
#pragma once
#include <stdbool.h>

struct conf;
struct conf_collector;
struct errors;
struct node;
struct parsing;
struct snapshot_file;

struct conf_refused {      /* a collector's file, or a sink, with errors */
    const char *file;      /* its path */
    const char *sink;      /* or NULL */
    const char *collector; /* or NULL: a sink; or a collector cannot have the file's name */
    const char *lines;     /* the errors, as in struct errors */
    bool world;            /* all of them are of the world: it may be good in a while */
    bool kept;             /* what a collector's file said before is used instead */
    struct conf_refused *next;
};

/* The files behind the main one, whose tree is `root`. */
void parse_collectors(struct parsing *p, const struct snapshot_file *files,
                      const struct node *root);
/* One more: a copy of `what` and of these errors. */
void parse_refuse(struct parsing *p, struct conf_refused what, const struct errors *why);
/* The folder of the collectors' files, or of scripts, which stands among the files when it cannot be read. */
bool conf_is_folder(const struct conf *c, const char *path);
const struct conf_refused *conf_refused_file(const struct conf *c, const char *file); /* or NULL */
struct conf_collector *conf_collector_named(const struct conf *c, const char *name);  /* or NULL */
/* What c refuses of the same name as `what`; or NULL. */
const struct conf_refused *conf_refused_same(const struct conf *c, const struct conf_refused *what);
/* Whether c refuses that too, for the same reasons and with the same outcome. */
bool conf_refused_alike(const struct conf *c, const struct conf_refused *what);
