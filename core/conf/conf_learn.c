/* conf/conf_learn.c - finds out about the world what conf_parse() must know
 *
 * All of this can block for as long as a network disk or a directory service likes, and is
 * therefore done by processes that may: never by garnetd itself. What cannot be found out is a fact
 * too, with its reason; fails only for want of memory.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/trust.h"
#include "conf/conf_parse.h"
#include "conf/script.h"

typedef void learn_fn(const char *what, struct buf *out);

static void learn_error(struct buf *out, const char *doing, int err)
{
    if (err == ENOENT || err == ENOTDIR)
        buf_puts(out, "error does not exist");
    else
        buf_putf(out, "error cannot be %s: %s", doing, strerror(err));
}

/* ---- users, groups --------------------------------------------------------------------------- */

/* POSIX: a name that is not there leaves errno alone; some services set one of these instead. */
static bool not_there(int err)
{
    return err == 0 || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM;
}

/* An id in decimal; all ones is "leave it" to the system calls and nobody's. */
static bool is_id(const char *name, uint32_t *id)
{
    char *end;
    unsigned long n;

    if (!isdigit((unsigned char)*name))
        return false;
    errno = 0;
    n = strtoul(name, &end, 10);
    if (errno != 0 || *end || n >= UINT32_MAX)
        return false;
    *id = (uint32_t)n;
    return true;
}

static void learn_group(const char *name, struct buf *out)
{
    const struct group *g;
    uint32_t id;

    do {
        errno = 0;
        g = getgrnam(name);
    } while (!g && errno == EINTR);
    if (g)
        buf_put_u64(out, g->gr_gid);
    else if (is_id(name, &id))
        buf_put_u64(out, id);
    else if (!not_there(errno))
        learn_error(out, "looked up", errno);
}

static const struct passwd *find_user(const char *name)
{
    const struct passwd *u;
    uint32_t id = 0;
    bool numeric;

    do {
        errno = 0;
        u = getpwnam(name);
        numeric = is_id(name, &id);
        if (!u && errno != EINTR && numeric) {
            errno = 0;
            u = getpwuid(id);
        }
    } while (!u && errno == EINTR);
    return u;
}

static void put_groups(const struct passwd *u, struct buf *out)
{
    int n = 64, cap;
    gid_t *list = NULL, *more;

    do {
        cap = n;
        if (!(more = realloc(list, (size_t)cap * sizeof *list))) {
            out->failed = true;
            break;
        }
        list = more;
    } while (getgrouplist(u->pw_name, u->pw_gid, list, &n) < 0 && n > cap);
    for (int i = 0; more && i < n && i < cap; i++) {
        buf_putc(out, ' ');
        buf_put_u64(out, list[i]);
    }
    free(list);
}

static void learn_user(const char *name, struct buf *out)
{
    const struct passwd *u = find_user(name);
    int err = errno;
    uint32_t id;

    if (u) {
        buf_putf(out, "%ju %ju", (uintmax_t)u->pw_uid, (uintmax_t)u->pw_gid);
        put_groups(u, out);
    } else if (is_id(name, &id)) {
        buf_put_u64(out, id);
    } else if (!not_there(err)) {
        learn_error(out, "looked up", err);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Where every user has a group of the same name, files are usually writable by that. */
bool conf_own_group(void *arg, uid_t uid, gid_t gid)
{
    struct buf *noted = arg;
    const struct passwd *u = getpwuid(uid);
    const struct group *g = u && u->pw_gid == gid ? getgrgid(gid) : NULL;
    char one[32];
    int n = snprintf(one, sizeof one, " %u:%u ", (unsigned)uid, (unsigned)gid);

    if (!g || strcmp(g->gr_name, u->pw_name) != 0 || g->gr_mem[0])
        return false;
    if (noted && (noted->n == 0 || !memmem(noted->p, noted->n, one, (size_t)n)))
        buf_puts(noted, one + (noted->n > 0)); /* one blank between two */
    return true;
}

/* What is not there at all is another fact's to say. */
static void learn_way(uid_t user, const char *path, struct buf *out)
{
    struct trust t = {.users = {geteuid(), user}, .own_group = conf_own_group, .arg = out};
    struct trust_fault f;
    struct why why;

    if (trust_look(&t, path, &f) == TRUST_GOOD || f.verdict == TRUST_ERROR)
        return;
    buf_reset(out);
    trust_describe(&f, path, &why);
    buf_putf(out, "error %s", why.text);
}

static void learn_trust(const char *what, struct buf *out)
{
    const char *path = strchr(what, ':');

    if (path)
        learn_way((uid_t)strtol(what, NULL, 10), path + 1, out);
}

/* Whoever runs `garnetd -t` need not be garnetd's user, who has the folder, or has above it. */
static void learn_folder(const char *path, struct buf *out)
{
    char above[PATH_MAX], *slash = above;
    struct stat st = {.st_uid = (uid_t)-1};

    (void)snprintf(above, sizeof above, "%s", path);
    while (slash && stat(above, &st) != 0 && (slash = strrchr(above, '/')))
        *slash = 0;
    learn_way(st.st_uid, path, out);
}

static void learn_file(const char *path, struct buf *out)
{
    struct stat st;

    if (stat(path, &st) != 0)
        learn_error(out, "read", errno);
    else
        buf_putf(out, "%ju %ju %jd %jd %jd %ju %ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino,
                 (intmax_t)st.st_size, (intmax_t)clock_ns(st.st_mtim),
                 (intmax_t)clock_ns(st.st_ctim), (uintmax_t)st.st_mode, (uintmax_t)st.st_uid);
}

/* PATH, a newline, and the program; without PATH it is garnetd's own. */
static void learn_exec(const char *what, struct buf *out)
{
    const char *end = strchr(what, '\n'), *own = getenv("PATH");
    struct why why;
    struct buf search = {0};

    if (!end)
        return;
    if (end > what)
        buf_put(&search, what, (size_t)(end - what));
    else
        buf_puts(&search, own ? own : CONF_PATH);
    buf_putc(&search, 0);
    if (!buf_ok(&search))
        out->failed = true;
    else if (script_fault(end + 1, search.p, &why))
        buf_putf(out, "error %s", why.text);
    buf_free(&search);
}

/* ---- us -------------------------------------------------------------------------------------- */

static void learn_hostname(const char *what, struct buf *out)
{
    char name[HOST_NAME_MAX + 1] = "";

    (void)what;
    if (gethostname(name, sizeof name) == 0)
        buf_putf(out, "%.*s", HOST_NAME_MAX, name);
}

/* Without /proc: root has all capabilities, others none. */
static void learn_self(const char *what, struct buf *out)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    uint64_t capabilities = geteuid() == 0 ? UINT64_MAX : 0;

    (void)what;
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "CapEff:", 7) == 0)
            capabilities = strtoull(line + 7, NULL, 16);
    if (f)
        (void)fclose(f);
    buf_putf(out, "%ju %ju %" PRIx64, (uintmax_t)geteuid(), (uintmax_t)getegid(), capabilities);
}

static void learn_cgroup(const char *what, struct buf *out)
{
    (void)what;
    conf_learn_cgroup(out);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void learn(const char *key, struct buf *out)
{
    static const struct {
        const char *kind;
        learn_fn *fn;
    } KINDS[] = {{"group:", learn_group},      {"user:", learn_user},     {"file:", learn_file},
                 {"trust:", learn_trust},      {"folder:", learn_folder}, {"exec:", learn_exec},
                 {"hostname", learn_hostname}, {"self", learn_self},      {"cgroup", learn_cgroup}};

    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        size_t n = strlen(KINDS[i].kind);

        if (strncmp(key, KINDS[i].kind, n) == 0) {
            KINDS[i].fn(key + n, out);
            return;
        }
    }
}

bool conf_learn(struct snapshot *s, const struct conf_want *wanted)
{
    struct buf fact = {0};
    bool ok = true;

    for (const struct conf_want *w = wanted; w && ok; w = w->next) {
        buf_reset(&fact);
        learn(w->key, &fact);
        buf_putc(&fact, 0);
        ok = buf_ok(&fact) && snapshot_put(s, w->key, fact.p);
    }
    buf_free(&fact);
    return ok;
}

/* Ends: every round learns all that the one before lacked, and finite text lacks finitely much. */
struct conf *conf_load(struct snapshot *s, const char *path, bool running, struct errors *e)
{
    struct conf *c;
    bool learnt;

    if (!snapshot_take(s, path) || (running && !snapshot_put(s, "running", "")))
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
