/* host.c - files that stay open
 *
 * A file below /proc is made anew by each read from its beginning, so it is opened once. One that cannot be read any
 * more (its device is gone, its file system was mounted anew) is opened again, once a round.
 */
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"

enum { PATH_MOST = 4096 };

uint64_t host_socket_page(const char *release, uint64_t page)
{
    return strtoul(release, NULL, 10) < 6 ? 4096 : page;
}

void host_start(struct host *h, const char *proc, const char *sys)
{
    long page = sysconf(_SC_PAGESIZE), ticks = sysconf(_SC_CLK_TCK);
    struct utsname name;

    *h = (struct host){.proc = proc, .sys = sys, .root = ""};
    h->page = page > 0 ? (uint64_t)page : 0;
    h->ticks = ticks > 0 ? (uint64_t)ticks : 0;
    h->socket_page = uname(&name) == 0 ? host_socket_page(name.release, h->page) : 0;
}

void host_free(struct host *h)
{
    for (size_t i = 0; i < h->nfiles; i++) {
        fd_close(&h->files[i].fd);
        buf_free(&h->files[i].text);
    }
    chosen_free(&h->chosen);
    samples_free(&h->out);
}

void host_begin(struct host *h)
{
    samples_reset(&h->out);
    h->round++;
}

bool host_read(struct host *h, const struct subject *s)
{
    h->at = s;
    h->why.text[0] = 0;
    h->more = 0;
    h->absent = h->sound = true;
    s->read(h);
    if (!samples_ok(&h->out))
        host_complain(h, "out of memory");
    h->absent = h->absent && h->why.text[0] != 0;
    if (h->more > 0)
        (void)why_set(&h->why, "%s (and %u more)", h->why.text, h->more);
    return h->why.text[0] == 0;
}

static void __attribute__((format(printf, 2, 0)))
complain(struct host *h, const char *fmt, va_list ap)
{
    if (h->why.text[0] == 0)
        (void)why_setv(&h->why, fmt, ap);
    else
        h->more++;
}

void host_complain(struct host *h, const char *fmt, ...)
{
    va_list ap;

    h->absent = h->sound = false;
    va_start(ap, fmt);
    complain(h, fmt, ap);
    va_end(ap);
}

void host_miss(struct host *h, const char *fmt, ...)
{
    va_list ap;

    h->sound = false;
    va_start(ap, fmt);
    complain(h, fmt, ap);
    va_end(ap);
}

void host_remark(struct host *h, const char *fmt, ...)
{
    va_list ap;

    h->absent = false;
    va_start(ap, fmt);
    complain(h, fmt, ap);
    va_end(ap);
}

/* --- files --- */

/* What of a name below /proc stands behind the number of the process that it is about; NULL: it is about none. */
static const char *of_process(const char *name)
{
    if (strncmp(name, "/proc/net/", strlen("/proc/net/")) == 0)
        return name + strlen("/proc");
    if (strncmp(name, "/proc/self/", strlen("/proc/self/")) == 0)
        return name + strlen("/proc/self");
    return NULL;
}

const char *host_path(const struct host *h, const char *name, char *path, size_t size)
{
    bool sys = strncmp(name, "/sys/", 5) == 0;
    const char *rest = strcmp(h->proc, "/proc") != 0 ? of_process(name) : NULL;

    if (rest != NULL) {
        (void)snprintf(path, size, "%s/1/net", h->proc);
        if (access(path, F_OK) == 0) {
            (void)snprintf(path, size, "%s/1%s", h->proc, rest);
            return path;
        }
    }
    (void)snprintf(path, size, "%s%s", sys ? h->sys : h->proc,
                   name + (sys ? strlen("/sys") : strlen("/proc")));
    return path;
}

static struct host_file *file_named(struct host *h, const char *name)
{
    for (size_t i = 0; i < h->nfiles; i++)
        if (strcmp(h->files[i].name, name) == 0)
            return &h->files[i];
    if (h->nfiles == HOST_FILES)
        return NULL;
    h->files[h->nfiles] = (struct host_file){.name = name, .fd = -1, .text.max = HOST_FILE_MOST};
    return &h->files[h->nfiles++];
}

static bool read_open(struct host_file *f)
{
    buf_reset(&f->text);
    f->error = fd_read_all(f->fd, 0, &f->text) == 0 ? 0 : errno;
    if (f->error != 0)
        fd_close(&f->fd);
    return f->error == 0;
}

static void read_file(const struct host *h, struct host_file *f)
{
    char path[PATH_MOST];

    f->round = h->round;
    f->opened = true;
    if (f->fd >= 0 && read_open(f))
        return;
    f->fd = open(host_path(h, f->name, path, sizeof path), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    f->opened = f->fd >= 0;
    if (f->opened)
        (void)read_open(f);
    else
        f->error = errno;
}

/* NULL, with a complaint: there are more than a test has ever read. */
static const struct host_file *get_file(struct host *h, const char *name)
{
    struct host_file *f = file_named(h, name);

    if (f == NULL)
        host_complain(h, "%s: too many files", name);
    else if (f->round != h->round)
        read_file(h, f);
    return f;
}

/* What is switched off may be there, and say so as it is opened or read: /proc/pressure with psi=0. */
static bool is_absent(const struct host_file *f)
{
    return f->error == EOPNOTSUPP || (!f->opened && f->error == ENOENT);
}

bool host_text(struct host *h, const char *name, struct str *text)
{
    const struct host_file *f = get_file(h, name);
    char path[PATH_MOST];

    if (f == NULL)
        return false;
    *text = (struct str){f->text.p, f->text.n};
    if (f->error == 0)
        return true;
    (void)host_path(h, name, path, sizeof path);
    errno = f->error;
    if (is_absent(f))
        host_miss(h, "cannot %s %s: %m", f->opened ? "read" : "open", path);
    else
        host_complain(h, "cannot %s %s: %m", f->opened ? "read" : "open", path);
    return false;
}

bool host_text_if_any(struct host *h, const char *name, struct str *text)
{
    const struct host_file *f = get_file(h, name);

    return f != NULL && !is_absent(f) && host_text(h, name, text);
}

/* --- numbers --- */

static bool scaled(const struct host *h, enum scale scale, uint64_t *v)
{
    switch (scale) {
    case KIBIBYTES:
    case SAID_KIBIBYTES:
        return !__builtin_mul_overflow(*v, 1024, v);
    case SECTORS:
        return !__builtin_mul_overflow(*v, 512, v);
    case PAGES:
        return h->page > 0 && !__builtin_mul_overflow(*v, h->page, v);
    case SOCKET_PAGES:
        return h->socket_page > 0 && !__builtin_mul_overflow(*v, h->socket_page, v);
    case TICKS:
    case TICKS_TO_US: {
        uint64_t unit = scale == TICKS ? 1000 : 1000000;
        uint64_t rest = h->ticks > 0 ? *v % h->ticks * unit / h->ticks : 0;

        return h->ticks > 0 && !__builtin_mul_overflow(*v / h->ticks, unit, v) &&
               !__builtin_add_overflow(*v, rest, v);
    }
    case NANOSECONDS:
        *v /= 1000;
        break;
    case AS_IS:
        break;
    }
    return true;
}

void host_u64(struct host *h, const struct figure *f, uint64_t v)
{
    if (scaled(h, f->scale, &v))
        samples_u64(&h->out, f, v);
    else
        host_complain(h, "%s: %s is beyond 64 bits", f->file, f->field);
}

void host_older(struct host *h, const struct figure *f, uint64_t v)
{
    if (scaled(h, f->older.scale, &v))
        samples_u64(&h->out, f, v);
    else
        host_complain(h, "%s: %s is beyond 64 bits", f->older.file, f->older.field);
}

bool host_tags(struct host *h, const struct str values[FIGURE_TAGS])
{
    if (samples_tags(&h->out, values))
        return true;
    if (samples_ok(&h->out)) /* else host_read() says so */
        host_complain(h, "a name of %zu bytes: it cannot be sent", values[0].n);
    return false;
}

bool host_tag(struct host *h, struct str value)
{
    return host_tags(h, (const struct str[FIGURE_TAGS]){value});
}
