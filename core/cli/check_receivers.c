/* cli/check_receivers.c - a child an endpoint, which says over a pipe what is wrong, or nothing
 *
 * A name look-up may take longer than anybody waits: its process is killed. Fails for want of processes or descriptors.
 */
#include "cli/check_receivers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/terminal.h"
#include "delivery/link.h"

enum { AT_MOST = 256 }; /* endpoints that are looked at */

struct probe {
    const char *sink, *uri;
    pid_t pid;
    int fd; /* -1: it has ended */
    struct why why;
    size_t n; /* of that, so far */
};

struct probe_order {
    const char *uri;
    int fd; /* to which what is wrong goes */
};

static int probe_endpoint(void *arg)
{
    const struct probe_order *o = arg;
    struct loop *l = loop_new();
    int64_t until = clock_mono() + CHECK_WAITS * NS_PER_S;
    struct link k;
    const char *wrong = NULL;

    if (l == NULL)
        return EXIT_FAILURE;
    link_init(&k, l, o->uri);
    if (link_open(&k) == 0)
        while (!link_up(&k) && !k.fell && clock_mono() < until) {
            (void)loop_turn(l, 100 * NS_PER_MS);
            (void)link_update(&k);
        }
    if (!link_up(&k))
        wrong = k.t.why.text[0] != '\0' ? k.t.why.text : "does not answer";
    if (wrong != NULL)
        (void)fd_write_all(o->fd, wrong, strlen(wrong));
    return EXIT_SUCCESS;
}

static bool start_probe(struct probe *p)
{
    struct probe_order order;
    int fds[2];

    p->fd = -1;
    if (fd_pipe(fds, O_NONBLOCK, 0) < 0)
        return false;
    order = (struct probe_order){p->uri, fds[1]};
    p->pid = spawn_helper("garnet-probe", &order.fd, 1, probe_endpoint, &order);
    fd_close(&fds[1]);
    p->fd = fds[0];
    if (p->pid < 0)
        fd_close(&p->fd);
    return p->pid > 0;
}

/* What has come of it. */
static void read_probe(struct probe *p)
{
    ssize_t n = read(p->fd, p->why.text + p->n, sizeof p->why.text - 1 - p->n);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        p->n += (size_t)n;
    p->why.text[p->n] = '\0';
    if (n <= 0 || p->n == sizeof p->why.text - 1)
        fd_close(&p->fd);
}

static void await_probes(struct probe *all, int n)
{
    int64_t until = clock_mono() + (CHECK_WAITS + 1) * NS_PER_S;
    struct pollfd fds[AT_MOST];
    int left = n;

    while (left > 0 && clock_mono() < until) {
        left = 0;
        for (int i = 0; i < n; i++) {
            fds[i] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
            left += all[i].fd >= 0;
        }
        (void)poll(fds, (nfds_t)n, 100);
        for (int i = 0; i < n; i++)
            if (fds[i].fd >= 0 && fds[i].revents != 0)
                read_probe(&all[i]);
    }
    for (int i = 0; i < n; i++) {
        if (all[i].fd >= 0)
            why_set(&all[i].why, "its name cannot be looked up within %d s", CHECK_WAITS);
        fd_close(&all[i].fd);
        (void)kill(all[i].pid, SIGKILL);
        (void)waitpid(all[i].pid, NULL, 0);
    }
}

static bool is_remote(const char *uri)
{
    return strncmp(uri, "tcp:", 4) == 0 || strncmp(uri, "udp:", 4) == 0 ||
           strncmp(uri, "unix:", 5) == 0 || strncmp(uri, "unixgram:", 9) == 0;
}

int check_receivers(FILE *to, const struct conf *c)
{
    struct probe *all = calloc(AT_MOST, sizeof *all);
    int n = 0, wrong = 0;
    bool good = all != NULL;

    for (const struct conf_sink *s = c->sinks; good && s != NULL; s = s->next)
        for (size_t i = 0; good && i < s->to.n && n < AT_MOST; i++) {
            if (!is_remote(s->to.v[i]))
                continue;
            all[n] = (struct probe){.sink = s->name, .uri = s->to.v[i]};
            good = start_probe(&all[n]);
            n += good;
        }
    if (!good)
        say(to, "warning: receivers were not all looked at: %m");
    await_probes(all, n);
    for (int i = 0; i < n; i++) {
        if (all[i].why.text[0] == '\0')
            continue;
        say(to, "warning: sink %s: %s: %s", all[i].sink, all[i].uri, all[i].why.text);
        wrong++;
    }
    free(all);
    return good ? wrong : -1;
}
