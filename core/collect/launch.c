/* collect/launch.c - the exec may hang (a dead network folder): whoever waits for the child has a
 * deadline. What failed before or in the exec comes back through a shared page, since the child has
 * no other descriptor than its 0, 1 and 2.
 */
#include "collect/launch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/process.h"
#include "conf/script.h"

enum { EXIT_NOT_RUN = 127 };

struct launch_failure *launch_page(void)
{
    void *page = mmap(NULL, sizeof(struct launch_failure), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return page != MAP_FAILED ? page : NULL;
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

static _Noreturn void become_collector(const struct launch *l, const struct cgroup *g, int control,
                                       struct launch_failure *page)
{
    struct spawn s = {
        .argv = l->argv, .env = l->env, .fds = {-1, l->out, l->err}, .nfds = 3, .own_group = true};
    const struct trust trust = conf_collector_trust(l->conf, geteuid());
    enum run_step step = STEP_CGROUP;
    pid_t self = getpid();

    (void)send(control, &self, sizeof self, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (cgroup_enter(g) == 0 && confine(l->conf, l->cwd, &step)) {
        step = STEP_EXEC;
        if (may_run(l, &trust, &page->why))
            spawn_exec(&s);
    }
    page->error = errno;
    page->step = step;
    if (step == STEP_EXEC && page->why.text[0] == 0)
        (void)script_fault(l->argv[0], NULL, &page->why);
    _exit(EXIT_NOT_RUN);
}

pid_t launch_collector(const struct launch *l, const struct cgroup *g, int control,
                       struct launch_failure *page)
{
    pid_t pid = fork();

    if (pid == 0)
        become_collector(l, g, control, page);
    if (pid > 0)
        (void)setpgid(pid, pid); /* here too, so that the group exists from now on */
    return pid;
}

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
