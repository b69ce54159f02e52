/* conf/identity.c - a user's facts, compared with what garnetd is
 *
 * What garnetd is already needs no change, and no privilege. Fails only for want of memory.
 */
#include "conf/identity.h"

#include <linux/capability.h>

#include "conf/conf.h"
#include "conf/facts.h"
#include "conf/section.h"

static bool capable(const struct fact_self *self, int capability)
{
    return (self->capabilities >> capability & 1) != 0;
}

/* `state`: of the fact about the user or group that v names. */
static bool exists(struct parsing *p, const struct node *v, enum fact state)
{
    if (state == FACT_ERROR)
        errors_world(p->e, v->at, "%s: \"%s\" %s", v->key, v->text, p->why);
    else if (state == FACT_NONE)
        errors_world(p->e, v->at, "%s: \"%s\" does not exist: create it or remove the key", v->key,
                     v->text);
    return state == FACT_KNOWN;
}

void parse_group(struct parsing *p, const struct node *v, gid_t *gid)
{
    (void)exists(p, v, fact_group(p, v->text, gid));
}

static void take_user(struct conf_identity *id, const struct fact_user *u)
{
    id->uid = u->uid;
    if (u->account)
        id->gid = u->gid;
    id->groups = u->groups;
    id->ngroups = u->ngroups;
}

/* `more`: what to do about a user that has no account. */
static void resolve_user(struct parsing *p, struct conf_identity *id, const struct node *v,
                         const char *more)
{
    struct fact_user u;

    if (!exists(p, v, fact_user(p, id->user, &u)))
        return;
    take_user(id, &u);
    if (!u.account && id->group == NULL)
        errors_world(p->e, v->at, "user: \"%s\" has no account, so its group is not known: %s",
                     v->text, more);
}

static void compare_self(struct parsing *p, struct conf_identity *id, const struct fact_self *self,
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
        errors_world(p->e, v->at,
                     "%s: garnetd runs as user %u without the privilege to become \"%s\": give it "
                     "CAP_SETUID, CAP_SETGID and CAP_KILL, start it as root, or remove the key",
                     v->key, (unsigned)self->uid, v->text);
    }
}

/* Without it nobody's rights can be judged: an error, and not "as garnetd". */
static bool self_known(struct parsing *p, struct pos at, struct fact_self *self)
{
    enum fact state = fact_self(p, self);

    if (state != FACT_KNOWN && state != FACT_WANTED)
        errors_world(p->e, at, "what garnetd itself may do %s", p->why);
    return state == FACT_KNOWN;
}

void parse_collector_identity(struct parsing *p, struct conf_collector *k)
{
    struct conf_identity *id = &k->identity;
    unsigned errors = p->e->n;
    const struct node *user = node_get(k->node, "user"), *group = node_get(k->node, "group");
    struct fact_self self;

    id->uid = (uid_t)-1;
    id->gid = (gid_t)-1;
    id->known = id->user == NULL && id->group == NULL && k->nice >= 0;
    if (id->known)
        return;
    if (id->user != NULL)
        resolve_user(p, id, user, "add \"group\"");
    if (id->group != NULL)
        parse_group(p, group, &id->gid);
    if (!self_known(p, k->node->at, &self))
        return;
    if (id->uid != (uid_t)-1 || id->gid != (gid_t)-1)
        compare_self(p, id, &self, user, group);
    if (k->nice < 0 && !capable(&self, CAP_SYS_NICE))
        errors_world(
            p->e, node_get(k->node, "nice")->at,
            "nice: below 0 needs a garnetd with CAP_SYS_NICE: raise it, or start it as root");
    id->known = p->e->n == errors;
}

/* --- sinks --- */

/* The account that an installation makes, and that the shipped unit runs as: garnetd's own, then.
 * Where garnetd is root instead, its workers still have no business to be. */
static const char SERVICE[] = "garnet";

static void take_service_user(struct parsing *p, struct conf_sink *s)
{
    struct fact_user u;
    enum fact state = fact_user(p, SERVICE, &u);

    if (state == FACT_ERROR) {
        errors_world(p->e, s->at, "this sink would be user %s, which %s: set \"user\"", SERVICE,
                     p->why);
    } else if (state == FACT_KNOWN && u.account) {
        s->identity.user = SERVICE;
        take_user(&s->identity, &u);
    }
}

void parse_sink_identity(struct parsing *p, struct conf_sink *s)
{
    struct conf_identity *id = &s->identity;
    const struct node *user = node_get(s->node, "user");
    struct fact_self self;

    if (!self_known(p, s->at, &self))
        return;
    p->c->self = self.uid;
    if (id->user != NULL) {
        resolve_user(p, id, user, "a sink's user must have an account");
        if (id->uid != (uid_t)-1)
            compare_self(p, id, &self, user, NULL);
    } else if (self.uid == 0 && capable(&self, CAP_SETUID) && capable(&self, CAP_SETGID)) {
        take_service_user(p, s);
    }
}

/* --- shared by both --- */

void parse_check_way(struct parsing *p, const char *key, const struct node *v, uid_t user,
                     const char *path, const char **own_groups)
{
    if (fact_way(p, user, path, own_groups) == FACT_ERROR)
        errors_world(p->e, v->at, "%s: \"%s\" %s, or set allow_writable: true", key, v->text,
                     p->why);
}

uint64_t parse_digest_identity(uint64_t h, const struct conf_identity *id)
{
    h = digest_number(digest_number(h, id->uid), id->gid);
    for (size_t i = 0; i < id->ngroups; i++)
        h = digest_number(h, id->groups[i]);
    return digest_number(h, id->ngroups);
}
