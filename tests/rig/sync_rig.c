/* tests/rig/sync_rig.c - the linker's --wrap leads fdatasync() here, in the helper too, which is a fork of the test */
#include "rig/sync_rig.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct sync_rig sync_rig;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
    struct failing_disk *disk = sync_rig.disk;

    if (disk != NULL && disk->works_first > 0)
        disk->works_first--;
    else if (disk != NULL && disk->fails > 0) {
        disk->fails--;
        if (disk->dies)
            raise(SIGKILL);
        errno = EIO;
        return -1;
    }
    if (disk != NULL)
        disk->synced++;
    return __real_fdatasync(fd);
}

static void note_answer(void *arg, enum sync_verdict v, uint64_t seq, int error)
{
    struct sync_rig *r = arg;

    cr_assert_geq(seq, r->answer.seq);
    cr_assert_eq(v == SYNC_SAFE, error == 0);
    r->answer.verdict = v;
    r->answer.seq = seq;
    r->answer.error = error;
    r->answer.calls++;
}

static uint64_t seal_writer(void *arg)
{
    struct sync_rig *r = arg;

    if (r->before_seal != NULL)
        r->before_seal();
    return r->writer != NULL ? append_seal(r->writer) : 0;
}

static void note_reserved(void *arg, const struct reserve_file *file)
{
    struct sync_rig *r = arg;

    r->reserved = *file;
    append_reserved(r->writer, file);
}

void sync_rig_start_helper(int dirfd, uint64_t seq)
{
    struct sync_events events = {&sync_rig, note_answer, seal_writer, note_reserved};

    sync_rig.disk = mmap(NULL, sizeof *sync_rig.disk, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(sync_rig.disk, MAP_FAILED);
    sync_rig.loop = loop_new();
    cr_assert_not_null(sync_rig.loop);
    sync_rig.sync = sync_start(sync_rig.loop, dirfd, seq, &events);
    cr_assert_not_null(sync_rig.sync);
}

void sync_rig_start(int64_t segment_size)
{
    sync_rig.writer = open_writer(segment_size);
    sync_rig_start_helper(append_dirfd(sync_rig.writer), append_begun(sync_rig.writer));
}

void sync_rig_stop(int timeout_ms)
{
    sync_stop(sync_rig.sync, timeout_ms);
    sync_rig.sync = NULL;
}

void sync_rig_end(void)
{
    if (sync_rig.sync != NULL)
        sync_rig_stop(5000);
    if (sync_rig.loop != NULL)
        loop_free(sync_rig.loop);
    append_close(sync_rig.writer);
    spool_dir_remove();
}

void ask_sync(void)
{
    sync_request(sync_rig.sync, append_segment(sync_rig.writer), append_next_seq(sync_rig.writer));
}

void put_frame_and_ask_sync(uint32_t count)
{
    put_frame(sync_rig.writer, count);
    ask_sync();
}

void wait_synced(uint64_t seq)
{
    int64_t end = clock_mono() + 20 * NS_PER_S;

    while (sync_rig.answer.seq < seq) {
        cr_assert_lt(clock_mono(), end, "not synced in 20 s");
        loop_turn(sync_rig.loop, NS_PER_S);
    }
}

void wait_answers(unsigned calls)
{
    int64_t end = clock_mono() + 20 * NS_PER_S;

    while (sync_rig.answer.calls < calls) {
        cr_assert_lt(clock_mono(), end, "no answer in 20 s");
        loop_turn(sync_rig.loop, NS_PER_S);
    }
}

pid_t helper_pid(void)
{
    char path[64];
    long pid = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    cr_assert_not_null(f = fopen(path, "re"));
    if (fscanf(f, "%ld", &pid) != 1)
        pid = 0;
    fclose(f);
    return (pid_t)pid;
}

void wait_helper_reaped(pid_t pid)
{
    while (helper_pid() == pid) /* until the loop has reaped it */
        loop_turn(sync_rig.loop, NS_PER_S);
}
