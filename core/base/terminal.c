/* base/terminal.c - made visible in pieces on the stack, printed by stdio
 *
 * Fails as stdio does: who cares looks at ferror(). Without memory a line says that instead. Who asks
 * for help gets it where it can be piped to a pager, whatever else is on the command line.
 */
#include "base/terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/text.h"

static void print_visible(FILE *to, struct str s)
{
    char chunk[256];
    size_t used;

    for (; s.n > 0; s.s += used, s.n -= used)
        (void)fwrite(chunk, 1, str_visible(chunk, sizeof chunk, s, &used), to);
}

void say(FILE *to, const char *fmt, ...)
{
    char *text;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        (void)fputs("out of memory\n", to);
        return;
    }
    print_visible(to, (struct str){text, (size_t)n});
    (void)fputc('\n', to);
    free(text);
}

void say_text(FILE *to, struct str text)
{
    const char *nl;

    while (text.n > 0 && (nl = memchr(text.s, '\n', text.n)) != NULL) {
        size_t n = (size_t)(nl - text.s);

        print_visible(to, (struct str){text.s, n});
        (void)fputc('\n', to);
        text.s += n + 1;
        text.n -= n + 1;
    }
    print_visible(to, text);
}

int print_bytes(const char *p, size_t n)
{
    struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};

    while (n > 0) {
        ssize_t w = write(STDOUT_FILENO, p, n);

        if (w >= 0) {
            p += w;
            n -= (size_t)w;
        } else if (errno == EAGAIN) {
            (void)poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/* --- --help and --version --- */

static int printed(const char *program)
{
    if (fflush(stdout) == 0)
        return 0;
    (void)fprintf(stderr, "%s: cannot write to standard output\n", program);
    return EXIT_WORLD;
}

int help_asked(int argc, char *const argv[], const char *program, const char *help)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(help, stdout);
            return printed(program);
        } else if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
            (void)printf("%s %s\n", program, GARNET_VERSION);
            return printed(program);
        }
    return -1;
}
