/* tests/unit/collect/test_job.c - collect/job.h over a pair of sockets: what is sent is what comes */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "collect/job.h"
#include "rig/keeper_run.h"

static const gid_t groups[] = {7, 0, 65534};
static struct conf_collector collector = {
    .name = "probe",
    .nice = -3,
    .no_new_privs = 1,
    .limits = {1, 2, -1, 4, 5},
    .cgroup = {"/sys/fs/cgroup/garnet", 1, 0},
    .own_groups = "1 2",
    .identity = {.user = "them", .uid = 11, .gid = 12, .groups = groups, .ngroups = 3}};

static int pair[2], out[2], err[2];

static void begin(void)
{
    cr_assert_eq(keeping_pair(pair), 0);
    cr_assert_eq(fd_pipe(out, 0, 0), 0);
    cr_assert_eq(fd_pipe(err, 0, 0), 0);
}

static struct keeper_job job_of(const char *const *argv, const char *const *env)
{
    return (struct keeper_job){.launch = {.conf = &collector,
                                          .argv = argv,
                                          .env = env,
                                          .cwd = "/var/lib",
                                          .out = out[1],
                                          .err = err[1]},
                               .timeout = 12,
                               .grace = 13,
                               .garnetd = 14};
}

static void same_list(const char *const *a, const char *const *b)
{
    size_t i = 0;

    for (; a[i] != NULL && b[i] != NULL; i++)
        cr_assert_str_eq(a[i], b[i]);
    cr_assert(a[i] == NULL && b[i] == NULL);
}

/* Through the socket and back, and its descriptors are those of the two pipes. */
static void goes_through(const char *const *argv, const char *const *env)
{
    struct keeper_job sent = job_of(argv, env), got = {0};
    const struct conf_collector *c;
    struct arena a = {0};
    char text[4] = "";

    cr_assert_eq(job_send(pair[0], &sent), 0);
    cr_assert_eq(job_take(pair[1], &a, &got), JOB_TAKEN);
    c = got.launch.conf;
    cr_assert_str_eq(c->name, "probe");
    cr_assert_eq(c->nice, -3);
    cr_assert_eq(c->no_new_privs, 1);
    cr_assert_eq(c->allow_writable, 0);
    cr_assert_eq(memcmp(&c->limits, &collector.limits, sizeof c->limits), 0);
    cr_assert_eq(c->cgroup.processes, 1);
    cr_assert_eq(c->cgroup.memory, 0);
    cr_assert(c->identity.uid == 11 && c->identity.gid == 12 && c->identity.ngroups == 3);
    cr_assert_eq(memcmp(c->identity.groups, groups, sizeof groups), 0);
    if (collector.cgroup.dir != NULL)
        cr_assert_str_eq(c->cgroup.dir, collector.cgroup.dir);
    else
        cr_assert_null(c->cgroup.dir);
    cr_assert_str_eq(got.launch.cwd, "/var/lib");
    cr_assert(got.timeout == 12 && got.grace == 13 && got.garnetd == 14);
    same_list(got.launch.argv, argv);
    same_list(got.launch.env, env);
    cr_assert_eq(write(got.launch.out, "o", 1), 1);
    cr_assert_eq(write(got.launch.err, "e", 1), 1);
    cr_assert_eq(read(out[0], text, 1), 1);
    cr_assert_eq(read(err[0], text + 1, 1), 1);
    cr_assert_str_eq(text, "oe");
    fd_close(&got.launch.out);
    fd_close(&got.launch.err);
    arena_free(&a);
}

TestSuite(job, .timeout = 60);

Test(job, all_that_a_run_is_made_by)
{
    const char *argv[] = {"/bin/it", "", "two words", "\n", "/the/socket", NULL};
    const char *env[] = {"A=", "B=b c", NULL}, *none[] = {NULL};
    int before;

    begin();
    before = open_descriptors("self");
    goes_through(argv, env);
    collector.cgroup.dir = NULL;
    goes_through(argv, none);
    cr_assert_eq(open_descriptors("self"), before);
}

/* Around the size of a packet, and far beyond: the kernel would take no packet of that. */
Test(job, one_of_any_length)
{
    const char *argv[] = {"/bin/it", NULL, NULL}, *env[] = {"A=1", NULL};
    char *word = malloc(2000001);

    begin();
    for (size_t n = 0; n <= 2000000; n = n < 32000 ? n + 31900 : n < 33000 ? n + 1 : 2 * n) {
        memset(word, 'x', n);
        word[n] = 0;
        argv[1] = word;
        goes_through(argv, env);
    }
    free(word);
}

Test(job, a_word_for_the_run_before_is_none)
{
    const char *argv[] = {"/bin/it", NULL}, *env[] = {NULL};
    struct keeper_job got = {0};
    struct arena a = {0};

    begin();
    cr_assert_eq(job_take(pair[1], &a, &got), JOB_NONE, "nothing has come");
    keeper_stop(pair[0]);
    cr_assert_eq(job_take(pair[1], &a, &got), JOB_NONE);
    goes_through(argv, env);
}

Test(job, nothing_is_begun_once_garnetd_has_gone)
{
    const char *argv[] = {"/bin/it", NULL}, *env[] = {NULL};
    struct keeper_job got = {0};
    struct keeper_job sent;
    struct arena a = {0};
    int before;

    begin();
    sent = job_of(argv, env);
    cr_assert_eq(job_send(pair[0], &sent), 0);
    fd_close(&pair[0]);
    before = open_descriptors("self");
    cr_assert_eq(job_take(pair[1], &a, &got), JOB_END);
    cr_assert_eq(open_descriptors("self"), before);
    arena_free(&a);
}

/* Else a long one would be taken as one with nothing in it. */
Test(job, no_descriptor_is_free_for_its_own)
{
    const char *argv[] = {"/bin/it", NULL, NULL}, *env[] = {NULL};
    char *word = calloc(1, 100001);
    struct rlimit limit, less;

    begin();
    memset(word, 'x', 100000);
    collector.identity.ngroups = 0;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    for (int is_long = 0; is_long < 2; is_long++)
        for (int free_ones = 0; free_ones < 2 + is_long; free_ones++) {
            struct keeper_job got = {0}, sent;
            struct arena a = {0};
            int before = open_descriptors("self"), next = dup(0);
            enum job_taken taken;

            argv[1] = is_long ? word : NULL;
            sent = job_of(argv, env);
            cr_assert_eq(job_send(pair[0], &sent), 0);
            fd_close(&next);
            next = dup(0);
            less = (struct rlimit){(rlim_t)(next + free_ones), limit.rlim_max};
            fd_close(&next);
            (void)setrlimit(RLIMIT_NOFILE, &less);
            taken = job_take(pair[1], &a, &got);
            cr_assert_eq(taken, JOB_BAD);
            cr_assert_eq(errno, EMFILE);
            (void)setrlimit(RLIMIT_NOFILE, &limit);
            if (got.launch.out > 0)
                fd_close(&got.launch.out);
            if (got.launch.err > 0)
                fd_close(&got.launch.err);
            cr_assert_eq(open_descriptors("self"), before);
            arena_free(&a);
        }
    free(word);
}

Test(job, nobody_at_the_other_end)
{
    const char *argv[] = {"/bin/it", NULL}, *env[] = {NULL};
    struct keeper_job sent;

    begin();
    sent = job_of(argv, env);
    fd_close(&pair[1]);
    cr_assert_eq(job_send(pair[0], &sent), -1);
    cr_assert_eq(errno, EPIPE);
}

/* Cut short, or with its strings unended: it never comes from garnetd, and is no job. */
Test(job, what_is_none)
{
    const char *argv[] = {"/bin/it", NULL}, *env[] = {NULL};
    char packet[4096];
    struct keeper_job sent;
    ssize_t n;

    begin();
    sent = job_of(argv, env);
    cr_assert_eq(job_send(pair[0], &sent), 0);
    n = recv(pair[1], packet, sizeof packet, 0); /* without its descriptors */
    cr_assert_gt(n, 0);
    for (ssize_t i = 2; i <= n; i++) {
        struct keeper_job got = {0};
        struct arena a = {0};

        cr_assert_eq(send(pair[0], packet, (size_t)i, 0), i);
        cr_assert_neq(job_take(pair[1], &a, &got), JOB_TAKEN);
        arena_free(&a);
    }
}
