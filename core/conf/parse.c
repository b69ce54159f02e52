/* conf/parse.c - the main file, then the sinks, then each collector's file
 *
 * A section has a file of its own in conf/parse/, which knows its keys. Fails only for want of
 * memory, with NULL.
 */
#include "conf/parse.h"

#include <stdlib.h>

#include "conf/parse/collector.h"
#include "conf/parse/main_file.h"
#include "conf/parse/sink.h"

/* The main file's tree; after errors an empty one, so that the rest is checked all the same. */
static const struct node *read_main(struct parsing *p)
{
    const struct snapshot_file *f = p->facts.file;
    struct node *root = NULL;

    if (f->error != NULL)
        errors_add(p->e, (struct pos){f->path, 0, 0}, "%s", f->error);
    else
        root = yaml_parse(p->a, f->path, f->text, p->e);
    if (root == NULL && (root = arena_alloc(p->a, sizeof *root)) != NULL) {
        root->kind = NODE_MAP;
        root->at = (struct pos){arena_strdup(p->a, f->path), 1, 1};
    }
    return root;
}

static void parse_collectors(struct parsing *p, const struct snapshot_file *files,
                             const struct node *root)
{
    const struct node *written = node_get(root, "collectors");
    const char *folder = p->c->collectors_folder;

    for (const struct snapshot_file *f = files; f != NULL; f = f->next) {
        p->facts.file = f;
        if (folder != NULL && strcmp(f->path, folder) == 0)
            errors_add(p->e, written != NULL ? written->at : (struct pos){root->at.file, 0, 0},
                       "collectors: \"%s\" %s", f->path,
                       f->error != NULL ? f->error : "is not a folder");
        else
            parse_collector(p, f);
    }
    if (p->facts.wanted == NULL)
        parse_check_processes(p);
}

struct conf *conf_parse(const struct snapshot *s, struct errors *e)
{
    struct conf *c = calloc(1, sizeof *c);
    struct parsing p = {.c = c, .e = e, .running = s->running};
    const struct node *root;

    if (c == NULL)
        return NULL;
    p.a = &c->arena;
    p.facts = (struct facts){.file = s->files, .arena = p.a};
    if ((root = read_main(&p)) != NULL)
        parse_main_file(&p, root);
    if (root != NULL && arena_ok(p.a)) {
        parse_sinks(&p, c->sinks_node);
        parse_collectors(&p, s->files->next, root);
    }
    c->wanted = p.facts.wanted;
    if (arena_ok(p.a))
        return c;
    conf_free(c);
    return NULL;
}
