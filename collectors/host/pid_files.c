/* pid_files.c - a file is read whole or not at all, but for a command line, of which the front will do */
#include "host/pid_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "host/fields.h"

enum {
    STAT_MOST = 4096,      /* bytes; the kernel's own threads have the longest names, 64 */
    SMALL_MOST = 4096,     /* likewise, of io and smaps_rollup */
    LINE_MOST = 128 << 10, /* what of a command line counts */
    KERNEL = 0x200000,     /* PF_KTHREAD, among the flags in stat */
};

bool pid_is_hidden(int error)
{
    return error == EACCES || error == EPERM;
}

bool pid_open(struct pid_files *f, int proc, const char *pid)
{
    f->pid = pid;
    f->living = -1;
    f->dir = openat(proc, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return f->dir >= 0;
}

void pid_close(struct pid_files *f)
{
    fd_close(&f->living);
    fd_close(&f->dir);
}

void pid_free(struct pid_files *f)
{
    pid_close(f);
    buf_free(&f->text);
}

/* Where memory and descriptors are. */
static int body(const struct pid_files *f)
{
    return f->living >= 0 ? f->living : f->dir;
}

/* What an error with a file below `at` means; errno stays. */
static enum pid_answer meaning(int at, int error)
{
    bool there = faccessat(at, "stat", F_OK, 0) == 0;

    errno = error;
    if (error == ENOENT || error == ESRCH)
        return there ? PID_NO_FILE : PID_GONE;
    return PID_DENIED;
}

static enum pid_answer read_file(struct pid_files *f, int at, const char *name, size_t most)
{
    int fd = openat(at, name, O_RDONLY | O_CLOEXEC), error = 0;

    buf_reset(&f->text);
    f->text.max = most;
    if (fd < 0 || (fd_read_all(fd, -1, &f->text) != 0 && errno != EFBIG))
        error = errno;
    fd_close(&fd);
    return error == 0 ? PID_THERE : meaning(at, error);
}

/* "PID (NAME) S PARENT ...": the name may hold anything, brackets and line ends too. */
static bool parse(struct str text, struct pid_stat *s)
{
    const char *open = text.n > 0 ? memchr(text.s, '(', text.n) : NULL;
    const char *end = text.n > 0 ? memrchr(text.s, ')', text.n) : NULL;
    uint64_t v[25] = {0};
    struct str line;

    if (open == NULL || end == NULL || end < open || end + 3 >= text.s + text.n || end[1] != ' ')
        return false;
    (void)snprintf(s->comm, sizeof s->comm, "%.*s", (int)(end - open - 1), open + 1);
    s->state = end[2];
    text.n -= (size_t)(end + 3 - text.s);
    text.s = end + 3;
    if (!field_line(&text, &line))
        return false;
    for (size_t i = 4; i < sizeof v / sizeof *v; i++) { /* as proc(5) numbers them */
        struct str word;

        if (!field_word(&line, &word))
            return false;
        if (!field_u64(word, &v[i]) &&
            (i == 4 || i == 9 || i == 14 || i == 15 || i == 20 || i == 22 || i == 24))
            return false; /* others may be negative */
    }
    s->parent = v[4];
    s->kernel = (v[9] & KERNEL) != 0;
    s->user = v[14];
    s->system = v[15];
    s->threads = v[20];
    s->start = v[22];
    s->rss = v[24];
    s->ended = (s->state == 'Z' || s->state == 'X') && s->threads <= 1;
    return true;
}

/* Another thread than the first. */
static enum pid_answer open_living(struct pid_files *f)
{
    DIR *list = fd_list(openat(f->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *e;

    if (list == NULL)
        return meaning(f->dir, errno);
    while (f->living < 0 && (e = readdir(list)) != NULL)
        if (e->d_name[0] != '.' && strcmp(e->d_name, f->pid) != 0)
            f->living = openat(dirfd(list), e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    (void)closedir(list);
    return f->living >= 0 ? PID_THERE : PID_GONE;
}

enum pid_answer pid_read_stat(struct pid_files *f, struct pid_stat *s, bool *good)
{
    enum pid_answer answer = read_file(f, f->dir, "stat", STAT_MOST);
    struct pid_stat of;

    *good = answer == PID_THERE && parse((struct str){f->text.p, f->text.n}, s);
    if (!*good || s->state != 'Z' || s->ended)
        return answer;
    /* Its first thread has ended, and has no memory any more. */
    answer = open_living(f);
    if (answer == PID_THERE)
        answer = read_file(f, f->living, "stat", STAT_MOST);
    *good = answer == PID_THERE && parse((struct str){f->text.p, f->text.n}, &of);
    if (*good)
        s->rss = of.rss;
    return answer;
}

enum pid_answer pid_read_line(struct pid_files *f)
{
    enum pid_answer answer = read_file(f, body(f), "cmdline", LINE_MOST);
    size_t n;

    if (answer != PID_THERE)
        return answer;
    for (n = f->text.n; n > 0 && f->text.p[n - 1] == 0; n--)
        ;
    for (size_t i = 0; i < n; i++)
        if (f->text.p[i] == 0)
            f->text.p[i] = ' ';
    f->text.n = n;
    f->text.max = 0;
    buf_putc(&f->text, 0);
    errno = ENOMEM;
    return buf_ok(&f->text) ? PID_THERE : PID_DENIED;
}

enum pid_answer pid_count_descriptors(struct pid_files *f, uint64_t *n)
{
    const struct dirent *e;
    struct stat st;
    DIR *list;
    int error;

    if (f->sized && fstatat(body(f), "fd", &st, 0) == 0) {
        *n = (uint64_t)st.st_size;
        return PID_THERE;
    }
    list = fd_list(openat(body(f), "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (list == NULL)
        return meaning(body(f), errno);
    for (*n = 0; errno = 0, (e = readdir(list)) != NULL;)
        *n += e->d_name[0] != '.';
    error = errno;
    (void)closedir(list);
    return error == 0 ? PID_THERE : meaning(body(f), error);
}

/* "KEY: NUMBER", in f->text. */
static bool find(const struct pid_files *f, const char *key, uint64_t *v)
{
    struct str text = {f->text.p, f->text.n}, line, name;

    while (field_line(&text, &line))
        if (field_name(&line, ':', &name) && field_is(name, key))
            return field_next(&line, v);
    return false;
}

enum pid_answer pid_read_io(struct pid_files *f, uint64_t *bytes_read, uint64_t *bytes_written)
{
    enum pid_answer answer = read_file(f, f->dir, "io", SMALL_MOST);

    return answer == PID_THERE &&
                   !(find(f, "read_bytes", bytes_read) && find(f, "write_bytes", bytes_written))
               ? PID_NO_FILE
               : answer;
}

enum pid_answer pid_read_pss(struct pid_files *f, uint64_t *kib)
{
    enum pid_answer answer = read_file(f, body(f), "smaps_rollup", SMALL_MOST);

    *kib = 0;
    if (answer == PID_NO_FILE && errno == ESRCH) /* it ends just now, and has no memory any more */
        return PID_THERE;
    return answer == PID_THERE && !find(f, "Pss", kib) ? PID_NO_FILE : answer;
}
