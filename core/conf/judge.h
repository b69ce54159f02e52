/* conf/judge.h - which collectors' files are used, and which are refused
 *
 * Each is judged by itself, in the snapshot's order. What a later one cannot have beside an earlier
 * one is an error of the later one.
 */
#pragma once
#include <stdbool.h>

struct conf;
struct node;
struct parsing;
struct snapshot_file;

struct conf_refused {      /* a collector's file with errors */
    const char *file;      /* its path */
    const char *collector; /* NULL: a collector cannot have the file's name */
    const char *lines;     /* the errors, as in struct errors */
    bool world;            /* all of them are of the world: it may be good in a while */
    bool kept;             /* what the file said before is used instead */
    struct conf_refused *next;
};

/* The files behind the main one, whose tree is `root`. */
void parse_collectors(struct parsing *p, const struct snapshot_file *files,
                      const struct node *root);
const struct conf_refused *conf_refused_file(const struct conf *c, const char *file); /* or NULL */
