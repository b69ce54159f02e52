/* conf/conf_program.c - what a collector runs, and whether that is fit to be run
 *
 * A program that others than its owner can alter or replace would let them be whoever the collector
 * is. Looked at are the file itself and the folder that it stands in; not a script that it is told
 * to interpret. Fails only for want of memory.
 */
#include <sys/stat.h>

#include "conf/conf_parse.h"
#include "conf/path.h"

static void bad_command(struct parse *p, const struct node *v, const char *why)
{
    errors_add(p->e, v->at, "command: \"%s\" %s", v->text, why);
}

/* root, garnetd, or the collector itself: they can do as they like anyway. */
static bool owner_trusted(struct parse *p, const struct conf_collector *k, uid_t uid)
{
    struct conf_self self;

    if (uid == 0 || (k->identity.uid != (uid_t)-1 && uid == k->identity.uid))
        return true;
    return !conf_self(p, &self) || uid == self.uid;
}

/* `where` fits between the program's name and what is wrong. */
static bool check_writers(struct parse *p, const struct conf_collector *k, const struct node *v,
                          const char *where, const struct conf_file *f)
{
    bool all = strcmp(f->writers, "all") == 0;

    if (!owner_trusted(p, k, f->uid))
        errors_add(p->e, v->at,
                   "command: \"%s\" %sbelongs to user %u, who could alter it: chown it to root, or "
                   "set allow_writable: true",
                   v->text, where, (unsigned)f->uid);
    else if (all || strcmp(f->writers, "group") == 0)
        errors_add(p->e, v->at,
                   "command: \"%s\" %scan be altered by %s: chmod go-w it, or set allow_writable: "
                   "true",
                   v->text, where, all ? "everybody" : "its group");
    else
        return true;
    return false;
}

static bool check_altering(struct parse *p, const struct conf_collector *k, const struct node *v,
                           const struct conf_file *program)
{
    struct str folder = path_dir(k->command.v[0]);
    const char *dir = arena_strndup(&p->c->arena, folder.s, folder.n), *fact;
    struct conf_file f;

    if (k->allow_writable)
        return true;
    if (!check_writers(p, k, v, "", program))
        return false;
    fact = dir ? conf_fact(p, "file:", dir) : NULL;
    return !fact || !conf_fact_file(fact, &f) || check_writers(p, k, v, "is in a folder that ", &f);
}

/* Whether the system could run it, with the PATH that it will have. */
static bool check_runs(struct parse *p, const struct conf_collector *k, const struct node *v)
{
    const char *search = "", *what, *fact, *reason = NULL;

    for (size_t i = 0; i < k->env.n; i++)
        if (strcmp(k->env.v[i].key, "PATH") == 0)
            search = k->env.v[i].val;
    if ((what = arena_printf(&p->c->arena, "%s\n%s", search, k->command.v[0])) &&
        (fact = conf_fact(p, "exec:", what)) && (reason = conf_fact_error(fact)))
        bad_command(p, v, reason);
    return !reason;
}

/* "/bin/sleep 1" is a program's name and an argument to a shell, which there is none of. */
static const char *not_there(struct parse *p, const struct conf_collector *k, const char *text,
                             const char *reason)
{
    const char *blank = strpbrk(text, " \t");

    if (k->command.n > 1 || !blank || strcmp(reason, "does not exist") != 0)
        return reason;
    return arena_printf(&p->c->arena,
                        "does not exist: if that is a program with arguments, write a list, "
                        "[%.*s, \"%s\"]",
                        (int)(blank - text), text, blank + strspn(blank, " \t"));
}

static const char *check_program(struct parse *p, const struct conf_collector *k,
                                 const struct node *v)
{
    const char *fact = conf_fact(p, "file:", k->command.v[0]), *reason;
    struct conf_file f;

    if (!fact)
        return NULL;
    if ((reason = conf_fact_error(fact)))
        bad_command(p, v, not_there(p, k, v->text, reason));
    else if (!conf_fact_file(fact, &f))
        bad_command(p, v, "cannot be judged: what was learnt about it is damaged");
    else if (S_ISDIR(f.mode))
        bad_command(p, v, "is a folder: give the program's path");
    else if (!S_ISREG(f.mode))
        bad_command(p, v, "is not a regular file");
    else if (!(f.mode & 0111))
        bad_command(p, v, "is not executable: chmod +x it");
    else if (check_runs(p, k, v) && check_altering(p, k, v, &f))
        return fact;
    return NULL;
}

/* Makes argv[0] absolute. */
static const char *parse_program(struct parse *p, struct conf_collector *k, const struct node *list)
{
    const struct node *v = list->kind == NODE_LIST ? list->first : list;
    const char **argv;

    if (!strchr(v->text, '/')) {
        bad_command(p, v,
                    *v->text ? "is a bare name: give the full path; Garnet does not search PATH"
                             : "is empty: give the program's full path");
        return NULL;
    }
    if (!(argv = arena_alloc(&p->c->arena, (k->command.n + 1) * sizeof *argv)))
        return NULL;
    memcpy(argv, k->command.v, k->command.n * sizeof *argv);
    if (!(argv[0] = path_from(&p->c->arena, v->at.file, v->text)))
        return NULL;
    k->command.v = argv;
    return check_program(p, k, v);
}

const char *conf_parse_command(struct parse *p, struct conf_collector *k, const struct node *root)
{
    const struct node *v = node_get(root, "command");

    if (!k->enabled || root->kind != NODE_MAP)
        return NULL;
    if (!v) {
        errors_add(p->e, root->at, "a collector needs \"command\"");
        return NULL;
    }
    if (v->kind == NODE_LIST && v->n == 0)
        errors_add(p->e, v->at, "command is an empty list: give the program's full path");
    return k->command.n > 0 ? parse_program(p, k, v) : NULL; /* 0: after errors */
}
