/* convert/asked.c - pure, but for a look whether a descriptor is open: without one all that comes would count as killed */
#include "convert/asked.h"

#include <fcntl.h>

#include "base/number.h"
#include "convert/formats.h"

enum { STATUS_MOST = 255, FD_MOST = 1 << 20 };

/* The number behind an option. */
static bool option_number(char *const argv[], int argc, int *i, int64_t most, int *n,
                          struct why *why)
{
    const char *option = argv[*i];
    int64_t v = -1;

    if (++*i >= argc)
        return why_set(why, "%s needs a number behind it", option);
    if (!units_int(argv[*i], &v, why))
        return why_set(why, "%s %.40s: %s", option, argv[*i], why->text);
    if (v < 0 || v > most)
        return why_set(why, "%s %.40s: it is from 0 to %d", option, argv[*i], (int)most);
    *n = (int)v;
    return true;
}

static bool take_word(struct asked *a, const char *word, bool socket, struct why *why)
{
    if (a->format == NULL) {
        a->format = format_named(word);
        return a->format != NULL || why_set(why, "no format \"%.40s\"", word);
    }
    if (!socket || a->socket != NULL)
        return why_set(why, "%.60s: there is nothing else to name", word);
    a->socket = word;
    return true;
}

bool asked_read(struct asked *a, int argc, char *const argv[], bool socket, struct why *why)
{
    *a = (struct asked){.status = FORMAT_STATUS_UNKNOWN, .status_fd = -1};
    for (int i = 1; i < argc; i++) {
        bool good;

        if (strcmp(argv[i], "--status") == 0)
            good = option_number(argv, argc, &i, STATUS_MOST, &a->status, why);
        else if (strcmp(argv[i], "--status-fd") == 0)
            good = option_number(argv, argc, &i, FD_MOST, &a->status_fd, why);
        else if (argv[i][0] == '-')
            return why_set(why, "unknown option %.60s", argv[i]);
        else
            good = take_word(a, argv[i], socket, why);
        if (!good)
            return false;
    }
    if (a->status_fd >= 0 && a->status != FORMAT_STATUS_UNKNOWN)
        return why_set(why, "--status and --status-fd are two answers to one question: give one");
    if (a->status_fd >= 0 && fcntl(a->status_fd, F_GETFD) < 0)
        return why_set(why, "--status-fd %d: nothing is open there", a->status_fd);
    return a->format != NULL || why_set(why, "name the format of the input");
}
