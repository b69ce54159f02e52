/* conf/endpoints.c - a scheme, then HOST:PORT or a path
 *
 * Fails only for want of memory.
 */
#include "conf/endpoints.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/facts.h"
#include "conf/path.h"

static const char ENDPOINTS[] =
    "use tcp://HOST:PORT, udp://HOST:PORT, unix:PATH, unixgram:PATH, file:PATH or stdout";

enum form { NETWORK, SOCKET, FILE_PATH };

static const struct scheme {
    const char *name; /* with its colon */
    enum form form;
} SCHEMES[] = {{"tcp:", NETWORK},
               {"udp:", NETWORK},
               {"unix:", SOCKET},
               {"unixgram:", SOCKET},
               {"file:", FILE_PATH}};

/* --- HOST:PORT --- */

static bool port_ok(const char *s)
{
    size_t n = strlen(s);

    return n >= 1 && n <= 5 && strspn(s, "0123456789") == n && strtoul(s, NULL, 10) >= 1 &&
           strtoul(s, NULL, 10) <= 65535;
}

static bool v6_ok(const char *s, size_t n)
{
    unsigned char address[16];
    char text[INET6_ADDRSTRLEN];

    if (n >= sizeof text)
        return false;
    memcpy(text, s, n);
    text[n] = 0;
    return inet_pton(AF_INET6, text, address) == 1;
}

/* What is wrong with HOST:PORT or [V6]:PORT, or NULL; and what to write. */
static const char *network_fault(const char *s, const char **write)
{
    static const char host[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    const char *end = *s == '[' ? strchr(s, ']') : s + strspn(s, host);

    *write = "[::1]:2003";
    if (*s == '[') {
        if (end == NULL || !v6_ok(s + 1, (size_t)(end - s - 1)))
            return "has no IPv6 address in its brackets: write";
        end++;
    } else if (*end == ':' && strchr(end + 1, ':') != NULL) {
        return "has several colons: write an IPv6 address in brackets,";
    }
    *write = "HOST:PORT";
    if (end == s)
        return "has no host: write";
    if (*end == 0)
        return "has no port: write";
    if (*end != ':')
        return "has a character that no host name has: write";
    return port_ok(end + 1) ? NULL : "has no port from 1 to 65535: write";
}

static const char *parse_host_port(struct parsing *p, const struct node *v,
                                   const struct scheme *scheme)
{
    const char *rest = v->text + strlen(scheme->name), *write = "HOST:PORT";
    const char *fault =
        strncmp(rest, "//", 2) != 0 ? "has no host: write" : network_fault(rest + 2, &write);

    if (fault == NULL)
        return arena_strdup(p->a, v->text);
    errors_add(p->e, v->at, "to: \"%s\" %s %s//%s", v->text, fault, scheme->name, write);
    return NULL;
}

/* --- paths --- */

static const char *parse_path(struct parsing *p, const struct node *v, const struct scheme *scheme)
{
    const char *path = v->text + strlen(scheme->name), *name = scheme->name;

    if (strncmp(path, "//", 2) == 0 && path[2] != '/') {
        errors_add(p->e, v->at,
                   "to: \"%s\" has a host where none can be: write %sPATH or %s///PATH", v->text,
                   name, name);
        return NULL;
    }
    if (*path == 0 || path[strlen(path) - 1] == '/') {
        errors_add(p->e, v->at, "to: \"%s\" names no %s: write %sPATH", v->text,
                   scheme->form == SOCKET ? "socket" : "file", name);
        return NULL;
    }
    path = path_from(p->a, v->at.file, path);
    if (path != NULL && scheme->form == SOCKET && strlen(path) > CONF_SOCKET_MOST) {
        errors_add(p->e, v->at,
                   "to: \"%s\" is %s in full, %zu bytes: the path of a socket has at most %d",
                   v->text, path, strlen(path), CONF_SOCKET_MOST);
        return NULL;
    }
    return path != NULL ? arena_printf(p->a, "%s//%s", name, path) : NULL;
}

/* --- the list --- */

static const struct scheme *scheme_of(const char *text)
{
    for (size_t i = 0; i < sizeof SCHEMES / sizeof *SCHEMES; i++)
        if (strncmp(text, SCHEMES[i].name, strlen(SCHEMES[i].name)) == 0)
            return &SCHEMES[i];
    return NULL;
}

/* The endpoint as it is kept; NULL after an error or without memory. */
static const char *parse_to(struct parsing *p, const struct node *v)
{
    const struct scheme *scheme = scheme_of(v->text);
    size_t n = strspn(v->text, "abcdefghijklmnopqrstuvwxyz0123456789+");

    if (strcmp(v->text, "stdout") == 0)
        return "stdout";
    if (scheme != NULL)
        return scheme->form == NETWORK ? parse_host_port(p, v, scheme) : parse_path(p, v, scheme);
    if (n > 0 && n < 32 && strncmp(v->text + n, "://", 3) == 0)
        errors_add(p->e, v->at, "to: \"%s\" has an unknown scheme, %.*s: %s", v->text, (int)n,
                   v->text, ENDPOINTS);
    else
        errors_add(p->e, v->at, "to: \"%s\" has no scheme: %s", v->text, ENDPOINTS);
    return NULL;
}

static bool has_endpoint(const struct strings *to, const char *endpoint)
{
    for (size_t i = 0; i < to->n; i++)
        if (strcmp(to->v[i], endpoint) == 0)
            return true;
    return false;
}

/* Two writers of one file would cut each other's lines. */
static void check_shared_file(struct parsing *p, const struct conf_sink *s, const struct node *v,
                              const char *endpoint)
{
    if (strncmp(endpoint, "file:", strlen("file:")) != 0)
        return;
    if (has_endpoint(&s->to, endpoint))
        errors_add(p->e, v->at, "to: \"%s\" is in this list twice: remove one", v->text);
    for (const struct conf_sink *o = p->c->sinks; o != NULL; o = o->next)
        if (has_endpoint(&o->to, endpoint)) {
            errors_add(
                p->e, v->at,
                "to: \"%s\" is written by the sink at line %u already: give each its own file",
                v->text, o->at.line);
            return;
        }
}

/* --- keys for some endpoints only --- */

/* The keys that are for some schemes only. */
static const struct {
    const char *key, *words;
    const char *schemes[3]; /* NULL ends them */
} FOR_SCHEMES[] = {
    {"confirm", "tcp: and unix:", {"tcp:", "unix:"}},
    {"max_packet", "udp: and unixgram:", {"udp:", "unixgram:"}},
};

static bool has_scheme(const struct strings *to, const char *const *schemes)
{
    for (; *schemes != NULL; schemes++)
        for (size_t i = 0; i < to->n; i++)
            if (strncmp(to->v[i], *schemes, strlen(*schemes)) == 0)
                return true;
    return false;
}

/* A key without effect is a misunderstanding, and better found here than in an outage. */
static void check_keys(struct parsing *p, const struct conf_sink *s)
{
    for (size_t i = 0; i < sizeof FOR_SCHEMES / sizeof *FOR_SCHEMES; i++) {
        const struct node *v = node_get(s->node, FOR_SCHEMES[i].key);

        if (v != NULL && !has_scheme(&s->to, FOR_SCHEMES[i].schemes))
            errors_add(p->e, v->at, "%s is for %s endpoints, and \"to\" has none: remove it",
                       FOR_SCHEMES[i].key, FOR_SCHEMES[i].words);
    }
}

void parse_endpoints(struct parsing *p, struct conf_sink *s)
{
    const struct node *to = node_get(s->node, "to"), *v;
    const char **list, *endpoint;
    size_t written = s->to.n;

    if (to != NULL && to->kind == NODE_LIST && to->n == 0)
        errors_add(p->e, to->at, "to is an empty list: name an endpoint, or remove the key");
    if (s->to.n == 0 || to == NULL)
        return;
    if ((list = arena_alloc(p->a, (s->to.n + 1) * sizeof *list)) == NULL)
        return;
    s->to = (struct strings){list, 0};
    for (v = node_first(to); v != NULL; v = node_next(to, v)) {
        if ((endpoint = parse_to(p, v)) == NULL)
            continue;
        check_shared_file(p, s, v, endpoint);
        list[s->to.n++] = endpoint;
    }
    if (s->to.n < written)
        return; /* what else it is for is not known */
    check_keys(p, s);
}
