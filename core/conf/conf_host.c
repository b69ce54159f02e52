/* conf/conf_host.c - the host that metrics are said to come from: as written, or the machine's name
 *
 * The name is looked up with each load, so a SIGHUP takes a new one. Fails only for want of memory.
 */
#include "conf/conf_parse.h"

static bool blank(const char *s)
{
    return s[strspn(s, " \t")] == 0;
}

static bool host_usable(const char *s)
{
    size_t n = 0;

    while (s[n] >= '!' && s[n] <= '~')
        n++;
    return n > 0 && s[n] == 0;
}

static const char *written_host(struct parse *p, const char *host, struct pos at)
{
    if (!*host)
        errors_add(p->e, at, "host: \"\" is empty: give a name or remove the key");
    else if (blank(host))
        errors_warn(p->e, at, "host: \"%s\" is blank: give a name or remove the key", host);
    return host;
}

/* A machine that has not been named, or not yet: its metrics are not to be lost for that. */
static const char *nameless_host(struct parse *p, const char *host, struct pos at)
{
    const char *used = blank(host) ? "localhost" : host;

    errors_warn(
        p->e, at,
        "this machine's name is \"%s\": its metrics have the host \"%s\", as those of other "
        "machines may: set \"host\", or name it and send SIGHUP",
        host, used);
    return used;
}

static const char *own_host(struct parse *p, struct pos at)
{
    const char *host = conf_fact(p, "hostname", "");

    if (!host)
        return ""; /* not known yet */
    if (blank(host) || strcmp(host, "localhost") == 0 || strcmp(host, "(none)") == 0 ||
        strncmp(host, "localhost.", strlen("localhost.")) == 0)
        return nameless_host(p, host, at);
    if (!host_usable(host))
        errors_add(p->e, at, "this machine's name, \"%s\", is not usable: set \"host\"", host);
    return host;
}

void conf_parse_host(struct parse *p, const struct node *root, const char *written)
{
    const char *host = written ? written_host(p, written, node_get(root, "host")->at)
                               : own_host(p, (struct pos){root->at.file, 0, 0});

    p->c->host = arena_strdup(&p->c->arena, host);
}
