/* tests/unit/daemon/test_generation.c - daemon/generation.h: the file that all workers read is nobody's to change */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/generation.h"

Test(generation, the_snapshot_cannot_be_changed)
{
    char path[64], text[16] = "";
    int fd = generation_seal(str_of("the snapshot")), again;

    cr_assert(fd >= 0);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    again = open(path, O_RDWR | O_CLOEXEC);
    cr_assert(again >= 0);
    cr_assert(pwrite(again, "x", 1, 0) < 0 && errno == EPERM);
    cr_assert(pwrite(fd, "x", 1, 100) < 0 && errno == EPERM, "nor made longer");
    cr_assert(ftruncate(fd, 3) < 0 && errno == EPERM);
    cr_assert(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4) < 0);
    cr_assert(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    cr_assert(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0, "nor sealed further");
    cr_assert_eq(pread(fd, text, sizeof text, 0), 12);
    cr_assert_str_eq(text, "the snapshot");
    fd_close(&again);
    fd_close(&fd);
}
