/* plugintest/elf.c - which symbols a shared object exports, and which it wants from others
 *
 * Reads the file's section .dynsym; nothing of it is loaded or run. Every offset is checked against
 * the size of the file, so a damaged one gives a sentence. dlopen() in this program finds more than
 * it would in a worker, which is linked to fewer libraries: hence elf_resolves(), which asks only
 * the object and what it names itself.
 */
#include "plugintest/elf.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
    const char *p;
    size_t n;
};

static const void *bytes_at(const struct image *i, size_t offset, size_t size)
{
    return offset <= i->n && size <= i->n - offset ? i->p + offset : NULL;
}

static bool map_image(const char *file, struct image *i, struct why *why)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        (void)why_set(why, "cannot be read: %s",
                      fd >= 0 && errno == 0 ? "it is empty" : strerror(errno));
    else
        *i = (struct image){p, (size_t)st.st_size};
    if (fd >= 0)
        (void)close(fd);
    return p != MAP_FAILED;
}

static const ElfW(Shdr) * sections(const struct image *i, size_t *n)
{
    const ElfW(Ehdr) *e = bytes_at(i, 0, sizeof *e);

    if (e == NULL || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 || e->e_type != ET_DYN ||
        e->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        e->e_shentsize != sizeof(ElfW(Shdr)))
        return NULL;
    *n = e->e_shnum;
    return bytes_at(i, e->e_shoff, *n * sizeof(ElfW(Shdr)));
}

/* "__" is the compiler's and libc's own; the others are what older linkers leave. */
static bool reserved(const char *name)
{
    static const char *const old[] = {"_init", "_fini", "_edata", "_end"};

    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        if (strcmp(name, old[i]) == 0)
            return true;
    return strncmp(name, "__", 2) == 0;
}

static void hand_on(const ElfW(Sym) * sym, const char *name, const struct elf_symbols *s)
{
    unsigned bind = ELF64_ST_BIND(sym->st_info);

    if (*name == 0 || reserved(name))
        return;
    if (sym->st_shndx == SHN_UNDEF) {
        if (bind == STB_GLOBAL && s->wanted != NULL)
            s->wanted(s->arg, name);
    } else if (bind != STB_LOCAL && ELF64_ST_VISIBILITY(sym->st_other) != STV_HIDDEN &&
               s->defined != NULL) {
        s->defined(s->arg, name, bind != STB_GLOBAL);
    }
}

static bool read_symbols(const struct image *i, const ElfW(Shdr) * symtab,
                         const ElfW(Shdr) * strtab, const struct elf_symbols *s)
{
    const ElfW(Sym) *sym = bytes_at(i, symtab->sh_offset, symtab->sh_size);
    const char *names = bytes_at(i, strtab->sh_offset, strtab->sh_size);

    if (sym == NULL || names == NULL || strtab->sh_size == 0 || names[strtab->sh_size - 1] != 0)
        return false;
    for (size_t k = 0; k < symtab->sh_size / sizeof *sym; k++)
        if (sym[k].st_name < strtab->sh_size)
            hand_on(&sym[k], names + sym[k].st_name, s);
    return true;
}

static bool read_image(const struct image *i, const struct elf_symbols *s)
{
    size_t n = 0;
    const ElfW(Shdr) *section = sections(i, &n);

    for (size_t k = 0; section != NULL && k < n; k++)
        if (section[k].sh_type == SHT_DYNSYM && section[k].sh_link < n)
            return read_symbols(i, &section[k], &section[section[k].sh_link], s);
    return false;
}

bool elf_read(const char *file, const struct elf_symbols *s, struct why *why)
{
    struct image i;
    bool ok;

    errno = 0;
    if (!map_image(file, &i, why))
        return false;
    ok = read_image(&i, s);
    if (!ok)
        (void)why_set(why, "is not a shared object for this machine");
    (void)munmap((void *)i.p, i.n);
    return ok;
}

bool elf_resolves(void *handle, const char *name)
{
    (void)dlerror();
    return dlsym(handle, name) != NULL || dlerror() == NULL;
}
