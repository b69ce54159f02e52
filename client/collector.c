/* collector.c - what all collectors do alike: options, the socket's path, the last word
 *
 * The reply is only searched for two words. Ends the program for --help, --version and wrong usage, and dies
 * of nothing else.
 */
#include "collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_WRONG_USAGE = 2 };

static bool failed(const struct client *c)
{
    return c->error[0] != 0;
}

/* *i is then the last argument that belongs to it. */
static bool take_flag(int argc, char *const argv[], int *i, const struct client_flag *flags)
{
    for (; flags != NULL && flags->name != NULL; flags++)
        if (strcmp(argv[*i], flags->name) == 0) {
            if (flags->value != NULL && *i + 1 >= argc)
                return false;
            if (flags->value != NULL)
                *flags->value = argv[++*i];
            if (flags->given != NULL)
                *flags->given = true;
            return true;
        }
    return false;
}

static bool is_option(const char *arg, const struct client_flag *flags)
{
    while (flags != NULL && flags->name != NULL && strcmp(arg, flags->name) != 0)
        flags++;
    return flags != NULL && flags->name != NULL;
}

/* The last argument, where a path there is nothing else. */
static bool is_socket(const char *arg, const char *known, const struct client_words *words)
{
    return arg[0] == '/' && (words == NULL || !*words->unsent || text_same(arg, known));
}

void client_open(struct client *c, int argc, char *const argv[], const char *help,
                 const struct client_flag *flags)
{
    client_open_words(c, argc, argv, help, flags, NULL);
}

void client_open_words(struct client *c, int argc, char *const argv[], const char *help,
                       const struct client_flag *flags, struct client_words *words)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *program = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "collector";
    const char *path = getenv("GARNET_SOCKET");

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
        if (i == argc - 1 && is_socket(argv[i], path, words)) {
            c->path = path = argv[i];
        } else if (words != NULL && argv[i][0] != '-') {
            words->v[words->n++] = argv[i];
        } else if (!take_flag(argc, argv, &i, flags)) {
            (void)fprintf(stderr, "%s: %s \"%s\"\n%s", program,
                          is_option(argv[i], flags) ? "nothing follows" : "unknown argument",
                          argv[i], help);
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

bool client_exchange(struct client *c, struct why *why)
{
    static const char ACK[] = "{\"ack\":true}\n";
    bool sent, good = false;

    if (client_is_over(c))
        client_disconnect(c);
    buf_reset(&c->reply);
    sent = client_send(c, c->out.p != NULL ? c->out.p : "", c->out.n) &&
           client_send(c, ACK, sizeof ACK - 1);
    buf_reset(&c->out);
    if (!failed(c) && (sent ? client_reply_line(c) : client_reply(c))) {
        c->reply.p[strcspn(c->reply.p, "\n")] = 0;
        good = all_accepted(c->reply.p) && !c->cut_short;
        if (!good)
            (void)why_set(why, "not everything was accepted: %.300s", visible(c->reply.p));
    } else {
        (void)why_set(why, "%s", visible(c->error));
    }
    if (failed(c) || c->cut_short)
        client_disconnect(c);
    return good;
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
