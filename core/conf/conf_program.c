/* conf/conf_program.c - what a collector runs, and whether that is fit to be run
 *
 * A program that others can alter or replace would let them be whoever the collector is. Looked at is
 * all that its path goes through (base/trust.h), here and again before each run; not a script that
 * it is told to interpret. Fails only for want of memory.
 */
#include <sys/stat.h>

#include "conf/conf_parse.h"
#include "conf/path.h"

static void bad_command(struct parse *p, const struct node *v, const char *why)
{
    errors_add(p->e, v->at, "command: \"%s\" %s", v->text, why);
}

bool conf_parse_trust(struct parse *p, const struct node *v, uid_t user, const char *path,
                      const char *more, const char **own_groups)
{
    const char *what = arena_printf(&p->c->arena, "%d:%s", (int)user, path), *fact, *reason;

    *own_groups = NULL;
    if (!what || !(fact = conf_fact(p, "trust:", what)))
        return true;
    if ((reason = conf_fact_error(fact)))
        errors_add(p->e, v->at, "%s: \"%s\" %s%s", v->key ? v->key : "command", v->text, reason,
                   more);
    else
        *own_groups = arena_strdup(&p->c->arena, fact);
    return !reason;
}

struct trust conf_collector_trust(const struct conf_collector *k, uid_t self)
{
    return (struct trust){.users = {self, k->identity.uid}, .own_groups = k->own_groups};
}

/* The collector's user can do as it likes anyway. */
static bool check_altering(struct parse *p, struct conf_collector *k, const struct node *v)
{
    return k->allow_writable || conf_parse_trust(p, v, k->identity.uid, k->command.v[0],
                                                 ", or set allow_writable: true", &k->own_groups);
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

static const char *check_program(struct parse *p, struct conf_collector *k, const struct node *v)
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
    else if (check_runs(p, k, v) && check_altering(p, k, v))
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
