/* conf/delegation.c - reads /proc/self/cgroup and mountinfo, then what that folder allows
 *
 * Dies of nothing, and fails as if there were none.
 */
#include "conf/delegation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"

enum { LINE = 4096 };

static const char SUBGROUP[] = "/garnetd";

/* "ID PARENT DEV ROOT MOUNT_POINT OPTIONS ... - TYPE ...": the folder of `group` if it is there. */
static bool mounted_at(const char *line, const char *group, struct buf *dir)
{
    char root[LINE], at[LINE];
    size_t n;

    if (strstr(line, " - cgroup2 ") == NULL ||
        sscanf(line, "%*s %*s %*s %4095s %4095s", root, at) != 2 || strchr(at, '\\') != NULL)
        return false;
    n = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(group, root, n) != 0 || (group[n] != '/' && group[n] != 0))
        return false;
    buf_puts(dir, at);
    buf_puts(dir, strcmp(group + n, "/") == 0 ? "" : group + n);
    buf_putc(dir, 0);
    return buf_ok(dir);
}

/* The folder of our own group. */
static bool own_folder(struct buf *dir)
{
    char *group = fd_line_after("/proc/self/cgroup", "0::"), line[LINE];
    FILE *f =
        group != NULL && strstr(group, "/..") == NULL ? fopen("/proc/self/mountinfo", "re") : NULL;
    bool found = false;

    while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
        found = mounted_at(line, group, dir);
    if (f != NULL)
        (void)fclose(f);
    free(group);
    return found;
}

static bool may_write(const char *dir, const char *name)
{
    char path[LINE];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);

    return n > 0 && n < LINE && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static bool marked(const char *dir, const char *attribute)
{
    char yes = 0;

    return getxattr(dir, attribute, &yes, 1) == 1 && yes == '1';
}

static bool delegated(const char *dir)
{
    if (!may_write(dir, "") || !may_write(dir, "cgroup.procs") || !may_write(dir, "cgroup.kill"))
        return false;
    return geteuid() != 0 || access("/run/systemd/system", F_OK) != 0 ||
           marked(dir, "trusted.delegate") || marked(dir, "user.delegate");
}

static bool word_in(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = text; at != NULL && (at = strstr(at, word)) != NULL; at += n)
        if ((at == text || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0))
            return true;
    return false;
}

static void find_controllers(struct fact_cgroup *g)
{
    char path[LINE], *text;

    (void)snprintf(path, sizeof path, "%.*s/cgroup.subtree_control", LINE - 64, g->dir);
    text = fd_line_after(path, "");
    g->processes = word_in(text, "pids");
    g->memory = word_in(text, "memory");
    free(text);
}

void delegation_find(struct fact_cgroup *g, struct buf *dir)
{
    char *last;

    *g = (struct fact_cgroup){0};
    buf_reset(dir);
    if (!own_folder(dir))
        return;
    last = strrchr(dir->p, '/');
    if (last != NULL && strcmp(last, SUBGROUP) == 0)
        *last = 0;
    if (delegated(dir->p)) {
        g->dir = dir->p;
        find_controllers(g);
    }
}
