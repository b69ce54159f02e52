/* collect/launch.c - in the child the order matters: limits, niceness and the bounding set while we still
 * may, then the groups, then the user, then all capabilities, after which nothing can be taken back;
 * the folder last, so that it is the collector's own rights that decide. Every step can be refused,
 * and then the run does not start: a collector with more rights than configured is worse than none.
 *
 * The exec may hang (a dead network folder): whoever waits for the child has a deadline. What failed
 * before or in the exec comes back through a shared page. The child has the keeper's memory until then
 * (base/starter.h): so nothing on its way allocates, or takes a lock but that of strerror(3), which only setlocale(3)
 * would take away from others.
 *
 * Its session is its own, and not the keeper's: the kernel's scheduler may take what is of one session
 * together, and then a run that has made itself slow would slow the next.
 */
#include "collect/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/environment.h"
#include "base/fd.h"
#include "base/privileges.h"
#include "base/process.h"
#include "conf/output.h"
#include "conf/script.h"

enum { EXIT_NOT_RUN = 127, RUN_UMASK = 022 };

/* --- what it is given --- */

static const char *const WHO[] = {"HOME", "USER", "LOGNAME"}; /* garnetd's, or the collector's */

enum { WHOS = sizeof WHO / sizeof *WHO, OWN = 3, OF_FORMAT = 2 };

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

static void set_variable(struct env *e, const char *key, const char *value)
{
    e->v[e->n++] = arena_printf(e->a, "%s=%s", key, value);
}

static void set_default(struct env *e, const char *key, const char *value)
{
    if (value != NULL && !configured(e->conf, key))
        set_variable(e, key, value);
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

/* Where Munin's plugins find what they share, and that they may print several graphs. */
static void add_munin(struct env *e)
{
    set_default(e, "MUNIN_LIBDIR", "/usr/share/munin");
    set_default(e, "MUNIN_CAP_MULTIGRAPH", "1");
}

/* Without these collectd's scripts take a host and an interval of their own: "localhost", say. */
static void add_collectd(struct env *e)
{
    set_default(e, "COLLECTD_HOSTNAME", e->conf->host);
    set_default(e, "COLLECTD_INTERVAL",
                arena_printf(e->a, "%.3f", (double)e->conf->interval / (double)NS_PER_S));
}

static bool is_own(const char *key)
{
    return strcmp(key, "GARNET_SOCKET") == 0 || strcmp(key, "GARNET_COLLECTOR") == 0 ||
           strcmp(key, "GARNET_INTERVAL") == 0;
}

static const char **make_environment(struct arena *a, const struct conf_collector *c)
{
    struct env e = {.a = a, .conf = c};

    e.v =
        arena_alloc(a, (ENVIRONMENT_PASSED + WHOS + c->env.n + OF_FORMAT + OWN + 1) * sizeof *e.v);
    if (e.v == NULL)
        return NULL;
    for (size_t i = 0; i < ENVIRONMENT_PASSED; i++) {
        const char *value = getenv(environment_passed[i]);

        if (value == NULL && strcmp(environment_passed[i], "PATH") == 0)
            value = CONF_PATH;
        set_default(&e, environment_passed[i], value);
    }
    add_who(&e);
    if (c->output == OUTPUT_MUNIN)
        add_munin(&e);
    if (c->output == OUTPUT_PUTVAL)
        add_collectd(&e);
    for (size_t i = 0; i < c->env.n; i++)
        if (!is_own(c->env.v[i].key))
            set_variable(&e, c->env.v[i].key, c->env.v[i].val);
    set_variable(&e, "GARNET_SOCKET", c->socket);
    set_variable(&e, "GARNET_COLLECTOR", c->name);
    e.v[e.n] = arena_printf(a, "GARNET_INTERVAL=%.15g", (double)c->interval / (double)NS_PER_S);
    return e.v;
}

bool launch_prepare(struct launch *l, struct arena *a, const struct conf_collector *c)
{
    size_t n = c->command.n;
    const char **argv = arena_alloc(a, (n + 2) * sizeof *argv);

    if (argv != NULL)
        memcpy(argv, c->command.v, n * sizeof *argv);
    if (argv != NULL && c->output == OUTPUT_LOG) /* others take arguments of their own alone */
        argv[n] = c->socket;
    *l = (struct launch){.conf = c,
                         .argv = argv,
                         .env = make_environment(a, c),
                         .cwd = c->cwd != NULL ? c->cwd : "/"};
    return arena_ok(a);
}

/* --- what it is made into --- */

/* Never above what garnetd itself is allowed; negative: no limit of ours. `soft` may be below `hard`
 * for a signal that can be caught. */
static bool limit_one(__rlimit_resource_t resource, int64_t soft, int64_t hard)
{
    struct rlimit r;

    if (soft < 0)
        return true;
    if (getrlimit(resource, &r) < 0)
        return false;
    if ((rlim_t)hard < r.rlim_max)
        r.rlim_max = (rlim_t)hard;
    r.rlim_cur = (rlim_t)soft < r.rlim_max ? (rlim_t)soft : r.rlim_max;
    return setrlimit(resource, &r) == 0;
}

/* At its CPU limit a process gets SIGXCPU, a second later SIGKILL. */
static bool limit_run(const struct conf_collector *c)
{
    const struct conf_limits *l = &c->limits;
    int64_t cpu = l->cpu < 0 ? -1 : l->cpu / NS_PER_S + (l->cpu % NS_PER_S > 0);
    int64_t memory = c->cgroup.memory ? -1 : l->memory;
    int64_t processes = c->cgroup.processes || l->processes < 0 ? -1
                        : c->output != OUTPUT_LOG
                            ? l->processes + 1 /* its converter is that user's */
                            : l->processes;

    return limit_one(RLIMIT_CORE, 0, 0) && limit_one(RLIMIT_CPU, cpu, cpu + 1) &&
           limit_one(RLIMIT_AS, memory, memory) && limit_one(RLIMIT_NOFILE, l->files, l->files) &&
           limit_one(RLIMIT_NPROC, processes, processes) &&
           limit_one(RLIMIT_FSIZE, l->file_size, l->file_size);
}

/* Where the kernel shares out by session (sched_autogroup_enabled), niceness counts within a session alone, and a run is
 * one by itself: so its session gets it, too. Best effort: a kernel may have no such thing, and lets who is not root set
 * one in a tenth of a second. */
static void let_session_be_nice(int niceness)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d", niceness);
    int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);

    if (fd >= 0)
        (void)!write(fd, text, (size_t)n);
    fd_close(&fd);
}

static bool be_nice(int64_t more)
{
    int niceness;

    if (more == 0)
        return true;
    errno = 0; /* -1 is a niceness too */
    niceness = nice((int)more);
    if (niceness == -1 && errno != 0)
        return false;
    let_session_be_nice(niceness);
    return true;
}

/* There is no way back. False with errno and the step that failed. With or without a user of its own it
 * gives up its capabilities: the kernel takes root's away with its uid, but not those of a garnetd
 * that is nobody special and has CAP_SETUID as an ambient one. */
static bool confine(const struct conf_collector *c, const char *cwd, enum run_step *step)
{
    const struct conf_identity *id = &c->identity;

    *step = STEP_LIMITS;
    if (!limit_run(c))
        return false;
    *step = STEP_NICE;
    if (!be_nice(c->nice))
        return false;
    *step = STEP_USER;
    if (privileges_become(id->uid, id->gid, id->groups, id->ngroups) < 0)
        return false;
    *step = STEP_PRIVILEGES;
    if (privileges_drop() < 0 || (c->no_new_privs && privileges_no_new() < 0))
        return false;
    (void)umask(RUN_UMASK);
    *step = STEP_FOLDER;
    return chdir(cwd) == 0;
}

/* --- its process --- */

void launch_bound(const struct conf_collector *c)
{
    if (c->no_new_privs) /* else set-user-id programs are to have an effect */
        privileges_bound();
}

/* It was looked at when the configuration was read, which may be long ago; and nobody who could
 * alter it between this look and the exec would pass. An exec by descriptor would need that open in
 * a script's interpreter, where no other than 0, 1 and 2 is to be. False with the reason. */
static bool may_run(const struct launch *l, const struct trust *t, struct why *why)
{
    struct trust_fault f;

    if (l->conf->allow_writable)
        return true;
    if (trust_look(t, l->argv[0], &f) == TRUST_GOOD)
        return true;
    if (f.verdict != TRUST_ERROR) {
        trust_describe(&f, l->argv[0], why);
        errno = EPERM;
    }
    return false;
}

static int become_collector(void *arg)
{
    struct launch_order *o = arg;
    const struct launch *l = o->launch;
    struct spawn s = {.argv = l->argv,
                      .env = l->env,
                      .fds = {l->in > 0 ? l->in : -1, l->out, l->err, l->status},
                      .nfds = l->status > 0 ? 4 : 3};
    const struct trust trust = conf_collector_trust(l->conf, geteuid());
    enum run_step step = STEP_CGROUP;
    int control = o->control;
    pid_t self = getpid();

    (void)setsid();
    (void)send(control, &self, sizeof self, MSG_DONTWAIT | MSG_NOSIGNAL);
    fd_close(&control); /* whose end is the keeper's, also while an exec hangs */
    launch_bound(
        l->conf); /* the keeper's thread began before the keeper had to, where that had other runs */
    if (cgroup_enter(o->cgroup) == 0 && confine(l->conf, l->cwd, &step)) {
        step = STEP_EXEC;
        if (may_run(l, &trust, &o->failure->why))
            (void)spawn_exec(&s);
    }
    o->failure->error = errno;
    o->failure->step = step;
    if (step == STEP_EXEC && o->failure->why.text[0] == 0)
        (void)script_fault(l->argv[0], NULL, &o->failure->why);
    _exit(EXIT_NOT_RUN);
}

struct launch_failure *launch_page(void)
{
    void *page = mmap(NULL, sizeof(struct launch_failure), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return page != MAP_FAILED ? page : NULL;
}

pid_t launch_collector(struct starter *s, struct launch_order *o)
{
    return starter_start(s, become_collector, o);
}

/* --- what failed --- */

/* What could not be done, and to what. */
static const char *attempted(uint32_t step, const struct conf_collector *c, const char **what)
{
    const struct conf_identity *id = &c->identity;

    *what = "";
    switch ((enum run_step)step) {
    case STEP_CGROUP:
        *what = c->cgroup.dir;
        return "have a control group in ";
    case STEP_LIMITS:
        return "set its limits";
    case STEP_NICE:
        return "set its nice value";
    case STEP_USER:
        *what = id->user != NULL ? id->user : id->group;
        return id->user != NULL ? "switch to user " : "switch to group ";
    case STEP_PRIVILEGES:
        return "give up its privileges";
    case STEP_FOLDER:
        *what = c->cwd;
        return "change to folder ";
    default:
        *what = c->command.n > 0 ? c->command.v[0] : "";
        return "run ";
    }
}

void launch_describe(const struct launch_failure *f, const struct conf_collector *c,
                     struct why *why)
{
    const char *what, *doing = attempted(f->step, c, &what);

    why_set(why, "cannot %s%s: %s%s", doing, what != NULL ? what : "",
            f->why.text[0] != 0 ? "it " : "",
            f->why.text[0] != 0 ? f->why.text : strerror(f->error));
}
