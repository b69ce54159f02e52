/* Files that stay open, and what a subject may rely on. */
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "rig/host_rig.h"

/* --- in place of base/fd.c's: tests/CMakeLists.txt --- */

int __real_fd_read_all(int fd, off_t from, struct buf *out);
int __wrap_fd_read_all(int fd, off_t from, struct buf *out);

static bool off;

int __wrap_fd_read_all(int fd, off_t from, struct buf *out)
{
    errno = EOPNOTSUPP;
    return off ? -1 : __real_fd_read_all(fd, from, out);
}

static struct host_rig r;

static void open_rig(void)
{
    host_rig_open(&r);
}

static void close_rig(void)
{
    host_rig_close(&r);
}

TestSuite(host, .init = open_rig, .fini = close_rig);

Test(host, a_file_is_read_anew_in_each_round)
{
    const char *out = host_rig_text(&r, &uptime_subject, "/proc/uptime", "1.50 9\n");

    cr_assert_neq(strstr(out, "\"value\":1.5}"), NULL);
    out = host_rig_text(&r, &uptime_subject, "/proc/uptime", "22 9\n");
    cr_assert_neq(strstr(out, "\"value\":22"), NULL);
    cr_assert_eq(r.h.nfiles, 1);
    cr_assert_geq(r.h.files[0].fd, 0);
    cr_assert_neq(fcntl(r.h.files[0].fd, F_GETFD) & FD_CLOEXEC, 0);
}

Test(host, a_file_is_read_once_in_a_round)
{
    struct str text;

    (void)host_rig_text(&r, &uptime_subject, "/proc/uptime", "1 9\n");
    host_rig_write(&r, "/proc/uptime", "2 9\n", 4);
    cr_assert(host_text(&r.h, "/proc/uptime", &text) && text.s[0] == '1');
    host_begin(&r.h);
    cr_assert(host_text(&r.h, "/proc/uptime", &text) && text.s[0] == '2');
}

Test(host, what_is_not_there_is_said_and_may_come_and_go)
{
    char path[200];

    cr_assert_str_eq(host_rig_read(&r, &uptime_subject), "");
    cr_assert_str_eq(host_rig_why(&r), "cannot open /proc/uptime: No such file or directory");
    cr_assert(r.h.absent);
    (void)host_rig_text(&r, &uptime_subject, "/proc/uptime", "1 9\n");
    cr_assert_str_eq(host_rig_why(&r), "");
    cr_assert(!r.h.absent);
    /* As when its device is gone: the open one cannot be read any more. */
    (void)snprintf(path, sizeof path, "%s/proc", r.dir);
    cr_assert_geq(dup3(open(path, O_RDONLY | O_CLOEXEC), r.h.files[0].fd, O_CLOEXEC), 0);
    cr_assert_neq(strstr(host_rig_read(&r, &uptime_subject), "\"value\":1"), NULL);
    cr_assert_str_eq(host_rig_why(&r), "");
}

Test(host, of_another_proc_net_and_self_are_those_of_its_first_process)
{
    char path[300], expected[300];

    host_rig_write(&r, "/proc/1/stat", "", 0);
    (void)snprintf(expected, sizeof expected, "%s/proc/net/dev", r.dir);
    cr_assert_str_eq(host_path(&r.h, "/proc/net/dev", path, sizeof path), expected);
    host_rig_write(&r, "/proc/1/net/dev", "", 0);
    (void)snprintf(expected, sizeof expected, "%s/proc/1/net/dev", r.dir);
    cr_assert_str_eq(host_path(&r.h, "/proc/net/dev", path, sizeof path), expected);
    (void)snprintf(expected, sizeof expected, "%s/proc/1/mountinfo", r.dir);
    cr_assert_str_eq(host_path(&r.h, "/proc/self/mountinfo", path, sizeof path), expected);
    (void)snprintf(expected, sizeof expected, "%s/proc/stat", r.dir);
    cr_assert_str_eq(host_path(&r.h, "/proc/stat", path, sizeof path), expected);
    r.h.proc = "/proc";
    cr_assert_str_eq(host_path(&r.h, "/proc/net/dev", path, sizeof path), "/proc/net/dev");
}

Test(host, what_cannot_be_read_is_no_absence)
{
    char path[200];

    (void)snprintf(path, sizeof path, "%s/proc", r.dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/proc/uptime", r.dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_str_eq(host_rig_read(&r, &uptime_subject), "");
    cr_assert_str_eq(host_rig_why(&r), "cannot read /proc/uptime: Is a directory");
    cr_assert(!r.h.absent);
}

Test(host, what_is_switched_off_is_absent)
{
    struct str text;

    off = true;
    cr_assert_str_eq(host_rig_text(&r, &uptime_subject, "/proc/uptime", "1 9\n"), "");
    cr_assert_str_eq(host_rig_why(&r), "cannot read /proc/uptime: Operation not supported");
    cr_assert(r.h.absent);
    host_begin(&r.h);
    r.h.why.text[0] = 0;
    cr_assert(!host_text_if_any(&r.h, "/proc/uptime", &text));
    cr_assert_str_eq(host_rig_why(&r), "");
}

static const char *steps; /* m: miss, c: complain, a number behind each */

static void read_steps(struct host *h)
{
    for (const char *s = steps; *s != 0; s++)
        if (*s == 'm')
            host_miss(h, "missed %d", (int)(s - steps));
        else
            host_complain(h, "wrong %d", (int)(s - steps));
}

Test(host, the_first_complaint_stands_and_others_count)
{
    static const struct subject subject = {.name = "steps", .read = read_steps};
    const struct {
        const char *steps, *why;
        bool absent;
    } cases[] = {{"", "", false},
                 {"c", "wrong 0", false},
                 {"m", "missed 0", true},
                 {"mmm", "missed 0 (and 2 more)", true},
                 {"cm", "wrong 0 (and 1 more)", false},
                 {"mc", "missed 0 (and 1 more)", false}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        steps = cases[i].steps;
        host_begin(&r.h);
        cr_assert_eq(host_read(&r.h, &subject), cases[i].why[0] == 0);
        cr_assert_str_eq(r.h.why.text, cases[i].why);
        cr_assert_eq(r.h.absent, cases[i].absent, "%s", steps);
    }
}

Test(host, out_of_memory_is_said)
{
    r.h.out.list.max = sizeof(struct sample) - 1;
    (void)host_rig_text(&r, &uptime_subject, "/proc/uptime", "1 9\n");
    cr_assert_str_eq(host_rig_why(&r), "out of memory");
    cr_assert(!r.h.absent);
}

Test(host, memory_of_sockets_is_counted_in_pages_of_4096_before_linux_6)
{
    cr_assert_eq(host_socket_page("5.19.17-x", 65536), 4096);
    cr_assert_eq(host_socket_page("6.0.0", 65536), 65536);
    cr_assert_eq(host_socket_page("10.1", 16384), 16384);
    r.h.socket_page = 65536;
    cr_assert_neq(strstr(host_rig_text(&r, &sockets_subject, "/proc/net/sockstat",
                                       "sockets: used 1\nTCP: mem 2\n"),
                         "\"mem\":131072"),
                  NULL, "%s", r.c.out.p);
}
