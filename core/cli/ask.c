/* cli/ask.c - one request, one line of reply
 *
 * Fails where nobody listens, for want of rights, and when the answer does not come, or is cut short.
 */
#include "cli/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/terminal.h"
#include "base/text.h"
#include "conf/conf.h"
#include "conf/load.h"
#include "control/request.h"

/* Answers grow with what is configured; beyond that it is none. */
enum { ANSWER_MAX = 256 << 20, PIECE = 1 << 16 };

bool ask_where(struct ask_where *w, struct arena *a, const char *socket, const char *config)
{
    struct errors errors = {0};
    bool installed = config == NULL;
    struct conf_places places = {0};

    *w = (struct ask_where){.socket = socket};
    if (installed)
        config = GARNET_CONFIG;
    if (conf_places_of(a, config, &places, &errors)) {
        w->spool = places.spool;
        w->socket = socket != NULL ? socket : places.control;
    } else if (installed && socket == NULL) {
        w->wrong = arena_strndup(a, errors.text.p != NULL ? errors.text.p : "", errors.text.n);
    } else if (!installed) {
        (void)fwrite(errors.text.p, 1, errors.text.n, stderr);
        say(stderr, "so it does not say where its garnetd answers: give --socket PATH instead");
    }
    if (w->socket == NULL && installed)
        w->socket = CONF_CONTROL;
    errors_free(&errors);
    return w->socket != NULL;
}

/* One that has as many waiting as it may is tried again until then. False with errno. */
static bool connect_until(int fd, const struct sockaddr_un *sa, int64_t until)
{
    enum { PAUSE_MS = 20 };

    while (connect(fd, (const struct sockaddr *)sa, sizeof *sa) < 0) {
        if ((errno != EAGAIN && errno != EINTR) || clock_mono() >= until)
            return false;
        (void)poll(NULL, 0, PAUSE_MS);
    }
    return true;
}

static enum ask_result connect_to(const char *path, int64_t until, int *fd, struct why *why)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    *fd = -1;
    if (strlen(path) > CONF_SOCKET_MOST) {
        why_set(why, "%.100s...: a socket's path may have %d bytes", path, CONF_SOCKET_MOST);
        return ASK_NOBODY;
    }
    memcpy(sa.sun_path, path, strlen(path));
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd >= 0 && connect_until(*fd, &sa, until))
        return ASK_ANSWERED;
    if (errno == EACCES || errno == EPERM) {
        why_set(why,
                "%s: %s: root and garnetd's user may ask, and a group that `control: {group: ...}` "
                "names: use sudo",
                path, strerror(errno));
        return ASK_NO_RIGHT;
    }
    why_set(why, "%s: %s", path,
            errno == ENOENT ? "there is no such socket: no garnetd runs, or its is another one"
            : errno == ECONNREFUSED ? "nobody listens: garnetd is not running"
            : errno == EAGAIN       ? "garnetd is there, and takes no connection"
                                    : strerror(errno));
    return ASK_NOBODY;
}

static enum ask_result read_member(const struct buf *line, const char *what, json_t **answer,
                                   struct why *why)
{
    json_error_t e;
    json_t *reply = json_loadb(line->p, line->n, 0, &e), *found = json_object_get(reply, what);
    const char *error = json_string_value(json_object_get(reply, "error"));

    if (found != NULL)
        *answer = json_incref(found);
    else if (error != NULL)
        why_set(why, "garnetd says: %.400s", error);
    else
        why_set(why, "what it answers is not understood: it is of another version than this "
                     "program, " GARNET_VERSION);
    json_decref(reply);
    return found != NULL ? ASK_ANSWERED : ASK_REFUSED;
}

static void put_request(struct buf *b, const char *what, const char *metric)
{
    buf_putf(b, "{\"garnet\":%d,\"ask\":\"%s\"", CONTROL_VERSION, what);
    if (metric != NULL)
        buf_put_member(b, "metric", str_of(metric));
    buf_puts(b, "}\n");
}

/* `patient`: waits for a place in the queue. */
static enum ask_result begin_asking(struct ask_going *g, const char *path, const char *what,
                                    const char *metric, int seconds, bool patient, struct why *why)
{
    enum ask_result r;

    *g = (struct ask_going){.fd = -1,
                            .what = what,
                            .until = clock_mono() + seconds * NS_PER_S,
                            .line = {.max = ANSWER_MAX}};
    r = connect_to(path, patient ? g->until : 0, &g->fd, why);
    if (r == ASK_ANSWERED) {
        put_request(&g->line, what, metric);
        r = ASK_ASKED;
        if (send(g->fd, g->line.p, g->line.n, MSG_NOSIGNAL) != (ssize_t)g->line.n) {
            why_set(why, "%s: %s", path, strerror(errno));
            r = ASK_NOBODY;
        }
        buf_reset(&g->line);
    }
    if (r != ASK_ASKED)
        ask_end(g);
    return r;
}

enum ask_result ask_begin(struct ask_going *g, const char *path, const char *what, int seconds,
                          struct why *why)
{
    return begin_asking(g, path, what, NULL, seconds, false, why);
}

/* True: more may come. */
static bool take_piece(struct ask_going *g, bool *whole, struct why *why)
{
    char *room = buf_room(&g->line, PIECE);
    ssize_t n;

    if (room == NULL)
        return why_set(why, "its answer is too long, or there is no memory");
    n = read(g->fd, room, PIECE);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return clock_mono() < g->until || why_set(why, "garnetd is there, and does not answer");
    if (n <= 0)
        return why_set(why, "garnetd hung up before it had answered");
    g->line.n += (size_t)n;
    *whole = room[n - 1] == '\n';
    return true;
}

enum ask_result ask_go_on(struct ask_going *g, json_t **answer, struct why *why)
{
    bool whole = false;
    enum ask_result r = ASK_ASKED;

    if (!take_piece(g, &whole, why))
        r = ASK_NOBODY;
    else if (whole)
        r = read_member(&g->line, g->what, answer, why);
    if (r != ASK_ASKED)
        ask_end(g);
    return r;
}

void ask_end(struct ask_going *g)
{
    buf_free(&g->line);
    fd_close(&g->fd);
}

static enum ask_result ask_and_wait(const char *path, const char *what, const char *metric,
                                    int seconds, json_t **answer, struct why *why)
{
    struct ask_going g;
    enum ask_result r = begin_asking(&g, path, what, metric, seconds, true, why);

    while (r == ASK_ASKED) {
        struct pollfd p = {.fd = g.fd, .events = POLLIN};
        int64_t left = g.until - clock_mono();

        (void)poll(&p, 1, left > 0 ? (int)(left / NS_PER_MS) + 1 : 0);
        r = ask_go_on(&g, answer, why);
    }
    return r;
}

enum ask_result ask(const char *path, const char *what, int seconds, json_t **answer,
                    struct why *why)
{
    return ask_and_wait(path, what, NULL, seconds, answer, why);
}

enum ask_result ask_metric(const char *path, const char *metric, int seconds, json_t **answer,
                           struct why *why)
{
    return ask_and_wait(path, "explain", metric, seconds, answer, why);
}
