/* collect/environment.c - fails only for want of memory.
 */
#include "collect/environment.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static const char *const PASSED_ON[] = {"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"};
static const char *const WHO[] = {"HOME", "USER", "LOGNAME"}; /* garnetd's, or the collector's */

enum { PASSED = sizeof PASSED_ON / sizeof *PASSED_ON, WHOS = sizeof WHO / sizeof *WHO, OWN = 3 };

struct env {
    struct arena *a;
    const struct conf_collector *conf;
    const char **v;
    size_t n;
};

static bool configured(const struct conf_collector *c, const char *key)
{
    for (size_t i = 0; i < c->env.n; i++)
        if (strcmp(c->env.v[i].key, key) == 0)
            return true;
    return false;
}

static void set(struct env *e, const char *key, const char *value)
{
    e->v[e->n++] = arena_printf(e->a, "%s=%s", key, value);
}

static void set_default(struct env *e, const char *key, const char *value)
{
    if (value != NULL && !configured(e->conf, key))
        set(e, key, value);
}

/* "10", "0.1": seconds, never with an exponent. */
static const char *seconds_text(struct arena *a, int64_t ns)
{
    char *s = arena_printf(a, "%" PRId64 ".%09" PRId64, ns / NS_PER_S, ns % NS_PER_S);
    size_t n = s != NULL ? strlen(s) : 0;

    while (n > 0 && s[n - 1] == '0')
        s[--n] = 0;
    if (n > 0 && s[n - 1] == '.')
        s[--n] = 0;
    return s;
}

static void add_who(struct env *e)
{
    const char *user = e->conf->identity.user;

    if (user != NULL) {
        set_default(e, "USER", user);
        set_default(e, "LOGNAME", user);
        return;
    }
    for (size_t i = 0; i < WHOS; i++)
        set_default(e, WHO[i], getenv(WHO[i]));
}

static bool is_own(const char *key)
{
    return strcmp(key, "GARNET_SOCKET") == 0 || strcmp(key, "GARNET_COLLECTOR") == 0 ||
           strcmp(key, "GARNET_INTERVAL") == 0;
}

const char **environment_make(struct arena *a, const struct conf_collector *c, const char *socket)
{
    const char *interval = seconds_text(a, c->interval);
    struct env e = {.a = a, .conf = c};

    e.v = arena_alloc(a, (PASSED + WHOS + c->env.n + OWN + 1) * sizeof *e.v);
    if (e.v == NULL || interval == NULL)
        return NULL;
    for (size_t i = 0; i < PASSED; i++) {
        const char *value = getenv(PASSED_ON[i]);

        if (value == NULL && strcmp(PASSED_ON[i], "PATH") == 0)
            value = CONF_PATH;
        set_default(&e, PASSED_ON[i], value);
    }
    add_who(&e);
    for (size_t i = 0; i < c->env.n; i++)
        if (!is_own(c->env.v[i].key))
            set(&e, c->env.v[i].key, c->env.v[i].val);
    set(&e, "GARNET_SOCKET", socket);
    set(&e, "GARNET_COLLECTOR", c->name);
    set(&e, "GARNET_INTERVAL", interval);
    return e.v;
}

const char **environment_argv(struct arena *a, const struct conf_collector *c, const char *socket)
{
    size_t n = c->command.n;
    const char **argv = arena_alloc(a, (n + 2) * sizeof *argv);

    if (argv == NULL)
        return NULL;
    memcpy(argv, c->command.v, n * sizeof *argv);
    argv[n] = socket;
    return argv;
}
