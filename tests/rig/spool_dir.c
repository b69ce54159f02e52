/* tests/rig/spool_dir.c - the folder is in /tmp, and what is done to a segment is done by its name */
#include "rig/spool_dir.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/why.h"
#include "rig/files.h"

struct spool_dir spool_dir = {"/tmp/garnet-spool-XXXXXX", -1};

void spool_dir_make(void)
{
    cr_assert_not_null(mkdtemp(spool_dir.path));
    spool_dir.fd = open(spool_dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(spool_dir.fd, 0);
}

void spool_dir_remove(void)
{
    close(spool_dir.fd);
    remove_tree(spool_dir.path);
}

struct append *open_writer_with(int64_t segment_size, int64_t max_size, int64_t max_age)
{
    struct append_config c = {spool_dir.path, segment_size, max_size, max_age, 0};
    struct why why = {0};
    struct append *a = append_open(&c, &why);

    cr_assert_not_null(a, "append_open: %s", why.text);
    return a;
}

struct append *open_writer(int64_t segment_size)
{
    return open_writer_with(segment_size, 0, 0);
}

size_t pattern_size(uint32_t count)
{
    return (size_t)count * 3 + 1;
}

unsigned char pattern_byte(uint64_t seq, size_t i)
{
    return (unsigned char)((seq * 131 + i * 7 + 3) & 255);
}

int try_put_frame(struct append *a, uint32_t count)
{
    size_t n = pattern_size(count);
    unsigned char *p = malloc(n);
    uint64_t end = 0, seq = append_next_seq(a);
    int r;

    cr_assert_not_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = pattern_byte(seq, i);
    r = append_frame(a, p, n, count, &end);
    free(p);
    if (r == 0)
        cr_assert_eq(end, seq + count);
    return r;
}

void put_frame(struct append *a, uint32_t count)
{
    cr_assert_eq(try_put_frame(a, count), 0, "append_frame: %s", strerror(errno));
}

static void check_frame(const struct tail_frame *f)
{
    const unsigned char *p = f->payload;

    cr_assert_eq((uintptr_t)p % 8, 0);
    cr_assert_eq(f->length, pattern_size(f->count));
    for (size_t i = 0; i < f->length; i++)
        cr_assert_eq(p[i], pattern_byte(f->seq, i));
}

enum tail_result read_step(struct tail *t, struct read_total *n)
{
    struct tail_frame f;
    enum tail_result r = tail_next(t, &f);

    cr_assert_neq(r, TAIL_ERROR, "tail_next: %s", strerror(errno));
    if (r == TAIL_LOST) {
        cr_assert_eq(f.seq, n->next);
        cr_assert_gt(f.lost, 0);
        n->next += f.lost;
        *(f.reason == TAIL_EXPIRED ? &n->expired : &n->damaged) += f.lost;
    } else if (r == TAIL_FRAME) {
        check_frame(&f);
        cr_assert(f.seq == n->next || (n->frames == 0 && f.seq < n->next));
        cr_assert_gt(f.seq + f.count, n->next);
        n->delivered += f.seq + f.count - n->next;
        n->next = f.seq + f.count;
        n->frames++;
    }
    return r;
}

void read_all(struct tail *t, struct read_total *n)
{
    while (read_step(t, n) != TAIL_WAIT)
        ;
}

struct tail *tail_from(uint64_t seq, struct read_total *n)
{
    struct tail *t = tail_open(spool_dir.fd, seq);

    cr_assert_not_null(t);
    *n = (struct read_total){.next = seq};
    return t;
}

struct read_total read_all_from(uint64_t seq)
{
    struct read_total n;
    struct tail *t = tail_from(seq, &n);

    read_all(t, &n);
    tail_close(t);
    return n;
}

size_t count_segments(void)
{
    struct segment_list l;
    size_t n;

    cr_assert_eq(segment_list(spool_dir.fd, &l), 0);
    n = l.n;
    segment_list_free(&l);
    return n;
}

size_t segment_file_size(uint64_t first_seq)
{
    char name[SEGMENT_NAME];
    struct stat st;

    segment_name(name, first_seq);
    cr_assert_eq(fstatat(spool_dir.fd, name, &st, 0), 0);
    return (size_t)st.st_size;
}

ino_t segment_inode(uint64_t first_seq)
{
    char name[SEGMENT_NAME];
    struct stat st;

    segment_name(name, first_seq);
    cr_assert_eq(fstatat(spool_dir.fd, name, &st, 0), 0);
    return st.st_ino;
}

int open_segment(uint64_t first_seq)
{
    char name[SEGMENT_NAME];
    int fd;

    segment_name(name, first_seq);
    fd = openat(spool_dir.fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    cr_assert_geq(fd, 0);
    return fd;
}

void truncate_segment(uint64_t first_seq, size_t size)
{
    int fd = open_segment(first_seq);

    cr_assert_eq(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

void remove_segment(uint64_t first_seq)
{
    char name[SEGMENT_NAME];

    segment_name(name, first_seq);
    cr_assert_eq(unlinkat(spool_dir.fd, name, 0), 0);
}

void write_at(uint64_t first_seq, const void *p, size_t n, size_t at)
{
    int fd = open_segment(first_seq);

    cr_assert_eq(pwrite(fd, p, n, (off_t)at), (ssize_t)n);
    close(fd);
}

size_t end_of(unsigned frames)
{
    return SEGMENT_HEADER + (size_t)frames * FRAME_OF_10;
}

void flip_segment_bit(uint64_t first_seq, size_t byte, unsigned bit)
{
    int fd = open_segment(first_seq);
    unsigned char c;

    cr_assert_eq(pread(fd, &c, 1, (off_t)byte), 1);
    c = (unsigned char)(c ^ (1U << bit));
    cr_assert_eq(pwrite(fd, &c, 1, (off_t)byte), 1);
    close(fd);
}

void write_spool_file(const char *name, const char *text)
{
    int fd = openat(spool_dir.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

int exit_status(pid_t pid)
{
    int status;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int open_in_another_process(long holder)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct append_config c = {spool_dir.path, 4096, 0, 0, 0};
        struct why why = {0};
        char want[64];
        snprintf(want, sizeof want, "is in use by process %ld", holder);
        if (append_open(&c, &why))
            _exit(0);
        _exit(strcmp(why.text, want) == 0 ? 1 : 2);
    }
    return exit_status(pid);
}

void limit_file_size(rlim_t n)
{
    struct rlimit l;

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = n;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}
