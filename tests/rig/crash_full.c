/* tests/rig/crash_full.c - each frame is known by its number: its bytes are that, too */
#include "rig/crash_full.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>

#include "base/log.h"
#include "base/why.h"
#include "spool/blocks.h"

struct full full;

static void on_begins(void *arg, uint64_t oldest)
{
    (void)arg;
    cr_assert_gt(oldest, full.begins);
    full.begins = oldest;
}

void full_open(int64_t reserve)
{
    struct append_config c = {DISK, SIZE, 0, 0, reserve};
    struct why why = {0};

    log_set_level(LOG_L_ERROR);
    full.a = append_open(&c, &why);
    cr_assert_not_null(full.a, "%s", why.text);
    full.a->folder.ev.begins = on_begins;
}

void full_make_reserve(void)
{
    struct reserve_file file;

    while (reserve_ask(&full.a->folder.reserve, &file)) {
        file.bytes = SIZE + 128; /* it asks for 64 KiB, more than there is on this disk */
        full.a->folder.reserve.asked.bytes = file.bytes;
        file.bytes = blocks_make(append_dirfd(full.a), &file);
        append_reserved(full.a, &file);
        if (file.bytes == 0)
            break;
    }
}

void full_begin(int64_t reserve)
{
    disk_reset();
    full_open(reserve);
    full_make_reserve();
}

void full_end(void)
{
    if (full.tail != NULL)
        tail_close(full.tail);
    append_close(full.a);
    for (int i = 0; i < OPENS; i++)
        cr_assert_lt(disk->opens[i].node, 0, "descriptor %d is left open", i);
}

int full_put(void)
{
    uint8_t payload[PAYLOAD];
    uint64_t seq = append_next_seq(full.a), end = 0;
    int r;

    memset(payload, (int)(seq & 0xff), sizeof payload);
    if ((r = append_frame(full.a, payload, sizeof payload, 3, &end)) == 0)
        cr_assert_eq(end, seq + 3);
    else
        cr_assert_eq(append_next_seq(full.a), seq);
    return r;
}

void full_put_many(unsigned n)
{
    while (n-- > 0)
        cr_assert_eq(full_put(), 0, "%s", strerror(errno));
}

void full_read_on(void)
{
    struct tail_frame f;
    enum tail_result r;

    if (full.tail == NULL)
        full.tail = tail_open(append_dirfd(full.a), 0);
    while ((r = tail_next(full.tail, &f)) != TAIL_WAIT) {
        cr_assert_neq(r, TAIL_ERROR);
        cr_assert_eq(f.seq, full.next);
        if (r == TAIL_LOST) {
            *(f.reason == TAIL_EXPIRED ? &full.expired : &full.damaged) += f.lost;
            full.next += f.lost;
            continue;
        }
        cr_assert_eq(f.length, PAYLOAD);
        for (size_t i = 0; i < f.length; i++)
            cr_assert_eq(((const uint8_t *)f.payload)[i], f.seq & 0xff);
        full.read += f.count;
        full.next += f.count;
    }
}

void full_all_is_read(void)
{
    full_read_on();
    cr_assert_eq(full.next, append_next_seq(full.a));
    cr_assert_eq(full.damaged, 0);
}

unsigned full_files(void)
{
    DIR *list = fdopendir(open(DISK, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *d;
    unsigned n = 0;

    while ((d = readdir(list)) != NULL)
        n += strstr(d->d_name, ".seg") != NULL;
    closedir(list);
    return n;
}
