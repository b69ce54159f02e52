/* client.c - one connection for one run
 *
 * It reads while it sends: garnetd may not read on until its replies are read. It does not trust the
 * other side: it reads a reply up to a bound and only searches it for two words.
 *
 * It fails, with a sentence in `error`, when memory runs out, when nobody listens, when 5 s pass
 * without a byte moving (unless there is no hurry), and when the stream ends without a reply: then what was accepted is not
 * known, and the sentence says so.
 */
#include "client.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    TIMEOUT_S = 5,
    MAX_REPLY = 1 << 20,
    EXIT_WRONG_USAGE = 2,
};

static bool failed(const struct client *c)
{
    return c->error[0] != 0;
}

void client_fail(struct client *c, const char *fmt, ...)
{
    va_list ap;

    if (failed(c))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(c->error, sizeof c->error, fmt, ap);
    va_end(ap);
}

/* --- bytes --- */

static bool grow(struct client_bytes *b, size_t more)
{
    size_t cap = b->cap == 0 ? 1024 : b->cap;
    char *p;

    if (more >= SIZE_MAX / 2 - b->n)
        return false;
    while (cap <= b->n + more)
        cap *= 2;
    p = realloc(b->p, cap);
    if (p == NULL)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

static void put_bytes(struct client *c, struct client_bytes *b, const char *p, size_t n)
{
    if (failed(c))
        return;
    if (n >= b->cap - b->n && !grow(b, n)) {
        client_fail(c, "out of memory");
        return;
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = 0;
}

static void put(struct client *c, const char *s)
{
    put_bytes(c, &c->out, s, strlen(s));
}

static void put_string(struct client *c, const char *s)
{
    char escape[8];

    put(c, "\"");
    while (*s != 0) {
        size_t plain = 0;

        while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
            plain++;
        put_bytes(c, &c->out, s, plain);
        s += plain;
        if (*s != 0) {
            (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*s++);
            put(c, escape);
        }
    }
    put(c, "\"");
}

static void put_member(struct client *c, const char *name, const char *s)
{
    if (s == NULL)
        return;
    put(c, ",\"");
    put(c, name);
    put(c, "\":");
    put_string(c, s);
}

/* --- building --- */

void client_begin(struct client *c, const struct client_series *s)
{
    c->in_values = false;
    put(c, "{\"name\":");
    put_string(c, s->name);
    put_member(c, "type", s->type);
    put_member(c, "unit", s->unit);
    for (size_t i = 0; i < s->ntags; i++) {
        put(c, i == 0 ? ",\"tags\":{" : ",");
        put_string(c, s->tags[i].key);
        put(c, ":");
        put_string(c, s->tags[i].val);
    }
    if (s->ntags > 0)
        put(c, "}");
}

static void put_number(struct client *c, const char *key, const char *number)
{
    if (key == NULL) {
        put(c, ",\"value\":");
    } else {
        put(c, c->in_values ? "," : ",\"values\":{");
        c->in_values = true;
        put_string(c, key);
        put(c, ":");
    }
    put(c, number);
}

void client_i64(struct client *c, const char *key, int64_t v)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRId64, v);
    put_number(c, key, text);
}

void client_u64(struct client *c, const char *key, uint64_t v)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, v);
    put_number(c, key, text);
}

void client_f64(struct client *c, const char *key, double v)
{
    char text[32] = "";

    if (!isfinite(v)) {
        client_fail(c, "%s: JSON has no %f", key == NULL ? "value" : key, v);
        return;
    }
    /* The shortest of these that reads back as the same number: 17 digits always do. */
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, v);
        if (!(strtod(text, NULL) < v) && !(strtod(text, NULL) > v))
            break;
    }
    put_number(c, key, text);
}

void client_end(struct client *c)
{
    put(c, c->in_values ? "}}\n" : "}\n");
    c->in_values = false;
}

/* --- the connection --- */

static const char *connect_help(int error)
{
    switch (error) {
    case ENOENT:
        return "there is no such socket: is garnetd running, and with this socket path?";
    case ECONNREFUSED:
        return "nobody listens on it: garnetd is not running";
    case EACCES:
        return "permission denied: `socket` in garnet.yaml sets the mode and the group";
    case EAGAIN:
        return "it has taken no connection for 5 s: garnetd hangs or is overloaded";
    default:
        return strerror(error);
    }
}

static bool client_connect(struct client *c)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const struct timeval limit = {.tv_sec = TIMEOUT_S}; /* of a connect() on a full queue */
    size_t n = strlen(c->path);
    int r;

    if (c->fd >= 0 || failed(c))
        return !failed(c);
    if (n == 0 || n >= sizeof to.sun_path) {
        client_fail(c, "the socket path \"%.40s%s\" has %zu bytes: 1 to %zu are possible", c->path,
                    n > 40 ? "..." : "", n, sizeof to.sun_path - 1);
        return false;
    }
    memcpy(to.sun_path, c->path, n + 1);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0) {
        client_fail(c, "cannot make a socket: %s", strerror(errno));
        return false;
    }
    while ((r = connect(c->fd, (const struct sockaddr *)&to, sizeof to)) < 0 && errno == EINTR)
        ;
    if (r < 0)
        client_fail(c, "cannot connect to %s: %s", c->path, connect_help(errno));
    return r == 0;
}

/* What the socket is ready for; 0 after an error. */
static int wait_for(struct client *c, short events)
{
    static const struct timespec LIMIT = {.tv_sec = TIMEOUT_S};
    struct pollfd p = {.fd = c->fd, .events = events};
    int n;

    do {
        bool patient = c->hurry != NULL && *c->hurry == 0;

        n = ppoll(&p, 1, patient ? NULL : &LIMIT, c->waiting);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        client_fail(c, "cannot wait for %s: %s", c->path, strerror(errno));
    if (n == 0)
        client_fail(c,
                    "%s: no answer within %d s: what was accepted is not known; "
                    "garnetd's log may say why",
                    c->path, TIMEOUT_S);
    return n > 0 ? p.revents : 0;
}

/* Takes what is there. False at the end of the stream, and after an error. */
static bool receive(struct client *c)
{
    char part[4096];
    ssize_t n = recv(c->fd, part, sizeof part, MSG_DONTWAIT);

    if (n > 0) {
        if (c->reply.n + (size_t)n > MAX_REPLY)
            client_fail(c, "%s: the reply is longer than 1 MiB: not garnetd?", c->path);
        put_bytes(c, &c->reply, part, (size_t)n);
        return !failed(c);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n < 0 && errno != ECONNRESET) /* that one: it closed without reading all, which is an end */
        client_fail(c, "cannot read from %s: %s", c->path, strerror(errno));
    return false;
}

bool client_send(struct client *c, const char *p, size_t n)
{
    if (!client_connect(c))
        return false;
    while (n > 0 && !c->cut_short) {
        int ready = wait_for(c, POLLIN | POLLOUT);
        ssize_t sent;

        if (ready == 0)
            return false;
        if ((ready & POLLIN) != 0 && !receive(c)) {
            c->cut_short = !failed(c);
            return false;
        }
        sent = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            c->cut_short = true;
        } else if (errno != EAGAIN && errno != EINTR) {
            client_fail(c, "cannot send to %s: %s", c->path, strerror(errno));
            return false;
        }
    }
    return n == 0;
}

bool client_reply(struct client *c)
{
    if (!client_connect(c))
        return false;
    (void)shutdown(c->fd, SHUT_WR); /* fails only if the other side is gone: reading tells */
    while (wait_for(c, POLLIN) != 0 && receive(c))
        ;
    if (c->reply.n == 0)
        client_fail(c, "%s: closed without a reply: what was accepted is not known", c->path);
    return !failed(c);
}

/* --- a collector's whole life --- */

void client_init(struct client *c, const char *program, const char *path)
{
    *c = (struct client){.program = program, .path = path, .fd = -1};
}

static bool take_flag(const char *arg, const struct client_flag *flags)
{
    for (; flags != NULL && flags->name != NULL; flags++)
        if (strcmp(arg, flags->name) == 0) {
            *flags->given = true;
            return true;
        }
    return false;
}

void client_open(struct client *c, int argc, char *const argv[], const char *help,
                 const struct client_flag *flags)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *program = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "collector";
    const char *path = getenv("GARNET_SOCKET");

    if (argc > 1 && argv[argc - 1][0] == '/')
        path = argv[--argc];
    client_init(c, program, path);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(help, stdout);
            exit(fflush(stdout) == 0 ? 0 : 1);
        }
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
            (void)printf("%s %s\n", program, GARNET_VERSION);
            exit(fflush(stdout) == 0 ? 0 : 1);
        }
        if (!take_flag(argv[i], flags)) {
            (void)fprintf(stderr, "%s: unknown argument \"%s\"\n%s", program, argv[i], help);
            exit(EXIT_WRONG_USAGE);
        }
    }
    if (path == NULL || path[0] == 0)
        client_fail(c, "no socket: give its path as the last argument, or set GARNET_SOCKET");
}

/* Garnet wrote the line, without blanks, and a quote inside of a string is escaped: so neither
 * word can be found where it is only talked about. */
static bool all_accepted(const char *reply)
{
    return strstr(reply, "\"rejected\":0") != NULL && strstr(reply, "\"error\":") == NULL;
}

/* For a terminal: nothing in it moves the cursor. Garnet's own replies have no control characters. */
static const char *visible(char *text)
{
    unsigned char before = 0;

    for (unsigned char *p = (unsigned char *)text; *p != 0; before = *p++)
        if (*p < 0x20 || *p == 0x7f || (before == 0xc2 && *p >= 0x80 && *p < 0xa0))
            *p = '?';
    return text;
}

bool client_logged(const struct client *c)
{
    const char *own = getenv("GARNET_SOCKET");
    struct stat st;

    return getenv("GARNET_COLLECTOR") != NULL && own != NULL && strcmp(own, c->path) == 0 &&
           fstat(STDERR_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

int client_finish(struct client *c)
{
    bool good = false;

    if (!failed(c))
        (void)client_send(c, c->out.p != NULL ? c->out.p : "", c->out.n);
    if (!failed(c) && client_reply(c)) {
        good = all_accepted(c->reply.p);
        if (!good && !client_logged(c))
            (void)fprintf(stderr, "%s: not everything was accepted: %s\n", c->program,
                          visible(c->reply.p));
        else if (c->cut_short)
            client_fail(c, "%s: closed before it had read everything", c->path);
    }
    if (failed(c))
        (void)fprintf(stderr, "%s: %s\n", c->program, visible(c->error));
    good = good && !failed(c);
    client_close(c);
    return good ? 0 : 1;
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    free(c->out.p);
    free(c->reply.p);
    c->out = c->reply = (struct client_bytes){0};
}
