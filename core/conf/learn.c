/* conf/learn.c - getpwnam(), stat(), gethostname() and the like, a function a kind of fact */
#include "conf/learn.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/number.h"
#include "base/trust.h"
#include "conf/conf.h"
#include "conf/delegation.h"
#include "conf/script.h"

enum { SECRET_MAX = 64 << 10 };

static void learn_error(struct buf *out, const char *doing, int err)
{
    struct why why;

    if (err == ENOENT || err == ENOTDIR)
        why_set(&why, "does not exist");
    else
        why_set(&why, "cannot be %s: %s", doing, strerror(err));
    fact_put_error(out, why.text);
}

/* --- users, groups --- */

/* POSIX: a name that is not there leaves errno alone; some services set one of these instead. */
static bool no_such_name(int err)
{
    return err == 0 || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM;
}

/* An id in decimal; all ones is "leave it" to the system calls and nobody's. */
static bool is_id(const char *name, uint32_t *id)
{
    char *end;
    unsigned long n; /* more than fits is ULONG_MAX, and too large too */

    if (!isdigit((unsigned char)*name))
        return false;
    n = strtoul(name, &end, 10);
    *id = (uint32_t)n;
    return *end == 0 && n < UINT32_MAX;
}

static void learn_group(const char *name, struct buf *out)
{
    const struct group *g;
    uint32_t id;
    bool numeric = is_id(name, &id);

    do {
        errno = 0;
        g = getgrnam(name);
    } while (g == NULL && errno == EINTR);
    if (g != NULL)
        buf_put_u64(out, g->gr_gid);
    else if (numeric)
        buf_put_u64(out, id);
    else if (!no_such_name(errno))
        learn_error(out, "looked up", errno);
}

/* `id`: what the name may be instead, or NULL. */
static const struct passwd *find_user(const char *name, const uint32_t *id)
{
    const struct passwd *u;

    do {
        errno = 0;
        u = getpwnam(name);
        if (u == NULL && errno != EINTR && id != NULL) {
            errno = 0;
            u = getpwuid(*id);
        }
    } while (u == NULL && errno == EINTR);
    return u;
}

/* Like malloc()'s result, or NULL. */
static gid_t *groups_of(const struct passwd *u, size_t *ngroups)
{
    int n = 64, cap;
    gid_t *list = NULL, *more;

    do {
        cap = n;
        if ((more = realloc(list, (size_t)cap * sizeof *list)) == NULL) {
            free(list);
            return NULL;
        }
        list = more;
    } while (getgrouplist(u->pw_name, u->pw_gid, list, &n) < 0 && n > cap);
    *ngroups = n < 0 ? 0 : (size_t)(n < cap ? n : cap);
    return list;
}

static void learn_user(const char *name, struct buf *out)
{
    uint32_t id;
    bool numeric = is_id(name, &id);
    const struct passwd *u = find_user(name, numeric ? &id : NULL);
    struct fact_user fact = {0};
    int err = errno;
    gid_t *groups;

    if (u != NULL) {
        groups = groups_of(u, &fact.ngroups);
        out->failed |= groups == NULL;
        fact.uid = u->pw_uid;
        fact.account = true;
        fact.gid = u->pw_gid;
        fact.groups = groups;
        fact_put_user(out, &fact);
        free(groups);
    } else if (numeric) {
        fact.uid = id;
        fact_put_user(out, &fact);
    } else if (!no_such_name(err)) {
        learn_error(out, "looked up", err);
    }
}

/* --- files --- */

/* Where every user has a group of the same name, files are usually writable by that. */
bool learn_own_group(void *arg, uid_t uid, gid_t gid)
{
    struct buf *noted = arg;
    const struct passwd *u = getpwuid(uid);
    const struct group *g = u != NULL && u->pw_gid == gid ? getgrgid(gid) : NULL;
    char one[32];
    int n = snprintf(one, sizeof one, " %u:%u ", (unsigned)uid, (unsigned)gid);

    if (g == NULL || strcmp(g->gr_name, u->pw_name) != 0 || g->gr_mem[0] != NULL)
        return false;
    if (noted != NULL && (noted->n == 0 || memmem(noted->p, noted->n, one, (size_t)n) == NULL))
        buf_puts(noted, one + (noted->n > 0)); /* one blank between two */
    return true;
}

/* What is not there at all is another fact's to say. */
static void learn_trust(uid_t user, const char *path, struct buf *out)
{
    struct trust t = {.users = {geteuid(), user}, .own_group = learn_own_group, .arg = out};
    struct trust_fault f;
    struct why why;

    if (trust_look(&t, path, &f) == TRUST_GOOD || f.verdict == TRUST_ERROR)
        return;
    buf_reset(out);
    trust_describe(&f, path, &why);
    fact_put_error(out, why.text);
}

static void learn_way(const char *user_and_path, struct buf *out)
{
    char *path;
    long user = strtol(user_and_path, &path, 10);

    learn_trust((uid_t)user, path + 1, out);
}

/* The path, or what of it is there, as `above`. False: nothing. */
static bool find_there(const char *path, char above[PATH_MAX], struct stat *st)
{
    char *slash;

    (void)snprintf(above, PATH_MAX, "%s", path);
    while (stat(above, st) != 0) {
        if ((slash = strrchr(above, '/')) == NULL)
            return false;
        *slash = 0;
    }
    return true;
}

/* Whoever runs `garnetd -t` need not be garnetd's user, who has the folder, or has above it. */
static void learn_folder(const char *path, struct buf *out)
{
    char above[PATH_MAX];
    struct stat st;
    bool there = find_there(path, above, &st);

    learn_trust(there ? st.st_uid : (uid_t)-1, path, out);
}

/* Some file systems do not say how large they are. */
static void learn_room(const char *path, struct buf *out)
{
    char above[PATH_MAX];
    struct statvfs fs;
    struct stat st;

    if (find_there(path, above, &st) && statvfs(above, &fs) == 0 && fs.f_blocks > 0)
        buf_put_u64(out, (uint64_t)fs.f_blocks * fs.f_frsize);
}

static void learn_file(const char *path, struct buf *out)
{
    struct stat st;
    struct fact_file file;

    if (stat(path, &st) != 0) {
        learn_error(out, "read", errno);
        return;
    }
    file = (struct fact_file){.dev = st.st_dev,
                              .ino = st.st_ino,
                              .size = st.st_size,
                              .mtime = clock_ns(st.st_mtim),
                              .ctime = clock_ns(st.st_ctim),
                              .mode = st.st_mode,
                              .uid = st.st_uid};
    fact_put_file(out, &file);
}

/* By a descriptor that was opened with O_PATH. */
static bool read_found(int found, struct buf *text)
{
    char path[32];
    int fd, error;
    bool all;

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", found);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    all = fd >= 0 && fd_read_all(fd, -1, text) >= 0;
    error = errno;
    fd_close(&fd);
    errno = error;
    return all;
}

/* Its whole text but the end of the last line, or what is wrong with it. */
static void judge_secret(int fd, struct buf *text, struct buf *out)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        fact_put_error(out, "is not a regular file");
    } else if ((st.st_mode & S_IRWXO) != 0) {
        fact_put_error(out, "is open to everybody: chmod o-rwx it");
    } else if (!read_found(fd, text)) {
        if (errno == EFBIG)
            fact_put_error(out, "is larger than 64 KiB");
        else
            learn_error(out, "read", errno);
    } else {
        text->n -= text->n > 0 && text->p[text->n - 1] == '\n';
        text->n -= text->n > 0 && text->p[text->n - 1] == '\r';
        if (text->n == 0 || memchr(text->p, 0, text->n) != NULL)
            fact_put_error(out, text->n == 0 ? "is empty" : "is no text: it has a byte 0");
        else
            fact_put_secret(out, (struct str){text->p, text->n});
    }
}

static bool is_file_of(int fd, uid_t user)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == user;
}

/* Only looked at: to open what is no file (a FIFO, a device) may do something. The sink's user may have the file and its
 * folders, but not lead us by his folders and links to what is not his and he could not read. */
static int find_secret(const char *path, uid_t user, struct trust_fault *f)
{
    struct trust t = {.users = {geteuid(), user}, .own_group = learn_own_group};
    int fd = trust_open(&t, path, O_PATH, f);

    if (fd < 0 || user == geteuid() || is_file_of(fd, user))
        return fd;
    fd_close(&fd);
    t.users[1] = geteuid();
    return trust_open(&t, path, O_PATH, f);
}

static void learn_secret(const char *user_and_path, struct buf *out)
{
    char *path;
    uid_t user = (uid_t)strtol(user_and_path, &path, 10);
    struct trust_fault f;
    struct buf text = {.max = SECRET_MAX};
    struct why why;
    int fd = find_secret(++path, user, &f);

    if (fd >= 0) {
        judge_secret(fd, &text, out);
    } else if (f.verdict == TRUST_ERROR) {
        learn_error(out, "read", errno);
    } else {
        trust_describe(&f, path, &why);
        fact_put_error(out, why.text);
    }
    fd_close(&fd);
    buf_free(&text);
}

/* Without a PATH of its own it gets garnetd's. */
static void learn_runs(const char *search_and_path, struct buf *out)
{
    const char *path = strchr(search_and_path, '\n') + 1, *own = getenv("PATH");
    char *search = strndup(search_and_path, (size_t)(path - 1 - search_and_path));
    struct why why;

    out->failed |= search == NULL;
    if (search != NULL && script_fault(path,
                                       *search != 0  ? search
                                       : own != NULL ? own
                                                     : CONF_PATH,
                                       &why))
        fact_put_error(out, why.text);
    free(search);
}

/* --- garnetd and its machine --- */

static void learn_hostname(const char *nothing, struct buf *out)
{
    char name[HOST_NAME_MAX + 1] = "";

    (void)nothing;
    if (gethostname(name, sizeof name) == 0)
        buf_putf(out, "%.*s", HOST_NAME_MAX, name);
}

/* Without /proc: root has all capabilities, others none. */
static void learn_self(const char *nothing, struct buf *out)
{
    struct fact_self self = {geteuid(), getegid(), geteuid() == 0 ? UINT64_MAX : 0};
    char *capabilities = fd_line_after("/proc/self/status", "CapEff:");

    (void)nothing;
    if (capabilities != NULL)
        self.capabilities = strtoull(capabilities, NULL, 16);
    free(capabilities);
    fact_put_self(out, &self);
}

static void learn_cgroup(const char *nothing, struct buf *out)
{
    struct fact_cgroup g;
    struct buf dir = {0};

    (void)nothing;
    delegation_find(&g, &dir);
    if (g.dir != NULL)
        fact_put_cgroup(out, &g);
    buf_free(&dir);
}

/* --- all --- */

static const struct kind {
    const char *key; /* its beginning */
    void (*learn)(const char *rest, struct buf *out);
    bool own; /* the kernel knows it by itself */
} KINDS[] = {{"group:", learn_group, false},   {"user:", learn_user, false},
             {"file:", learn_file, false},     {"trust:", learn_way, false},
             {"folder:", learn_folder, false}, {"exec:", learn_runs, false},
             {"secret:", learn_secret, false}, {"room:", learn_room, false},
             {"self", learn_self, true},       {"hostname", learn_hostname, true},
             {"cgroup", learn_cgroup, true}};

static const struct kind *kind_of_fact(const char *question)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (strncmp(question, KINDS[i].key, strlen(KINDS[i].key)) == 0)
            return &KINDS[i];
    return NULL;
}

bool learn_cannot_hang(const char *key)
{
    const struct kind *k = kind_of_fact(fact_question(key));

    return k != NULL && k->own;
}

void learn_fact(const char *key, struct buf *out)
{
    const char *question = fact_question(key);
    const struct kind *k = kind_of_fact(question);

    if (k != NULL)
        k->learn(question + strlen(k->key), out);
}
