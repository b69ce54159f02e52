/* conf/conf_limits.c - what one run of a collector may use
 *
 * `processes` is the odd one: the system counts a user's processes, whoever started them, and does
 * not count root's. So it takes a user that nobody else is, or a control group; else it would be a
 * promise that is not kept, and is refused. Fails only for want of memory.
 */
#include "conf/conf_parse.h"

static const struct option LIMIT_ROWS[] = {
    KEY(struct conf_limits, cpu, OPT_DURATION,
        "The CPU time of each of its processes, rounded up to whole seconds.", .min = "1s"),
    KEY(struct conf_limits, memory, OPT_SIZE,
        "Its memory: of the whole run by control group, else of each process.", .min = "1MiB"),
    KEY(struct conf_limits, files, OPT_INT, "The open descriptors of each of its processes.",
        .min = "16", .max = "1048576"),
    KEY(struct conf_limits, processes, OPT_INT, "How many processes it may be.", .min = "1",
        .max = "4194304"),
    KEY(struct conf_limits, file_size, OPT_SIZE, "The size of a file that it writes."),
};

static void take_cgroup(struct parse *p, struct conf_cgroup *g)
{
    const char *fact = conf_fact(p, "cgroup", ""), *dir = fact ? strchr(fact, ' ') : NULL;

    if (!dir)
        return;
    g->dir = arena_strdup(&p->c->arena, dir + 1);
    g->processes = strncmp(fact, "pids", 4) == 0;
    g->memory = strncmp(fact, "memory", 6) == 0 || strncmp(fact, "pids,memory", 11) == 0;
}

/* The question is asked again when all collectors are known: conf_check_own_users(). */
static void need_own_user(struct parse *p, const struct conf_collector *k, struct pos at)
{
    struct own_user *u = arena_alloc(&p->c->arena, sizeof *u);

    if (!u)
        return;
    *u = (struct own_user){k, at, p->own_users};
    p->own_users = u;
}

void conf_parse_limits(struct parse *p, struct conf_collector *k, const struct node *root,
                       bool user_known)
{
    static const struct option_set set = {ROWS(LIMIT_ROWS), "limits"};
    const struct node *v = node_get(root, "limits");

    k->limits = (struct conf_limits){-1, -1, -1, -1, -1};
    option_fill(&p->c->arena, set, NULL, false, v, &k->limits, p->e);
    if (k->enabled)
        take_cgroup(p, &k->cgroup);
    if (user_known && k->limits.processes >= 0 && !k->cgroup.processes)
        need_own_user(p, k, node_get(v, "processes")->at);
}

static const struct conf_collector *same_user(const struct conf *c, const struct conf_collector *k)
{
    for (const struct conf_collector *o = c->collectors; o; o = o->next)
        if (o != k && o->enabled && o->identity.uid == k->identity.uid)
            return o;
    return NULL;
}

static void check_own_user(struct parse *p, const struct own_user *u)
{
    const struct conf_identity *id = &u->collector->identity;
    const struct conf_collector *other;

    if (id->uid == (uid_t)-1 || id->uid == 0)
        errors_add(p->e, u->at,
                   "processes: the system counts them by user, and not root's: give the collector "
                   "a \"user\" of its own, or garnetd a control group with \"pids\"");
    else if ((other = same_user(p->c, u->collector)))
        errors_add(p->e, u->at,
                   "processes: the system counts them by user, and \"%s\" is that of collector %s "
                   "too: give each a user of its own, or garnetd a control group with \"pids\"",
                   id->user, other->name);
}

void conf_check_own_users(struct parse *p)
{
    struct own_user *u = p->own_users, *next, *in_order = NULL;

    if (p->c->wanted)
        return;
    for (; u; u = next) { /* the last is first */
        next = u->next;
        u->next = in_order;
        in_order = u;
    }
    for (u = in_order; u; u = u->next)
        check_own_user(p, u);
}
