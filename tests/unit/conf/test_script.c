/* tests/unit/conf/test_script.c - why a file cannot be executed: each as it is, and what execve() says of the same
 *
 * Not here: a mount with noexec (tests/scenario/test_words.py, which needs root for it).
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/script.h"

static char dir[] = "/tmp/garnet-script-XXXXXX", path[64];

static void make_dir(void)
{
    cr_assert_not_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/program", dir);
}

static void remove_dir(void)
{
    (void)unlink(path);
    cr_assert_eq(rmdir(dir), 0);
}

TestSuite(script, .init = make_dir, .fini = remove_dir, .timeout = 30);

static void write_program(const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

    cr_assert(fd >= 0);
    cr_assert_eq(fd_write_all(fd, bytes, n), 0);
    fd_close(&fd);
}

/* What execve() says; 0: it ran. */
static int exec_error(void)
{
    char *argv[] = {path, NULL};
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void)execv(path, argv);
        _exit(errno);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void expect_bytes(const void *bytes, size_t n, const char *want)
{
    struct why why = {0};

    write_program(bytes, n);
    cr_assert_eq(script_fault(path, "/usr/bin:/bin", &why), *want != 0, "%s", why.text);
    cr_assert(strstr(why.text, want) != NULL, "%s, wanted %s", why.text, want);
}

static void expect(const char *text, const char *want)
{
    expect_bytes(text, strlen(text), want);
}

Test(script, what_runs)
{
    struct why why;

    expect("#!/bin/sh\nexit 0\n", "");
    cr_assert_eq(exec_error(), 0);
    expect("#! /bin/sh \t\n", "");
    cr_assert_eq(exec_error(), 0);
    expect("#!/bin/true", "");
    cr_assert_eq(exec_error(), 0);
    expect("#!/usr/bin/env sh\n", "");
    expect("#!/usr/bin/env -S sh -e\n", "");
    expect("#!/usr/bin/env -i sh\n", "");
    expect("#!/usr/bin/env A=1 sh\n", "gives env the one argument");
    expect("#!/usr/bin/env A=1\n", "");
    expect("#!/usr/bin/perl -w\r\n", access("/usr/bin/perl", X_OK) == 0 ? "" : "perl");
    cr_assert_not(script_fault("/proc/self/exe", NULL, &why), "%s", why.text);
    cr_assert_not(script_fault("/bin/sh", NULL, &why), "%s", why.text);
}

Test(script, what_the_kernel_calls_no_such_file)
{
    expect("#!/bin/sh\r\ntrue\r\n", "has a carriage return at the end of its first line");
    cr_assert_eq(exec_error(), ENOENT);
    expect("#!/usr/bin/pyton3\n", "names the interpreter /usr/bin/pyton3 in its first line, which "
                                  "does not exist");
    cr_assert_eq(exec_error(), ENOENT);
    expect("#!python3\n", "without a path in its first line: write #!/usr/bin/env python3");
    cr_assert_eq(exec_error(), ENOENT);
}

Test(script, what_the_kernel_calls_a_format_error)
{
    char line[400] = "#!/";

    expect("echo hi\n", "has no first line that names its interpreter");
    cr_assert_eq(exec_error(), ENOEXEC);
    expect("\xef\xbb\xbf#!/bin/sh\n", "has a byte order mark before its #!");
    cr_assert_eq(exec_error(), ENOEXEC);
    expect("", "is empty");
    cr_assert_eq(exec_error(), ENOEXEC);
    expect("#!\n", "names no interpreter");
    cr_assert_eq(exec_error(), ENOEXEC);
    memset(line + 3, 'x', 300);
    expect(line, "too long for the system");
    cr_assert_eq(exec_error(), ENOEXEC);
}

Test(script, what_the_kernel_refuses_permission_for)
{
    struct why why;

    expect("#!/usr\n", "names the interpreter /usr in its first line, which is a folder");
    cr_assert_eq(exec_error(), EACCES);
    expect("#!/etc/passwd\n", "which is not executable: chmod +x it");
    cr_assert_eq(exec_error(), EACCES);
    cr_assert_eq(chmod(path, 0644), 0);
    cr_assert(script_fault(path, NULL, &why));
    cr_assert_str_eq(why.text, "is not executable: chmod +x it");
    cr_assert(script_fault(dir, NULL, &why));
    cr_assert_eq(strncmp(why.text, "is a folder", 11), 0, "%s", why.text);
    cr_assert(script_fault("/dev/null", NULL, &why));
    cr_assert_str_eq(why.text, "is not a regular file");
    cr_assert(script_fault("/no/such/file", NULL, &why));
    cr_assert_str_eq(why.text, "does not exist");
}

/* These start, and say it themselves, on standard error. */
Test(script, what_env_does_not_find)
{
    struct why why;

    expect("#!/usr/bin/env pyton3\n",
           "names the interpreter pyton3 in its first line, which is not "
           "in PATH, /usr/bin:/bin");
    cr_assert_eq(exec_error(), 127);
    expect("#!/usr/bin/env sh -e\n", "write #!/usr/bin/env -S sh -e");
    cr_assert_eq(exec_error(), 127);
    expect("#!/usr/bin/env sh\r\n", "has a carriage return");
    cr_assert_eq(exec_error(), 127);
    write_program("#!/usr/bin/env pyton3\n", 22);
    cr_assert_not(script_fault(path, NULL, &why), "without a PATH it is not looked for");
}

Test(script, a_script_that_interprets_itself)
{
    char line[80];

    (void)snprintf(line, sizeof line, "#!%s\n", path);
    expect(line, "in its first line, which names the interpreter");
    cr_assert_eq(exec_error(), ELOOP);
}

static size_t read_own(char *bytes, size_t most)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, bytes, most);

    fd_close(&fd);
    cr_assert(n > (ssize_t)sizeof(Elf64_Ehdr));
    return (size_t)n;
}

Test(script, binaries_of_other_systems)
{
    static char own[8192];
    size_t n = read_own(own, sizeof own);
    char *loader = memmem(own, n, "/ld-", 4);

    cr_assert_not_null(loader);
    memcpy(loader, "/no-", 4);
    expect_bytes(own, n, "it was built for another system");
    cr_assert_eq(exec_error(), ENOENT);
    own[offsetof(Elf64_Ehdr, e_machine)] = (char)EM_SPARC;
    expect_bytes(own, n, "is a program for another kind of machine");
    cr_assert_eq(exec_error(), ENOEXEC);
    expect_bytes(own, 20, "is cut short");
    cr_assert_eq(exec_error(), ENOEXEC);
}
