/* tests/unit/base/test_lock.c - of two processes, one gets the lock */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/socket_file.h"
#include "base/why.h"

static char dir[64], path[96], file[112];

static void begin(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/garnet-lock-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/run/garnet.sock", dir);
    (void)snprintf(file, sizeof file, "%s.lock", path);
}

static void end(void)
{
    (void)unlink(file);
    *strrchr(path, '/') = 0;
    (void)rmdir(path);
    cr_assert_eq(rmdir(dir), 0);
}

/* What another process is told: its exit status is 0 when it got the lock. */
static int other(struct why *why)
{
    int pipes[2], status;
    ssize_t n;
    pid_t pid;

    cr_assert_eq(pipe(pipes), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        struct why said = {0};
        int fd = socket_lock(path, NULL, &said);

        (void)!write(pipes[1], &said, sizeof said);
        _exit(fd >= 0 ? 0 : 1);
    }
    (void)close(pipes[1]);
    n = read(pipes[0], why, sizeof *why);
    (void)close(pipes[0]);
    cr_assert_eq(n, sizeof *why);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

Test(lock, second_process_is_refused, .init = begin, .fini = end)
{
    struct why why = {0};
    char want[256];
    int fd = socket_lock(path, NULL, &why);
    struct stat st;

    cr_assert_geq(fd, 0, "%s", why.text);
    cr_assert_eq(stat(file, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0600);
    (void)snprintf(want, sizeof want, "%s is in use by process %ld", path, (long)getpid());
    cr_assert_eq(other(&why), 1);
    cr_assert_str_eq(why.text, want);
    (void)close(fd);
    cr_assert_eq(other(&why), 0, "%s", why.text); /* and the lock dies with its process */
    cr_assert_eq(other(&why), 0, "%s", why.text);
}

Test(lock, folder_that_cannot_be_made, .init = begin, .fini = end)
{
    struct why why = {0};
    char deep[128];

    (void)snprintf(deep, sizeof deep, "%s/a/b/garnet.sock", dir);
    cr_assert_eq(socket_lock(deep, NULL, &why), -1);
    cr_assert_not_null(strstr(why.text, "cannot make the folder"), "%s", why.text);
}

Test(lock, symlink_is_refused, .init = begin, .fini = end)
{
    struct why why = {0};
    char folder[96];

    (void)snprintf(folder, sizeof folder, "%s/run", dir);
    cr_assert_eq(mkdir(folder, 0755), 0);
    cr_assert_eq(symlink("/dev/null", file), 0);
    cr_assert_eq(socket_lock(path, NULL, &why), -1);
    cr_assert_not_null(strstr(why.text, "cannot open"), "%s", why.text);
}
