/* conf/parsing.c - checks of tags, and of the way to a program or plugin; parts of digests */
#include "conf/parsing.h"

#include "conf/section.h"

enum { MAX_TAGS = 32 };

void parse_check_tags(struct parsing *p, const struct pairs *tags)
{
    for (size_t i = 0; i < tags->n; i++) {
        const struct pair *t = &tags->v[i];

        if (*t->key == 0)
            errors_add(p->e, t->at, "tags: a tag needs a name");
        else if (*t->val == 0)
            errors_add(p->e, t->at, "tags.%s is empty: give it a value or remove it", t->key);
    }
    if (tags->n > MAX_TAGS)
        errors_add(p->e, tags->v[MAX_TAGS].at, "tags: %zu tags, and %d are allowed", tags->n,
                   MAX_TAGS);
}

bool parse_check_way(struct parsing *p, const char *key, const struct node *v, uid_t user,
                     const char *path, const char *more, const char **own_groups)
{
    *own_groups = NULL;
    if (fact_way(&p->facts, user, path, own_groups) != FACT_ERROR)
        return true;
    errors_add(p->e, v->at, "%s: \"%s\" %s%s", key, v->text, p->facts.why, more);
    return false;
}

/* Its bytes, as far as stat() shows them. Not its mode, its owner and when they were changed. */
uint64_t parse_digest_file(uint64_t h, const struct fact_file *f)
{
    h = digest_number(digest_number(h, f->dev), f->ino);
    return digest_number(digest_number(h, (uint64_t)f->size), (uint64_t)f->mtime);
}
