/* The filesystems collector: what is mounted, and mounts that do not answer. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "rig/host_rig.h"

/* --- in place of the system's: tests/CMakeLists.txt --- */

int __real_statvfs(const char *path, struct statvfs *v);
int __wrap_statvfs(const char *path, struct statvfs *v);
int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);
int __real_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);

static bool unkillable, no_sockets;
static pid_t last;
static struct {
    pid_t last;
    unsigned n; /* how often it was another than before */
} * askers;     /* shared with them; NULL: not looked at */

int __wrap_statvfs(const char *path, struct statvfs *v)
{
    if (askers != NULL && askers->last != getpid()) {
        askers->last = getpid();
        askers->n++;
    }
    while (strstr(path, "/hung") != NULL)
        (void)pause();
    if (strstr(path, "/broken") != NULL) {
        errno = EIO;
        return -1;
    }
    return __real_statvfs(path, v);
}

int __wrap_kill(pid_t pid, int sig)
{
    last = pid;
    return unkillable ? 0 : __real_kill(pid, sig);
}

int __wrap_socketpair(int domain, int type, int protocol, int fds[2])
{
    if (!no_sockets)
        return __real_socketpair(domain, type, protocol, fds);
    errno = ENFILE;
    return -1;
}

static struct host_rig r;
static char info[10000];

static void open_rig(void)
{
    host_rig_open(&r);
    info[0] = 0;
}

static void close_rig(void)
{
    host_rig_close(&r);
}

TestSuite(filesystems, .init = open_rig, .fini = close_rig);

static unsigned long long mount_id(const char *path)
{
    struct statx x;

    cr_assert_eq(statx(AT_FDCWD, path, 0, STATX_MNT_ID, &x), 0);
    return x.stx_mnt_id;
}

/* A folder of the rig, and a line that says that it is mounted. `escaped` is its name as the kernel writes it. */
static void add(const char *name, const char *escaped, const char *device, const char *type)
{
    char path[200];
    size_t n = strlen(info);

    (void)snprintf(path, sizeof path, "%s/%s", r.dir, name);
    cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
    (void)snprintf(info + n, sizeof info - n,
                   "%llu 1 %s / %s/%s rw,relatime shared:1 master:2 - %s /dev/x rw\n",
                   mount_id(path), device, r.dir, escaped, type);
}

static const char *read_mounts(void)
{
    return host_rig_text(&r, &filesystems_subject, "/proc/self/mountinfo", info);
}

static bool has(const char *out, const char *name)
{
    char mount[200];

    (void)snprintf(mount, sizeof mount, "{\"mount\":\"%s/%s\",", r.dir, name);
    return strstr(out, mount) != NULL;
}

Test(filesystems, as_statvfs_says)
{
    struct statvfs v;
    char expected[500];
    const char *out;

    add("a b\\\xc3\xa9", "a\\040b\\134\xc3\xa9", "99:1", "ext4");
    out = read_mounts();
    cr_assert_str_eq(host_rig_why(&r), "");
    cr_assert_eq(__real_statvfs(r.dir, &v), 0);
    (void)snprintf(
        expected, sizeof expected,
        "{\"name\":\"filesystem\",\"type\":\"gauge\",\"unit\":\"B\",\"tags\":{"
        "\"mount\":\"%s/a b\\\\\xc3\xa9\",\"fstype\":\"ext4\"},\"values\":{\"size\":%llu,",
        r.dir, (unsigned long long)v.f_blocks * v.f_frsize);
    cr_assert_eq(strncmp(out, expected, strlen(expected)), 0, "%s%s", out, expected);
    (void)snprintf(expected, sizeof expected, "{\"inodes\":%llu,", (unsigned long long)v.f_files);
    cr_assert(v.f_files == 0 || strstr(out, expected) != NULL);
}

Test(filesystems, what_is_left_out)
{
    const char *out;

    add("first", "first", "99:1", "xfs");
    add("second", "second", "99:1", "xfs"); /* a bind mount */
    add("made-up", "made-up", "99:2", "cgroup2");
    add("image", "image", "99:3", "squashfs");
    add("layer", "layer", "99:4", "overlay");
    add("covered", "covered", "99:5", "ext4");
    add("covered", "covered", "99:6", "autofs");
    add("twice", "twice", "99:7", "ext4");
    add("twice", "twice", "99:8", "nfs4");
    add("bound", "bound", "99:7", "ext4"); /* what is covered elsewhere can be seen here */
    out = read_mounts();
    cr_assert_str_eq(host_rig_why(&r), "");
    cr_assert(has(out, "first") && has(out, "twice") && has(out, "bound"));
    cr_assert(strstr(out, "\"fstype\":\"nfs4\"") != NULL);
    for (const char *const *name =
             (const char *const[]){"second", "made-up", "image", "layer", "covered", NULL};
         *name != NULL; name++)
        cr_assert(!has(out, *name), "%s", *name);
}

Test(filesystems, what_another_mount_hides_is_not_taken_for_it)
{
    char line[400];

    add("here", "here", "99:1", "ext4");
    (void)snprintf(line, sizeof line, "%llu 1 99:2 / %s rw - ext4 /dev/y rw\n",
                   mount_id(r.dir) + 1000, r.dir);
    (void)strcat(info, line);
    cr_assert(has(read_mounts(), "here"));
    cr_assert_eq(strstr(r.c.out.p, "99:2"), NULL);
    (void)snprintf(line, sizeof line, "\"mount\":\"%s\"", r.dir);
    cr_assert_eq(strstr(r.c.out.p, line), NULL);
}

Test(filesystems, another_mount_of_a_device_is_asked_where_the_first_cannot_be_reached)
{
    char line[400];

    (void)snprintf(info, sizeof info, "%llu 1 99:1 / %s/gone rw - ext4 /dev/y rw\n",
                   mount_id(r.dir), r.dir);
    add("second", "second", "99:1", "ext4");
    (void)snprintf(line, sizeof line, "%llu 1 99:1 / %s rw - ext4 /dev/y rw\n", mount_id(r.dir),
                   r.dir);
    (void)strcat(info, line);
    cr_assert(has(read_mounts(), "second"));
    cr_assert_eq(strstr(strstr(r.c.out.p, "\"size\"") + 1, "\"size\""), NULL);
    cr_assert_str_eq(host_rig_why(&r), "");
}

Test(filesystems, below_a_root)
{
    struct statx x;
    char host[100];

    (void)snprintf(host, sizeof host, "%s/host", r.dir);
    cr_assert_eq(mkdir(host, 0700), 0);
    r.h.root = host;
    (void)snprintf(
        info, sizeof info,
        "1000001 1 99:1 / /data rw - ext4 /dev/y rw\n1000002 1 99:2 / / rw - ext4 /dev/z rw\n");
    (void)snprintf(host, sizeof host, "%s/host/data", r.dir);
    cr_assert_eq(mkdir(host, 0700), 0);
    cr_assert_str_eq(read_mounts(), ""); /* a folder, and no mount */
    cr_assert_str_eq(host_rig_why(&r), "");
    r.h.root = "/.";
    cr_assert_eq(statx(AT_FDCWD, "/", 0, 0, &x), 0);
    if ((x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) /* and no chroot */
        cr_assert_neq(strstr(read_mounts(), "{\"mount\":\"/\","), NULL, "%s", r.c.out.p);
}

Test(filesystems, one_that_fails_costs_itself)
{
    add("broken", "broken", "99:1", "ext4");
    add("good", "good", "99:2", "ext4");
    cr_assert(has(read_mounts(), "good") && !has(r.c.out.p, "broken"));
    cr_assert_str_eq(host_rig_why(&r), "/broken: Input/output error");
    (void)strcat(info, "garbage\n26 1 254:0 /\n26 1 254:0 / / rw\n");
    cr_assert(has(read_mounts(), "good"));
}

Test(filesystems, a_dead_mount_holds_up_nobody_else, .timeout = 30)
{
    int64_t start = clock_mono();

    for (int i = 0; i < 5; i++) {
        char name[20], device[20];

        (void)snprintf(name, sizeof name, "hung%d", i);
        (void)snprintf(device, sizeof device, "98:%d", i);
        add(name, name, device, "nfs");
    }
    add("good", "good", "99:2", "ext4");
    cr_assert(has(read_mounts(), "good"));
    cr_assert_str_eq(host_rig_why(&r), "/hung0: does not answer (and 4 more)");
    cr_assert_lt(clock_mono() - start, 10 * NS_PER_S);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    cr_assert_eq(errno, ECHILD);
}

Test(filesystems, one_that_cannot_be_killed_is_not_asked_again, .timeout = 30)
{
    pid_t first;

    unkillable = true;
    add("hung", "hung", "99:1", "nfs");
    (void)read_mounts();
    cr_assert_str_eq(host_rig_why(&r), "/hung: does not answer");
    first = last;
    (void)read_mounts();
    cr_assert_str_eq(host_rig_why(&r), "/hung: still does not answer");
    cr_assert_eq(last, first);
    (void)snprintf(info, sizeof info, "1000001 1 99:1 / %s/hung rw - nfs /dev/y rw\n", r.dir);
    (void)read_mounts();
    cr_assert_str_eq(host_rig_why(&r),
                     ""); /* it is another mount, and asked: it is not the one that is there */
    info[0] = 0;
    add("hung", "hung", "99:1", "nfs");
    cr_assert_eq(__real_kill(first, SIGKILL), 0);
    unkillable = false;
    while (kill(first, 0) == 0 &&
           waitid(P_PID, (id_t)first, &(siginfo_t){0}, WEXITED | WNOWAIT) != 0)
        ;
    (void)read_mounts();
    cr_assert_str_eq(host_rig_why(&r), "/hung: does not answer");
    cr_assert_neq(last, first);
}

/* --- rounds that go on: the process that has answered is asked again --- */

static void open_rounds(void)
{
    open_rig();
    r.h.goes_on = true;
    askers = mmap(NULL, sizeof *askers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)askers, MAP_FAILED);
}

TestSuite(rounds, .init = open_rounds, .fini = close_rig, .timeout = 60);

/* On a busy machine one may take longer for once, and then have its process for its own. */
static void read_until_one_answers(void)
{
    unsigned before;

    do {
        before = askers->n;
        (void)read_mounts();
    } while (askers->n != before);
}

Test(rounds, one_process_answers_for_all_that_answer_at_once)
{
    add("first", "first", "99:1", "ext4");
    add("second", "second", "99:2", "ext4");
    add("broken", "broken", "99:3", "ext4");
    add("third", "third", "99:4", "xfs");
    read_until_one_answers();
    cr_assert(has(r.c.out.p, "first") && has(r.c.out.p, "second") && has(r.c.out.p, "third"));
    cr_assert_str_eq(host_rig_why(&r), "/broken: Input/output error");
}

Test(rounds, one_that_hangs_has_it_for_its_own)
{
    int64_t start = clock_mono();

    add("first", "first", "99:1", "ext4");
    (void)read_mounts();
    add("hung", "hung", "98:1", "nfs");
    add("second", "second", "99:2", "ext4");
    for (int i = 0; i < 2; i++) {
        const char *out = read_mounts();

        cr_assert(has(out, "first") && has(out, "second") && !has(out, "hung"));
        cr_assert_str_eq(host_rig_why(&r), "/hung: does not answer");
    }
    cr_assert_lt(clock_mono() - start, 20 * NS_PER_S);
}

Test(rounds, one_that_was_killed_meanwhile_costs_nothing)
{
    siginfo_t info_of;

    add("first", "first", "99:1", "ext4");
    add("second", "second", "99:2", "ext4");
    read_until_one_answers();
    cr_assert_eq(__real_kill(askers->last, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)askers->last, &info_of, WEXITED | WNOWAIT), 0);
    cr_assert(has(read_mounts(), "first") && has(r.c.out.p, "second"));
    cr_assert_str_eq(host_rig_why(&r), "");
    cr_assert_eq(waitid(P_PID, (id_t)info_of.si_pid, &info_of, WEXITED | WNOWAIT), -1); /* reaped */
}

Test(rounds, no_process_to_ask_with)
{
    siginfo_t info_of;
    pid_t gone;

    add("first", "first", "99:1", "ext4");
    read_until_one_answers();
    gone = askers->last;
    cr_assert_eq(__real_kill(gone, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)gone, &info_of, WEXITED | WNOWAIT), 0);
    no_sockets = true;
    (void)read_mounts();
    cr_assert_str_eq(host_rig_why(&r),
                     "/first: no process to ask with: Too many open files in system");
    last = 0;
    (void)read_mounts();
    cr_assert_eq(last, 0); /* nobody is killed: that number may be another's by now */
    no_sockets = false;
    cr_assert(has(read_mounts(), "first"));
}
