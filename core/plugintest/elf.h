/* plugintest/elf.h - which symbols a shared object exports, and which it wants from others */
#ifndef PLUGINTEST_ELF_H
#define PLUGINTEST_ELF_H
#include <stdbool.h>

#include "base/why.h"

struct elf_symbols {
    void *arg;
    /* Either may be NULL. */
    void (*defined)(void *arg, const char *name, bool weak); /* weak: or unique */
    void (*wanted)(void *arg, const char *name);             /* not weak */
};

/* Calls back for each of the dynamic symbols, none of them the compiler's own. False: `why`, a
 * clause after "it". */
bool elf_read(const char *file, const struct elf_symbols *s, struct why *why);
/* Whether a loaded object, or one that it is linked to, has the symbol. */
bool elf_resolves(void *handle, const char *name);

#endif
