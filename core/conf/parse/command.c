/* conf/parse/command.c - the program's path, what is there, and who else could alter it
 *
 * Others who could would be whoever the collector is. So all that the path goes through is looked
 * at (base/trust.h), here and again before each run; not a script that the program interprets. Fails
 * only for want of memory.
 */
#include "conf/parse/command.h"

#include <sys/stat.h>

#include "conf/path.h"

static bool bad_command(struct parsing *p, const struct node *v, const char *why)
{
    errors_add(p->e, v->at, "command: \"%s\" %s", v->text, why);
    return false;
}

/* Whether the system could run it, with the PATH that it will have. */
static bool check_runs(struct parsing *p, const struct conf_collector *k, const struct node *v)
{
    const char *search = "";

    for (size_t i = 0; i < k->env.n; i++)
        if (strcmp(k->env.v[i].key, "PATH") == 0)
            search = k->env.v[i].val;
    return fact_runs(&p->facts, search, k->command.v[0]) != FACT_ERROR ||
           bad_command(p, v, p->facts.why);
}

/* "/bin/sleep 1" is a program's name and an argument to a shell, which there is none of. */
static const char *missing(struct parsing *p, const struct conf_collector *k, const char *text)
{
    const char *blank = strpbrk(text, " \t");

    if (k->command.n > 1 || blank == NULL || strcmp(p->facts.why, "does not exist") != 0)
        return p->facts.why;
    return arena_printf(p->a,
                        "does not exist: if that is a program with arguments, write a list, "
                        "[%.*s, \"%s\"]",
                        (int)(blank - text), text, blank + strspn(blank, " \t"));
}

/* The collector's user can do as it likes anyway. */
static bool check_program(struct parsing *p, struct conf_collector *k, const struct node *v,
                          struct fact_file *f)
{
    enum fact state = fact_file(&p->facts, k->command.v[0], f);

    if (state == FACT_ERROR)
        return bad_command(p, v, missing(p, k, v->text));
    if (state != FACT_KNOWN)
        return false;
    if (S_ISDIR(f->mode))
        return bad_command(p, v, "is a folder: give the program's path");
    if (!S_ISREG(f->mode))
        return bad_command(p, v, "is not a regular file");
    if ((f->mode & 0111) == 0)
        return bad_command(p, v, "is not executable: chmod +x it");
    return check_runs(p, k, v) &&
           (k->allow_writable || parse_check_way(p, "command", v, k->identity.uid, k->command.v[0],
                                                 ", or set allow_writable: true", &k->own_groups));
}

/* Makes argv[0] absolute. */
static bool parse_program(struct parsing *p, struct conf_collector *k, const struct node *v,
                          struct fact_file *f)
{
    const char **argv;

    if (strchr(v->text, '/') == NULL)
        return bad_command(p, v,
                           *v->text != 0
                               ? "is a bare name: give the full path; Garnet does not search PATH"
                               : "is empty: give the program's full path");
    if ((argv = arena_alloc(p->a, (k->command.n + 1) * sizeof *argv)) == NULL)
        return false;
    memcpy(argv, k->command.v, k->command.n * sizeof *argv);
    if ((argv[0] = path_from(p->a, v->at.file, v->text)) == NULL)
        return false;
    k->command.v = argv;
    return check_program(p, k, v, f);
}

bool parse_command(struct parsing *p, struct conf_collector *k, struct fact_file *program)
{
    const struct node *v = node_get(k->node, "command");

    if (!k->enabled || k->node->kind != NODE_MAP)
        return false;
    if (v == NULL) {
        errors_add(p->e, k->node->at, "a collector needs \"command\"");
        return false;
    }
    if (v->kind == NODE_LIST && v->n == 0)
        errors_add(p->e, v->at, "command is an empty list: give the program's full path");
    return k->command.n > 0 && /* 0: after errors */
           parse_program(p, k, v->kind == NODE_LIST ? v->first : v, program);
}
