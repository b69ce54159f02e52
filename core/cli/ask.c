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

/* Until a line is whole. False, and why. */
static bool read_line(int fd, int64_t until, struct buf *line, struct why *why)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = until - clock_mono();
        char *room = buf_room(line, PIECE);
        ssize_t n;

        if (room == NULL)
            return why_set(why, "its answer is too long, or there is no memory");
        if (left <= 0)
            return why_set(why, "garnetd is there, and does not answer");
        (void)poll(&p, 1, (int)(left / NS_PER_MS) + 1);
        n = read(fd, room, PIECE);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return why_set(why, "garnetd hung up before it had answered");
        line->n += (size_t)n;
        if (room[n - 1] == '\n')
            return true;
    }
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

enum ask_result ask(const char *path, const char *what, int seconds, json_t **answer,
                    struct why *why)
{
    int64_t until = clock_mono() + seconds * NS_PER_S;
    struct buf text = {.max = ANSWER_MAX};
    int fd;
    enum ask_result r = connect_to(path, until, &fd, why);

    if (r == ASK_ANSWERED) {
        buf_putf(&text, "{\"garnet\":%d,\"ask\":\"%s\"}\n", CONTROL_VERSION, what);
        r = ASK_NOBODY;
        if (send(fd, text.p, text.n, MSG_NOSIGNAL) != (ssize_t)text.n) {
            why_set(why, "%s: %s", path, strerror(errno));
        } else {
            buf_reset(&text);
            if (read_line(fd, until, &text, why))
                r = read_member(&text, what, answer, why);
        }
    }
    buf_free(&text);
    fd_close(&fd);
    return r;
}
