/* tests/fuzz/host.h - the tree that collectors of the host read, and what must be true of what they send */
#pragma once
#include <math.h>

#include "fuzz.h"
#include "host/host.h"

struct host_there {
    const char *name, *text; /* NULL: a folder */
};

static const struct host_there *host_tree; /* ends with a name that is NULL */

static inline void host_tree_remove(void)
{
    int fd = open(fuzz_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t n = 0;

    while (host_tree[n].name != NULL)
        n++;
    while (n-- > 0)
        (void)unlinkat(fd, host_tree[n].name, host_tree[n].text == NULL ? AT_REMOVEDIR : 0);
    (void)close(fd);
}

/* fuzz_folder(), with these in it, folders before what is in them. */
static inline int host_folder(const struct host_there *tree)
{
    int fd = fuzz_folder();

    if (host_tree != NULL)
        return fd;
    host_tree = tree;
    for (const struct host_there *t = tree; t->name != NULL; t++)
        if (t->text != NULL)
            fuzz_file(fd, t->name, t->text, strlen(t->text));
        else
            HOLDS(mkdirat(fd, t->name, 0700) == 0);
    HOLDS(atexit(host_tree_remove) == 0);
    return fd;
}

static inline void host_is_sound(const struct samples *s, const struct subject *of)
{
    for (size_t i = 0; i < samples_count(s); i++) {
        const struct sample *at = samples_at(s, i);
        bool known = false;

        for (size_t k = 0; k < of->nfigures; k++)
            known = known || at->figure == &of->figures[k];
        HOLDS(known);
        HOLDS(!at->real || isfinite(at->as.f64));
        for (size_t t = 0; t < FIGURE_TAGS && at->figure->tags[t] != NULL; t++) {
            const char *value = samples_tag(s, at, t);

            HOLDS(*value != 0 && strlen(value) <= 512);
            for (; *value != 0; value++)
                HOLDS((unsigned char)*value >= 0x20 && *value != 0x7f);
        }
    }
}
