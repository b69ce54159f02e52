/* conf/script.c - looks at a program as execve() does
 *
 * The order is the kernel's: the file itself, its mount, its first bytes, then the interpreter or
 * the loader that these name, in the same way. What cannot be read is not judged: a program needs
 * no right to be read. The same goes for what binfmt_misc may know how to run. Dies of nothing.
 */
#include "conf/script.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/path.h"

enum { HEAD = 256 /* as many bytes as the kernel reads */, SCRIPTS_MOST = 4 /* in a row */ };
#define BOM "\xef\xbb\xbf"

struct head {
    int fd;
    size_t n;
    union {
        char s[HEAD + 1];
        ElfW(Ehdr) elf;
    } u;
};

/* --- any file --- */

static bool file_fault(const char *path, struct why *why)
{
    struct statvfs fs;
    struct stat st;

    if (stat(path, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? !why_set(why, "does not exist")
                   : !why_set(why, "cannot be reached: %s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return !why_set(why, "is a folder: give the program's path");
    if (!S_ISREG(st.st_mode))
        return !why_set(why, "is not a regular file");
    if ((st.st_mode & 0111) == 0)
        return !why_set(why, "is not executable: chmod +x it");
    if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOEXEC) != 0)
        return !why_set(why, "is on a file system that is mounted noexec: move it to another one, "
                             "or mount that without noexec");
    return false;
}

static bool read_start(struct head *h, const char *path)
{
    ssize_t n;

    h->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (h->fd < 0)
        return false;
    n = fd_read_at(h->fd, h->u.s, HEAD, 0);
    h->n = n < 0 ? 0 : (size_t)n;
    h->u.s[h->n] = 0;
    if (n < 0)
        fd_close(&h->fd);
    return n >= 0;
}

/* Whether the kernel knows other formats: ours is then not the last word. Read by hand, since opendir(3) allocates,
 * and we may be a collector's process before its exec (base/starter.h). */
static bool other_formats(void)
{
    _Alignas(struct dirent64) char room[4096];
    int dir = open("/proc/sys/fs/binfmt_misc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool some = false;
    ssize_t n;

    while (dir >= 0 && (n = getdents64(dir, room, sizeof room)) > 0)
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *d = (const void *)(room + at);

            some |= d->d_name[0] != '.' && strcmp(d->d_name, "register") != 0 &&
                    strcmp(d->d_name, "status") != 0;
            at += d->d_reclen;
        }
    fd_close(&dir);
    return some;
}

/* --- binaries --- */

static bool runs_here(unsigned machine)
{
    struct head own;

    if (!read_start(&own, "/proc/self/exe"))
        return true;
    fd_close(&own.fd);
    return machine == own.u.elf.e_machine ||
           (own.u.elf.e_machine == EM_X86_64 && machine == EM_386) ||
           (own.u.elf.e_machine == EM_AARCH64 && machine == EM_ARM);
}

/* "No such file" is most often that of another libc. Only our own class is read. */
static bool loader_fault(const struct head *h, struct why *why)
{
    const ElfW(Ehdr) *e = &h->u.elf;
    char name[PATH_MAX];
    struct why inner;
    ElfW(Phdr) p;

    for (unsigned i = 0; i < e->e_phnum && e->e_phentsize == sizeof p; i++) {
        if (pread(h->fd, &p, sizeof p, (off_t)(e->e_phoff + i * sizeof p)) != (ssize_t)sizeof p)
            return false;
        if (p.p_type != PT_INTERP)
            continue;
        if (p.p_filesz < 2 || p.p_filesz > sizeof name ||
            pread(h->fd, name, p.p_filesz, (off_t)p.p_offset) != (ssize_t)p.p_filesz)
            return false;
        name[p.p_filesz - 1] = 0;
        return file_fault(name, &inner) &&
               !why_set(why,
                        "needs the loader %.120s, which %.60s: it was built for another system",
                        name, inner.text);
    }
    return false;
}

static bool elf_fault(const struct head *h, struct why *why)
{
    const ElfW(Ehdr) *e = &h->u.elf;

    if (h->n < sizeof *e)
        return !other_formats() && !why_set(why, "is cut short: it is not a whole program");
    if (!runs_here(e->e_machine))
        return !other_formats() && !why_set(why, "is a program for another kind of machine");
    if (e->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return false;
    return loader_fault(h, why);
}

/* --- scripts --- */

static bool in_search(const char *search, const char *name)
{
    char path[PATH_MAX];
    struct why ignored;

    for (size_t n; *search != 0; search += n + (search[n] == ':')) {
        n = strcspn(search, ":");
        if (n > 0 &&
            (size_t)snprintf(path, sizeof path, "%.*s/%s", (int)n, search, name) < sizeof path &&
            !file_fault(path, &ignored))
            return true;
    }
    return false;
}

/* "#!/usr/bin/env python3". What follows env is one argument, whatever blanks it has. */
static bool env_fault(char *arg, const char *search, struct why *why)
{
    size_t n = strcspn(arg, " \t");
    bool several = arg[n] != 0;

    if (strncmp(arg, "-S", 2) == 0) {
        arg += 2 + strspn(arg + 2, " \t");
        arg[strcspn(arg, " \t")] = 0;
    } else if (*arg != '-' && several) {
        return !why_set(
            why,
            "gives env the one argument \"%.60s\" in its first line: write #!/usr/bin/env -S %.60s",
            arg, arg);
    }
    if (*arg == 0 || strpbrk(arg, "-/='\"\\$") == arg || strpbrk(arg, "/='\"\\$") != NULL)
        return false;
    return !in_search(search, arg) &&
           !why_set(why,
                    "names the interpreter %.60s in its first line, which is not in PATH, %.100s",
                    arg, search);
}

static bool program_fault(const char *path, const char *search, int scripts, struct why *why);

static bool interpreter_fault(const char *name, const char *search, int scripts, struct why *why)
{
    struct why inner;

    if (*name == 0)
        return !why_set(why, "names no interpreter behind the #! of its first line");
    if (strchr(name, '/') == NULL)
        return !why_set(
            why,
            "names its interpreter without a path in its first line: write #!/usr/bin/env %.100s",
            name);
    if (scripts == SCRIPTS_MOST)
        return !why_set(why, "has an interpreter that is a script, and so on: %d are too many",
                        scripts);
    return *name == '/' && program_fault(name, search, scripts + 1, &inner) &&
           !why_set(why, "names the interpreter %.100s in its first line, which %.100s", name,
                    inner.text);
}

/* perl alone takes a carriage return behind its options. */
static bool cr_fault(const char *name, const char *arg, struct why *why)
{
    const char *last = *arg != 0 ? arg : name;
    size_t n = strlen(last);

    if (n == 0 || last[n - 1] != '\r' || (*arg == '-' && strncmp(path_base(name), "perl", 4) == 0))
        return false;
    return !why_set(why, "has a carriage return at the end of its first line, as files from "
                         "Windows have: remove them all, sed -i 's/\\r$//' FILE");
}

static void trim(char *s)
{
    size_t n = strlen(s);

    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        s[--n] = 0;
}

/* `line` is what stands behind the "#!". */
static bool line_fault(char *line, const char *search, int scripts, struct why *why)
{
    bool whole = strchr(line, '\n') != NULL || strlen(line) < HEAD - 2;
    char *name = line + strspn(line, " \t"), *arg;

    line[strcspn(line, "\n")] = 0;
    trim(name);
    arg = name + strcspn(name, " \t");
    if (*arg == 0 && !whole)
        return !why_set(why,
                        "names an interpreter in its first line that is too long for the system");
    while (*arg == ' ' || *arg == '\t')
        *arg++ = 0;
    if (cr_fault(name, arg, why) || interpreter_fault(name, search, scripts, why))
        return true;
    return whole && search != NULL && strcmp(path_base(name), "env") == 0 &&
           env_fault(arg, search, why);
}

/* --- all --- */

static bool head_fault(struct head *h, const char *search, int scripts, struct why *why)
{
    const char *s = h->u.s;

    if (strncmp(s, "#!", 2) == 0)
        return line_fault(h->u.s + 2, search, scripts, why);
    if (strncmp(s, ELFMAG, SELFMAG) == 0)
        return elf_fault(h, why);
    if (h->n == 0)
        return !why_set(why, "is empty");
    if (strncmp(s, BOM "#!", 5) == 0)
        return !why_set(why, "has a byte order mark before its #!: save it as UTF-8 without one");
    return !other_formats() &&
           !why_set(
               why,
               "has no first line that names its interpreter: begin it with one such as #!/bin/sh");
}

static bool program_fault(const char *path, const char *search, int scripts, struct why *why)
{
    struct head h;
    bool wrong;

    if (file_fault(path, why))
        return true;
    if (!read_start(&h, path))
        return false;
    wrong = head_fault(&h, search, scripts, why);
    fd_close(&h.fd);
    return wrong;
}

bool script_fault(const char *path, const char *search, struct why *why)
{
    return program_fault(path, search, 0, why);
}
