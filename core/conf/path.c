/* conf/path.c - joins, then takes out what says nothing
 *
 * Pure text; nothing is looked up. Fails only for want of memory, with NULL.
 */
#include "conf/path.h"

/* Removes repeated slashes, "." and a slash at the end, in place. */
static void tidy(char *p)
{
    char *to = p;
    const char *s = p;

    while (*s) {
        while (*s == '/' && (s[1] == '/' || s[1] == 0 || (s[1] == '.' && (s[2] == '/' || !s[2]))))
            s += s[1] == '.' ? 2 : 1;
        if (*s)
            *to++ = *s++;
    }
    if (to == p)
        *to++ = '/';
    *to = 0;
}

char *path_join(struct arena *a, const char *dir, const char *name)
{
    char *p = arena_printf(a, "%s/%s", dir, name);

    if (p != NULL)
        tidy(p);
    return p;
}

char *path_from(struct arena *a, const char *file, const char *path)
{
    struct str dir;
    char *p;

    if (file == NULL && *path != '/')
        return arena_strdup(a, path);
    if (*path == '/') {
        p = arena_strdup(a, path);
    } else {
        dir = path_dir(file);
        p = arena_printf(a, "%.*s/%s", (int)dir.n, dir.s, path);
    }
    if (p != NULL)
        tidy(p);
    return p;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

bool path_ends(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);

    return n >= m && strcmp(path + n - m, suffix) == 0;
}

struct str path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return str_of(".");
    return (struct str){path, slash == path ? 1 : (size_t)(slash - path)};
}
