/* base/random.c - without a wait: before the kernel's pool is ready, it takes what there is */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/log.h"

uint64_t random_u64(void)
{
    uint64_t v = 0;
    unsigned flags = GRND_NONBLOCK;

    while (getrandom(&v, sizeof v, flags) != (ssize_t)sizeof v) {
        if (errno == EINTR)
            continue;
        if (flags != GRND_NONBLOCK)
            fatal("cannot get random bytes from the kernel: %m");
        flags = GRND_INSECURE;
    }
    return v;
}
