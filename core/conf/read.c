/* conf/read.c - a look at who could alter it, at most a MiB; or a question to processes that may hang
 *
 * The reason of what cannot be read is a clause that fits after "FILE: ".
 */
#include "conf/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/trust.h"
#include "conf/askers.h"
#include "conf/facts.h"
#include "conf/learn.h"

enum { MAX_FILE = 1 << 20 };

const char READ_MISSING[] = "does not exist";

const char *read_error(struct arena *a, int err)
{
    if (err == ENOENT || err == ENOTDIR)
        return READ_MISSING;
    return arena_printf(a, "cannot be read: %s", strerror(err));
}

static const char *read_into(struct snapshot *s, struct snapshot_file *f, int fd)
{
    struct buf b = {.max = MAX_FILE};
    struct stat st;
    const char *error = NULL;
    char *text;

    if (fstat(fd, &st) != 0)
        return read_error(&s->arena, errno);
    if (!S_ISREG(st.st_mode))
        return "is not a regular file";
    if (fd_read_all(fd, -1, &b) < 0)
        error = errno == EFBIG ? "is larger than 1 MiB" : read_error(&s->arena, errno);
    else if ((text = arena_strndup(&s->arena, b.n > 0 ? b.p : "", b.n)) != NULL)
        f->text = (struct str){text, b.n};
    buf_free(&b);
    return error;
}

/* Who can write a configuration is whoever it makes: garnetd, at the least. A descriptor, or -1 and
 * *error. O_NONBLOCK: a FIFO that nobody writes must not hold us. */
int read_open(struct snapshot *s, const char *path, int flags, const char **error)
{
    const struct trust t = {.users = {geteuid(), (uid_t)-1}, .own_group = learn_own_group};
    struct trust_fault f;
    struct why why;
    int fd = trust_open(&t, path, flags | O_NONBLOCK | O_NOCTTY, &f);

    if (fd >= 0)
        return fd;
    if (f.verdict == TRUST_ERROR) {
        *error = read_error(&s->arena, errno);
    } else {
        trust_describe(&f, path, &why);
        *error = arena_strdup(&s->arena, why.text);
    }
    return -1;
}

void read_file(struct snapshot *s, struct snapshot_file *f)
{
    int fd;

    f->error = NULL;
    fd = read_open(s, f->path, O_RDONLY, &f->error);

    if (fd < 0)
        return;
    f->error = read_into(s, f, fd);
    close(fd);
}

/* --- collectors' files: any of them may be on a file system that does not answer --- */

/* '=' and the text, or '!' and why it cannot be read. */
static void read_text(const char *path, struct buf *out)
{
    struct snapshot s = {0};
    struct snapshot_file f = {.path = path, .text = {"", 0}};

    read_file(&s, &f);
    buf_putc(out, f.error != NULL ? '!' : '=');
    if (f.error != NULL)
        buf_puts(out, f.error);
    else
        buf_putstr(out, f.text);
    out->failed |= !arena_ok(&s.arena);
    snapshot_free(&s);
}

static void take_answered(struct snapshot_file *f, const struct question *q)
{
    f->unread = false;
    f->error = NULL;
    if (*q->answer == '=')
        f->text = (struct str){q->answer + 1, q->n - 1};
    else if (*q->answer == '!')
        f->error = q->answer + 1;
    else
        f->error = fact_error(q->answer);
}

/* Without memory or processes the arena has failed. */
void read_unread(struct snapshot *s, struct asking *of)
{
    struct questions all = {
        .a = &s->arena, .learn = read_text, .table = of->table, .waited_ms = &of->waited_ms};
    size_t n = 0;

    for (const struct snapshot_file *f = s->files; f != NULL; f = f->next)
        n += f->unread;
    if (n == 0 || (all.q = calloc(n, sizeof *all.q)) == NULL) {
        s->arena.failed |= n > 0;
        return;
    }
    for (const struct snapshot_file *f = s->files; f != NULL; f = f->next)
        if (f->unread)
            all.q[all.n++].key = f->path;
    s->arena.failed |= !askers_ask(&all);
    n = 0;
    for (struct snapshot_file *f = s->files; f != NULL && arena_ok(&s->arena); f = f->next)
        if (f->unread)
            take_answered(f, &all.q[n++]);
    free(all.q);
}
