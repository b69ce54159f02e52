/* conf/conf_learn.c - finds out about the world what conf_parse() must know
 *
 * All of this can block for as long as a network disk or a directory service likes, and is
 * therefore done by processes that may: never by garnetd itself. What cannot be found out is a fact
 * too, with its reason; fails only for want of memory.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/conf.h"

enum { FACT = 512 };

static void learn_error(char *out, const char *doing, int err)
{
    if (err == ENOENT || err == ENOTDIR)
        snprintf(out, FACT, "error does not exist");
    else
        snprintf(out, FACT, "error cannot be %s: %s", doing, strerror(err));
}

/* POSIX: a name that is not there leaves errno alone; some services set one of these instead. */
static bool not_there(int err)
{
    return err == 0 || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM;
}

static void learn_group(const char *name, char *out)
{
    struct group *g;

    do {
        errno = 0;
        g = getgrnam(name);
    } while (!g && errno == EINTR);
    if (g)
        snprintf(out, FACT, "%ju", (uintmax_t)g->gr_gid);
    else if (!not_there(errno))
        learn_error(out, "looked up", errno);
}

static void learn_user(const char *name, char *out)
{
    struct passwd *u;

    do {
        errno = 0;
        u = getpwnam(name);
    } while (!u && errno == EINTR);
    if (u)
        snprintf(out, FACT, "%ju %ju", (uintmax_t)u->pw_uid, (uintmax_t)u->pw_gid);
    else if (!not_there(errno))
        learn_error(out, "looked up", errno);
}

static intmax_t ns_of(struct timespec t)
{
    return (intmax_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void learn_file(const char *path, char *out)
{
    struct stat st;

    if (stat(path, &st) != 0)
        learn_error(out, "read", errno);
    else
        snprintf(out, FACT, "%ju %ju %jd %jd %jd %ju %ju", (uintmax_t)st.st_dev,
                 (uintmax_t)st.st_ino, (intmax_t)st.st_size, ns_of(st.st_mtim), ns_of(st.st_ctim),
                 (uintmax_t)st.st_mode, (uintmax_t)st.st_uid);
}

static void learn_hostname(char *out)
{
    char name[HOST_NAME_MAX + 1] = "";

    if (gethostname(name, sizeof name) == 0)
        snprintf(out, FACT, "%.*s", HOST_NAME_MAX, name);
}

bool conf_learn(struct snapshot *s, const struct conf_want *wanted)
{
    for (const struct conf_want *w = wanted; w; w = w->next) {
        char fact[FACT] = "";

        if (strncmp(w->key, "group:", 6) == 0)
            learn_group(w->key + 6, fact);
        else if (strncmp(w->key, "user:", 5) == 0)
            learn_user(w->key + 5, fact);
        else if (strncmp(w->key, "file:", 5) == 0)
            learn_file(w->key + 5, fact);
        else
            learn_hostname(fact);
        if (!snapshot_put(s, w->key, fact))
            return false;
    }
    return true;
}

/* Ends: every round learns all that the one before lacked, and finite text lacks finitely much. */
struct conf *conf_load(struct snapshot *s, const char *path, struct errors *e)
{
    struct conf *c;
    bool learnt;

    if (!snapshot_take(s, path))
        return NULL;
    while ((c = conf_parse(s, e)) && c->wanted) {
        learnt = conf_learn(s, c->wanted);
        conf_free(c);
        errors_free(e);
        if (!learnt)
            return NULL;
    }
    return c;
}
