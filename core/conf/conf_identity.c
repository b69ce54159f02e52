/* conf/conf_identity.c - who a collector or a sink is: its user, its groups, how nice it is
 *
 * Names are resolved through facts, never here. A garnetd that lacks the privilege for a change is
 * an error of the configuration: said once, with what to do, rather than at every run. Fails only
 * for want of memory.
 */
#include <linux/capability.h>
#include <stdlib.h>

#include "conf/conf_parse.h"

static bool capable(const struct conf_self *self, int capability)
{
    return self->capabilities >> capability & 1;
}

/* The ids after the first two, all of the user's groups. */
static void take_groups(struct parse *p, struct conf_identity *id, const char *fact)
{
    size_t n = 0;
    gid_t *groups;

    for (const char *s = fact; (s = strchr(s, ' ')); s++)
        n++;
    if (n < 2 || !(groups = arena_alloc(&p->c->arena, n * sizeof *groups)))
        return;
    fact = strchr(strchr(fact, ' ') + 1, ' ');
    for (n = 0; fact; fact = strchr(fact + 1, ' '))
        groups[n++] = (gid_t)strtoul(fact + 1, NULL, 10);
    id->groups = groups;
    id->ngroups = n;
}

static void missing(struct parse *p, const struct node *v, const char *fact)
{
    const char *reason = conf_fact_error(fact);

    if (reason)
        errors_add(p->e, v->at, "%s: \"%s\" %s", v->key, v->text, reason);
    else
        errors_add(p->e, v->at, "%s: \"%s\" does not exist: create it or remove the key", v->key,
                   v->text);
}

/* `more`: what to do about a user that has no account. */
static void resolve_user(struct parse *p, struct conf_identity *id, const struct node *v,
                         const char *more)
{
    const char *fact = conf_fact(p, "user:", id->user), *gid;

    if (!fact)
        return;
    if (!*fact || conf_fact_error(fact)) {
        missing(p, v, fact);
        return;
    }
    id->uid = (uid_t)strtoul(fact, NULL, 10);
    if ((gid = strchr(fact, ' ')))
        id->gid = (gid_t)strtoul(gid + 1, NULL, 10);
    else if (!id->group)
        errors_add(p->e, v->at, "user: \"%s\" has no account, so its group is not known: %s",
                   v->text, more);
    take_groups(p, id, fact);
}

static void resolve_group(struct parse *p, struct conf_identity *id, const struct node *v)
{
    const char *fact = conf_fact(p, "group:", id->group);

    if (fact && (!*fact || conf_fact_error(fact)))
        missing(p, v, fact);
    else if (fact)
        id->gid = (gid_t)strtoul(fact, NULL, 10);
}

/* What garnetd is already needs no change, and no privilege. */
static void compare_self(struct parse *p, struct conf_identity *id, const struct conf_self *self,
                         const struct node *user, const struct node *group)
{
    const struct node *v = id->uid != (uid_t)-1 ? user : group;
    bool other_user = id->uid != (uid_t)-1 && id->uid != self->uid;
    bool other_group = id->gid != (gid_t)-1 && id->gid != self->gid;

    if (!other_user && !other_group) {
        id->uid = (uid_t)-1;
        id->gid = (gid_t)-1;
        id->ngroups = 0;
    } else if (!capable(self, CAP_SETGID) || (other_user && !capable(self, CAP_SETUID))) {
        errors_add(p->e, v->at,
                   "%s: garnetd runs as user %u without the privilege to become \"%s\": give it "
                   "CAP_SETUID, CAP_SETGID and CAP_KILL, start it as root, or remove the key",
                   v->key, (unsigned)self->uid, v->text);
    }
}

bool conf_parse_identity(struct parse *p, struct conf_collector *k, const struct node *root)
{
    struct conf_identity *id = &k->identity;
    unsigned errors = p->e->n;
    const struct node *user = node_get(root, "user"), *group = node_get(root, "group");
    struct conf_self self;

    id->uid = (uid_t)-1;
    id->gid = (gid_t)-1;
    if (!id->user && !id->group && k->nice >= 0)
        return true;
    if (id->user)
        resolve_user(p, id, user, "add \"group\"");
    if (id->group)
        resolve_group(p, id, group);
    if (!conf_self(p, &self))
        return false;
    if (id->uid != (uid_t)-1 || id->gid != (gid_t)-1)
        compare_self(p, id, &self, user, group);
    if (k->nice < 0 && !capable(&self, CAP_SYS_NICE))
        errors_add(
            p->e, node_get(root, "nice")->at,
            "nice: below 0 needs a garnetd with CAP_SYS_NICE: raise it, or start it as root");
    return p->e->n == errors;
}

/* ---- sinks ----------------------------------------------------------------------------------- */

/* The account that an installation makes, and that the shipped unit runs as: garnetd's own, then.
 * Where garnetd is root instead, its workers still have no business to be. */
static const char SERVICE[] = "garnet";

static void take_service_user(struct parse *p, struct conf_sink *s)
{
    const char *fact = conf_fact(p, "user:", SERVICE), *reason, *gid;
    struct conf_identity *id = &s->identity;

    if (!fact || !*fact)
        return;
    if ((reason = conf_fact_error(fact))) {
        errors_add(p->e, s->at, "this sink would be user %s, which %s: set \"user\"", SERVICE,
                   reason);
    } else if ((gid = strchr(fact, ' '))) {
        id->user = SERVICE;
        id->uid = (uid_t)strtoul(fact, NULL, 10);
        id->gid = (gid_t)strtoul(gid + 1, NULL, 10);
        take_groups(p, id, fact);
    }
}

void conf_parse_sink_user(struct parse *p, struct conf_sink *s)
{
    struct conf_identity *id = &s->identity;
    const struct node *user = node_get(s->node, "user");
    struct conf_self self;

    if (!conf_self(p, &self))
        return;
    if (id->user) {
        resolve_user(p, id, user, "a sink's user must have an account");
        if (id->uid != (uid_t)-1)
            compare_self(p, id, &self, user, NULL);
    } else if (self.uid == 0 && capable(&self, CAP_SETUID) && capable(&self, CAP_SETGID)) {
        take_service_user(p, s);
    }
}
