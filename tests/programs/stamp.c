/* stamp - a collector that says when it was started: it measures the daemon and not an interpreter
 *
 * Reads the wall clock first of all, and sends one metric, `start`, with those nanoseconds as its
 * value and without a time: so the point's time is the slot that it was started for. Linked
 * statically, like anything whose own start must cost next to nothing.
 *
 * With --reply it waits for the answer and ends with 1 unless the metric was accepted. Anything else
 * that fails ends it with 111. Its last argument is the socket; others are ignored.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { REJECTED = 1, NO_SOCKET = 111 };

static int accepted(int fd)
{
    char reply[256];
    size_t n = 0;
    ssize_t got;

    while (n < sizeof reply - 1 && (got = read(fd, reply + n, sizeof reply - 1 - n)) > 0)
        n += (size_t)got;
    reply[n] = 0;
    return strncmp(reply, "{\"accepted\":1,", 14) == 0;
}

int main(int argc, char **argv)
{
    struct timespec now;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char text[64];
    int fd, n;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    n = snprintf(text, sizeof text, "{\"name\":\"start\",\"value\":%lld%09ld}\n",
                 (long long)now.tv_sec, now.tv_nsec);
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", argv[argc - 1]);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) < 0 ||
        write(fd, text, (size_t)n) != n || shutdown(fd, SHUT_WR) < 0)
        return NO_SOCKET;
    for (int i = 1; i < argc - 1; i++)
        if (strcmp(argv[i], "--reply") == 0 && !accepted(fd))
            return REJECTED;
    return 0;
}
