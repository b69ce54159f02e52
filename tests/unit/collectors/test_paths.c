/* The collector paths: what is counted, what is not, and paths that do not answer. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "rig/host_rig.h"

/* --- in place of the system's: tests/CMakeLists.txt --- */

int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);
int __real_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);

int __wrap_stat(const char *path, struct stat *st)
{
    while (strstr(path, "/hung") != NULL)
        (void)pause();
    if (strstr(path, "/forbidden") != NULL) {
        errno = EACCES;
        return -1;
    }
    return __real_stat(path, st);
}

int __wrap_openat(int folder, const char *path, int flags, ...)
{
    if (strcmp(path, "closed\033") == 0) {
        errno = EACCES;
        return -1;
    }
    return __real_openat(folder, path, flags);
}

static struct host_rig r;
static char names[8][200];
static const char *words[8];

static void open_rig(void)
{
    host_rig_open(&r);
    r.h.words = words;
    (void)host_rig_write(&r, "/d/a.log", "12345", 5);
    (void)host_rig_write(&r, "/d/b.txt", "123", 3);
    (void)host_rig_write(&r, "/d/below/c.log", "1234567", 7);
    (void)host_rig_write(&r, "/d/below/deeper/d.log", "", 0);
}

static void close_rig(void)
{
    host_rig_close(&r);
}

TestSuite(paths, .init = open_rig, .fini = close_rig);

static const char *at(const char *name)
{
    static char path[200];

    (void)snprintf(path, sizeof path, "%s%s", r.dir, name);
    return path;
}

static void name_path(const char *name)
{
    (void)snprintf(names[r.h.nwords], sizeof *names, "%s", at(name));
    words[r.h.nwords] = names[r.h.nwords];
    r.h.nwords++;
}

/* What is read with these options. */
static const char *look_with(const char *match, const char *depth, const char *most,
                             const char *timeout)
{
    struct why why;

    r.h.values[0] = match;
    r.h.values[1] = depth;
    r.h.values[2] = most;
    r.h.values[3] = timeout;
    cr_assert(paths_subject.prepare(&r.h, &why), "%s", why.text);
    return host_rig_read(&r, &paths_subject);
}

static void age(const char *name, time_t seconds)
{
    const struct timespec t[2] = {{.tv_sec = time(NULL) - seconds},
                                  {.tv_sec = time(NULL) - seconds}};

    cr_assert_eq(utimensat(AT_FDCWD, at(name), t, AT_SYMLINK_NOFOLLOW), 0);
}

/* The value of a key, in what was sent of a path; -1: there is none. */
static double value(const char *name, const char *key)
{
    char text[300];
    const char *p = r.c.out.n > 0 ? r.c.out.p : "", *found = NULL;

    (void)snprintf(text, sizeof text, "{\"path\":\"%s\"}", at(name));
    while (found == NULL && (p = strstr(p, text)) != NULL) {
        char quoted[40];
        const char *end = strchr(p, '\n');

        (void)snprintf(quoted, sizeof quoted, "\"%s\":", key);
        found = strstr(p, quoted);
        if (found != NULL && found < end)
            return strtod(found + strlen(quoted), NULL);
        found = NULL;
        p = end;
    }
    return -1;
}

Test(paths, a_file_and_a_folder)
{
    name_path("/d");
    name_path("/d/a.log");
    age("/d/a.log", 1000);
    age("/d/b.txt", 50);
    (void)look_with(NULL, NULL, NULL, NULL);
    cr_expect_str_eq(host_rig_why(&r), "");
    cr_expect_eq(value("/d", "exists"), 1);
    cr_expect_eq(value("/d", "files"), 2);
    cr_expect_eq(value("/d", "bytes"), 8);
    cr_expect_eq(value("/d", "size"), -1);
    cr_expect(value("/d", "oldest") >= 1000 && value("/d", "oldest") < 1060);
    cr_expect(value("/d", "newest") >= 50 && value("/d", "newest") < 110);
    cr_expect_eq(value("/d/a.log", "size"), 5);
    cr_expect(value("/d/a.log", "age") >= 1000 && value("/d/a.log", "age") < 1060);
    cr_expect_eq(value("/d/a.log", "files"), -1);
}

Test(paths, what_is_missing_is_no_complaint)
{
    name_path("/d/none");
    name_path("/d/a.log/none");
    name_path("/d/link");
    cr_assert_eq(symlink("/nowhere", at("/d/link")), 0);
    (void)look_with(NULL, NULL, NULL, NULL);
    cr_expect_str_eq(host_rig_why(&r), "");
    cr_expect_eq(value("/d/none", "exists"), 0);
    cr_expect_eq(value("/d/a.log/none", "exists"), 0);
    cr_expect_eq(value("/d/link", "exists"), 0);
    cr_expect_eq(strstr(r.c.out.p, "age"), NULL);
}

Test(paths, below)
{
    name_path("/d");
    (void)look_with(NULL, "2", NULL, NULL);
    cr_expect_eq(value("/d", "files"), 3);
    cr_expect_eq(value("/d", "bytes"), 15);
    (void)look_with(NULL, "32", NULL, NULL);
    cr_expect_eq(value("/d", "files"), 4);
    (void)look_with("*.log", "32", NULL, NULL);
    cr_expect_eq(value("/d", "files"), 3);
    cr_expect_eq(value("/d", "bytes"), 12);
    (void)look_with("none*", "32", NULL, NULL);
    cr_expect_eq(value("/d", "files"), 0);
    cr_expect_eq(value("/d", "oldest"), -1);
}

Test(paths, links_and_what_is_no_file_do_not_count)
{
    name_path("/d");
    cr_assert_eq(symlink("..", at("/d/below/up")), 0);
    cr_assert_eq(symlink("a.log", at("/d/again")), 0);
    cr_assert_eq(mkfifo(at("/d/fifo"), 0600), 0);
    (void)look_with(NULL, "32", NULL, NULL);
    cr_expect_eq(value("/d", "files"), 4);
    name_path("/d/below/up"); /* but one that is named is */
    (void)look_with(NULL, NULL, NULL, NULL);
    cr_expect_eq(value("/d/below/up", "files"), 2);
}

Test(paths, what_cannot_be_counted_to_its_end_is_not_counted)
{
    name_path("/d");
    (void)look_with(NULL, "32", "5", NULL);
    cr_expect_str_eq(host_rig_why(&r),
                     "/d: more than 5 entries: it is not counted; --most allows more");
    cr_expect_eq(value("/d", "exists"), 1);
    cr_expect_eq(value("/d", "files"), -1);
    (void)look_with(NULL, "32", "6", NULL);
    cr_expect_eq(value("/d", "files"), 4);
    cr_assert_eq(mkdir(at("/d/closed\033"), 0700), 0);
    (void)look_with(NULL, NULL, NULL, NULL);
    cr_expect_eq(value("/d", "files"), 2);
    (void)look_with(NULL, "2", NULL, NULL);
    cr_expect_eq(value("/d", "files"), -1);
    cr_expect_str_eq(host_rig_why(&r), "/d: it is not counted: closed\\x1b: Permission denied");
}

Test(paths, without_a_right_it_is_not_missing)
{
    name_path("/d/forbidden");
    name_path("/d/a.log");
    (void)look_with(NULL, NULL, NULL, NULL);
    cr_expect_str_eq(host_rig_why(&r), "/d/forbidden: Permission denied");
    cr_expect_eq(value("/d/forbidden", "exists"), -1);
    cr_expect_eq(value("/d/a.log", "exists"), 1);
}

Test(paths, a_stamp_in_the_future_is_less_than_0)
{
    name_path("/d/a.log");
    age("/d/a.log", -1000);
    (void)look_with(NULL, NULL, NULL, NULL);
    cr_expect(value("/d/a.log", "age") < -900);
}

Test(paths, one_that_does_not_answer_holds_up_no_other, .timeout = 30)
{
    int64_t start = clock_mono();

    name_path("/hung");
    name_path("/d");
    name_path("/hung2");
    name_path("/d/a.log");
    (void)look_with(NULL, NULL, NULL, "1s");
    cr_expect_str_eq(host_rig_why(&r), "/hung: does not answer (and 1 more)");
    cr_expect_eq(value("/d", "files"), 2);
    cr_expect_eq(value("/hung", "exists"), -1);
    cr_expect(value("/d/a.log", "age") < 1); /* as it was when it was looked at */
    cr_expect_lt(clock_mono() - start, 10 * NS_PER_S);
    cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    cr_expect_eq(errno, ECHILD);
}

Test(paths, what_is_wrong_with_the_command_line)
{
    static const struct {
        const char *match, *depth, *most, *timeout, *why;
    } cases[] = {
        {"[", NULL, NULL, NULL, "--match \"[\" has a [ without its ]"},
        {NULL, "0", NULL, NULL, "--depth \"0\": give 1 to 32"},
        {NULL, "33", NULL, NULL, "--depth \"33\": give 1 to 32"},
        {NULL, NULL, "x", NULL, "--most \"x\" is not a whole number"},
        {NULL, NULL, NULL, "5", "--timeout \"5\" has no unit"},
        {NULL, NULL, NULL, "1ms", "--timeout \"1ms\": give 10ms to 10m"},
    };
    struct why why;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r.h.values[0] = cases[i].match;
        r.h.values[1] = cases[i].depth;
        r.h.values[2] = cases[i].most;
        r.h.values[3] = cases[i].timeout;
        cr_expect(!paths_subject.prepare(&r.h, &why));
        cr_expect_eq(strncmp(why.text, cases[i].why, strlen(cases[i].why)), 0, "%s", why.text);
    }
    memset(r.h.values, 0, sizeof r.h.values);
    words[r.h.nwords++] = "relative";
    cr_expect(!paths_subject.prepare(&r.h, &why));
    cr_expect_str_eq(why.text, "\"relative\": give an absolute path");
}
