/* conf/conf_cgroup.c - is there a control group in which garnetd may make others?
 *
 * Only of the second version, and only where it was given to us: a group of root's under systemd
 * counts when its unit says Delegate=yes. It is garnetd's own group; or that one's parent where it
 * is called "garnetd" (DelegateSubgroup=garnetd), since a group with processes in it can pass no
 * controllers on. Whatever cannot be found out means that there is none: runs are then kept by
 * their keeper alone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "conf/conf_parse.h"

enum { LINE = 4096 };

static const char SUBGROUP[] = "/garnetd";

/* What follows `start` in the first line of `file` that begins so. */
static char *line_after(const char *file, const char *start)
{
    FILE *f = fopen(file, "re");
    size_t n = strlen(start);
    char line[LINE], *rest = NULL;

    while (f && !rest && fgets(line, sizeof line, f))
        if (strncmp(line, start, n) == 0) {
            line[strcspn(line, "\n")] = 0;
            rest = strdup(line + n);
        }
    if (f)
        (void)fclose(f);
    return rest;
}

/* "ID PARENT DEV ROOT MOUNT_POINT OPTIONS ... - TYPE ...": the folder of `group` if it is there. */
static bool mounted_at(char *line, const char *group, struct buf *dir)
{
    char *word = NULL, *root = NULL;

    if (!strstr(line, " - cgroup2 "))
        return false;
    for (int i = 0; i < 5; i++) {
        word = strsep(&line, " ");
        if (i == 3)
            root = word;
    }
    if (!word || !root || strchr(word, '\\'))
        return false;
    if (strcmp(root, "/") != 0) {
        size_t n = strlen(root);

        if (strncmp(group, root, n) != 0 || (group[n] != '/' && group[n] != 0))
            return false;
        group += n;
    }
    buf_puts(dir, word);
    buf_puts(dir, strcmp(group, "/") == 0 ? "" : group);
    buf_putc(dir, 0);
    return buf_ok(dir);
}

/* The folder of our own group. */
static bool own_folder(struct buf *dir)
{
    char *group = line_after("/proc/self/cgroup", "0::"), line[LINE];
    FILE *f = group && !strstr(group, "/..") ? fopen("/proc/self/mountinfo", "re") : NULL;
    bool found = false;

    while (f && !found && fgets(line, sizeof line, f))
        found = mounted_at(line, group, dir);
    if (f)
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

    for (const char *at = text; at && (at = strstr(at, word)); at += n)
        if ((at == text || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0))
            return true;
    return false;
}

static void put_controllers(const char *dir, struct buf *out)
{
    char path[LINE], *text;
    bool pids, memory;

    (void)snprintf(path, sizeof path, "%.*s/cgroup.subtree_control", LINE - 64, dir);
    text = line_after(path, "");
    pids = word_in(text, "pids");
    memory = word_in(text, "memory");
    buf_puts(out, pids && memory ? "pids,memory" : pids ? "pids" : memory ? "memory" : "-");
    free(text);
}

void conf_learn_cgroup(struct buf *out)
{
    struct buf dir = {0};
    char *last;

    if (own_folder(&dir)) {
        last = strrchr(dir.p, '/');
        if (last && strcmp(last, SUBGROUP) == 0)
            *last = 0;
        if (delegated(dir.p)) {
            put_controllers(dir.p, out);
            buf_putf(out, " %s", dir.p);
        }
    }
    buf_free(&dir);
}
