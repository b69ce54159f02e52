/* tests/unit/base/test_socket_folder.c - a socket's folder is nobody else's, and nothing is done through a stranger's link */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/socket_file.h"
#include "base/why.h"

enum { STRANGER = 64903 };
static char dir[64];

static const char *in_dir(const char *name)
{
    static char path[4][256];
    static unsigned next;

    next = (next + 1) % 4;
    (void)snprintf(path[next], sizeof path[next], "%s/%s", dir, name);
    return path[next];
}

static void begin(void)
{
    (void)umask(022);
    (void)snprintf(dir, sizeof dir, "/tmp/garnet-folder-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static int rm(const char *path, const struct stat *st, int flag, struct FTW *w)
{
    (void)st, (void)flag, (void)w;
    return remove(path);
}

static void end(void)
{
    cr_assert_eq(nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS), 0);
}

TestSuite(socket_folder, .init = begin, .fini = end, .timeout = 30);

static void folder(const char *name, mode_t mode)
{
    cr_assert(mkdir(in_dir(name), 0700) == 0 || errno == EEXIST);
    cr_assert_eq(chmod(in_dir(name), mode), 0);
}

static void a_socket(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(sa.sun_path, path, strlen(path) + 1);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&sa, sizeof sa), 0);
    fd_close(&fd);
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void good(const char *path)
{
    const char *name;
    struct why why = {0};
    int fd = folder_open(path, NULL, true, &name, &why);

    cr_assert_geq(fd, 0, "%s: %s", path, why.text);
    cr_assert_str_eq(name, "garnet.sock");
    fd_close(&fd);
}

static void refused(const char *path, const char *what)
{
    const char *name;
    struct why why = {0};

    cr_assert_eq(folder_open(path, NULL, true, &name, &why), -1, "%s", path);
    cr_assert_not_null(strstr(why.text, what), "%s: %s", path, why.text);
    cr_assert_eq(folder_open(path, NULL, false, &name, &why), -1, "%s", path);
    cr_assert_eq(socket_lock(path, NULL, &why), -1);
    cr_assert_not_null(strstr(why.text, what), "%s: %s", path, why.text);
}

Test(socket_folder, what_others_may_write_to_is_refused_with_what_to_do)
{
    const mode_t everybody[] = {01777, 0777, 0702, 01773};

    for (size_t i = 0; i < sizeof everybody / sizeof *everybody; i++) {
        folder("run", everybody[i]);
        refused(in_dir("run/garnet.sock"), "everybody may write to the folder /tmp/garnet-folder-");
        refused(in_dir("run/garnet.sock"), "a folder of its own, such as /tmp/garnet-folder-");
        cr_assert(!is_there(in_dir("run/garnet.sock.lock")));
    }
    folder("run", 0770);
    refused(in_dir("run/garnet.sock"), "a group may write to the folder");
    refused(in_dir("run/garnet.sock"), "chmod g-w it");
    folder("run", 0755);
    good(in_dir("run/garnet.sock"));
}

Test(socket_folder, a_folder_of_ours_in_a_sticky_one_is_good_and_made)
{
    struct stat st;

    folder("tmp", 01777);
    good(in_dir("tmp/garnet/garnet.sock"));
    cr_assert_eq(stat(in_dir("tmp/garnet"), &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0755);
    good(in_dir("tmp/./garnet//garnet.sock"));
    good(in_dir("tmp/garnet/../garnet/garnet.sock"));
    folder("open", 0777); /* there our folder could be replaced */
    folder("open/garnet", 0755);
    refused(in_dir("open/garnet/garnet.sock"), "everybody may replace what is in");
    cr_assert_eq(symlink("tmp/garnet", in_dir("link")), 0);
    good(in_dir("link/garnet.sock"));
}

/* Its members could move the folder away, and answer in our place. */
Test(socket_folder, a_group_that_may_write_on_the_way_is_refused_unless_its_owners_own)
{
    struct why why;
    char own[64];
    const char *name;
    int fd;

    (void)snprintf(own, sizeof own, " 1:1 %u:%u ", (unsigned)geteuid(), (unsigned)getegid());
    folder("app", 0775);
    cr_assert_eq(chown(in_dir("app"), (uid_t)-1, getegid()), 0);
    refused(in_dir("app/run/garnet.sock"), "a group may replace what is in /tmp/garnet-folder-");
    refused(in_dir("app/run/garnet.sock"), "/app: chmod g-w it, or choose another path");
    cr_assert(!is_there(in_dir("app/run")));
    fd = folder_open(in_dir("app/run/garnet.sock"), own, true, &name, &why);
    cr_assert_geq(fd, 0, "%s", why.text);
    fd_close(&fd);
    refused(in_dir("app/run/garnet.sock"), "a group may replace what is in");
    a_socket(in_dir("app/run/garnet.sock"));
    socket_remove(in_dir("app/run/garnet.sock"), NULL);
    cr_assert(is_there(in_dir("app/run/garnet.sock")));
    socket_remove(in_dir("app/run/garnet.sock"), own);
    cr_assert(!is_there(in_dir("app/run/garnet.sock")));
    folder("app/run", 0775); /* in that itself no group may write */
    cr_assert_eq(folder_open(in_dir("app/run/garnet.sock"), own, true, &name, &why), -1);
    cr_assert_not_null(strstr(why.text, "a group may write to the folder"), "%s", why.text);
}

Test(socket_folder, is_made_for_everybody_to_pass_whatever_the_umask)
{
    const mode_t umasks[] = {077, 027, 0};
    struct stat st;

    for (size_t i = 0; i < sizeof umasks / sizeof *umasks; i++) {
        (void)umask(umasks[i]);
        good(in_dir("made/garnet.sock"));
        cr_assert_eq(umask(022), umasks[i]);
        cr_assert_eq(stat(in_dir("made"), &st), 0);
        cr_assert_eq(st.st_mode & 07777, 0755);
        cr_assert_eq(rmdir(in_dir("made")), 0);
    }
}

Test(socket_folder, parents_are_not_made)
{
    refused(in_dir("a/b/garnet.sock"), "No such file or directory");
    cr_assert(!is_there(in_dir("a")));
    close(open(in_dir("file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    refused(in_dir("file/garnet.sock"), "Not a directory");
}

Test(socket_folder, only_sockets_are_removed)
{
    folder("run", 0755);
    a_socket(in_dir("run/garnet.sock"));
    a_socket(in_dir("run/other.sock"));
    close(open(in_dir("run/file.sock"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    cr_assert_eq(symlink("other.sock", in_dir("run/link.sock")), 0);
    socket_remove(in_dir("run/file.sock"), NULL);
    socket_remove(in_dir("run/link.sock"), NULL);
    socket_remove(in_dir("run/nothing.sock"), NULL);
    socket_remove(in_dir("nowhere/x.sock"), NULL);
    cr_assert(!is_there(in_dir("nowhere")));
    socket_remove(in_dir("run/garnet.sock"), NULL);
    cr_assert(!is_there(in_dir("run/garnet.sock")));
    cr_assert(is_there(in_dir("run/other.sock")));
    socket_remove_all(in_dir("run/x"), NULL);
    cr_assert(!is_there(in_dir("run/other.sock")));
    cr_assert(is_there(in_dir("run/file.sock")));
    cr_assert(is_there(in_dir("run/link.sock")));
}

Test(socket_folder, nothing_is_removed_where_others_may_write)
{
    folder("run", 01777);
    a_socket(in_dir("run/garnet.sock"));
    socket_remove(in_dir("run/garnet.sock"), NULL);
    socket_remove_all(in_dir("run/garnet.sock"), NULL);
    cr_assert(is_there(in_dir("run/garnet.sock")));
}

/* A stranger's link leads to where a system's own socket is. */
Test(socket_folder, a_strangers_link_and_folder_are_refused)
{
    if (geteuid() != 0)
        cr_skip_test("needs root, to have files of other users");
    folder("victim", 0755);
    a_socket(in_dir("victim/bus.sock"));
    folder("tmp", 01777);
    folder("tmp/theirs", 0755);
    cr_assert_eq(chown(in_dir("tmp/theirs"), STRANGER, STRANGER), 0);
    refused(in_dir("tmp/theirs/garnet.sock"),
            "belongs to user 64903, who could replace the socket");
    cr_assert_eq(symlink("../victim", in_dir("tmp/collectors")), 0);
    cr_assert_eq(lchown(in_dir("tmp/collectors"), STRANGER, STRANGER), 0);
    refused(in_dir("tmp/collectors/garnet.sock"), "is a link of user 64903's");
    socket_remove_all(in_dir("tmp/collectors/x.sock"), NULL);
    socket_remove(in_dir("tmp/collectors/bus.sock"), NULL);
    cr_assert(is_there(in_dir("victim/bus.sock")));
    cr_assert(!is_there(in_dir("victim/garnet.sock.lock")));
}
