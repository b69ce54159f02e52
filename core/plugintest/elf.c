/* plugintest/elf.c - reads the file's section .dynsym; nothing of it is loaded or run
 *
 * Every offset is checked against the size of the file, so a damaged one gives a sentence. dlopen()
 * in this program finds more than it would in a worker, which is linked to fewer libraries: hence
 * elf_resolves(), which asks only the object and what it names itself.
 */
#include "plugintest/elf.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>

#include "base/fd.h"

enum { FILE_MAX = 1 << 30 };

static const void *bytes_at(const struct buf *image, size_t offset, size_t size)
{
    return offset <= image->n && size <= image->n - offset ? image->p + offset : NULL;
}

static const ElfW(Shdr) * sections(const struct buf *image, size_t *n)
{
    const ElfW(Ehdr) *e = bytes_at(image, 0, sizeof *e);

    if (e == NULL || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 || e->e_type != ET_DYN ||
        e->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        e->e_shentsize != sizeof(ElfW(Shdr)))
        return NULL;
    *n = e->e_shnum;
    return bytes_at(image, e->e_shoff, *n * sizeof(ElfW(Shdr)));
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

static void hand_on(const ElfW(Sym) * sym, const char *name, elf_fn *fn, void *arg)
{
    unsigned bind = ELF64_ST_BIND(sym->st_info);

    if (*name == 0 || reserved(name))
        return;
    if (sym->st_shndx != SHN_UNDEF) {
        if (bind != STB_LOCAL && ELF64_ST_VISIBILITY(sym->st_other) != STV_HIDDEN)
            fn(arg, name, bind == STB_GLOBAL ? ELF_DEFINED : ELF_WEAK);
    } else if (bind == STB_GLOBAL) {
        fn(arg, name, ELF_WANTED);
    }
}

static bool read_symbols(const struct buf *image, const ElfW(Shdr) * symtab,
                         const ElfW(Shdr) * strtab, elf_fn *fn, void *arg)
{
    const ElfW(Sym) *sym = bytes_at(image, symtab->sh_offset, symtab->sh_size);
    const char *names = bytes_at(image, strtab->sh_offset, strtab->sh_size);

    if (sym == NULL || names == NULL || strtab->sh_size == 0 || names[strtab->sh_size - 1] != 0)
        return false;
    for (size_t k = 0; k < symtab->sh_size / sizeof *sym; k++)
        if (sym[k].st_name < strtab->sh_size)
            hand_on(&sym[k], names + sym[k].st_name, fn, arg);
    return true;
}

static bool read_image(const struct buf *image, elf_fn *fn, void *arg)
{
    size_t n = 0;
    const ElfW(Shdr) *section = sections(image, &n);

    for (size_t k = 0; section != NULL && k < n; k++)
        if (section[k].sh_type == SHT_DYNSYM && section[k].sh_link < n)
            return read_symbols(image, &section[k], &section[section[k].sh_link], fn, arg);
    return false;
}

bool elf_read(const char *file, elf_fn *fn, void *arg, struct why *why)
{
    struct buf image = {.max = FILE_MAX};
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    bool ok = false;

    if (fd < 0 || fd_read_all(fd, -1, &image) < 0)
        (void)why_set(why, "cannot be read: %m");
    else if (image.n == 0)
        (void)why_set(why, "cannot be read: it is empty");
    else if (!read_image(&image, fn, arg))
        (void)why_set(why, "is not a shared object for this machine");
    else
        ok = true;
    fd_close(&fd);
    buf_free(&image);
    return ok;
}

bool elf_resolves(void *handle, const char *name)
{
    (void)dlerror();
    return dlsym(handle, name) != NULL || dlerror() == NULL;
}
