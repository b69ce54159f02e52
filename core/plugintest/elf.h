/* plugintest/elf.h - which symbols a shared object exports, and which it wants from others */
#pragma once
#include <stdbool.h>

#include "base/why.h"

enum elf_symbol {
    ELF_DEFINED,
    ELF_WEAK,   /* defined, but weak or unique */
    ELF_WANTED, /* from another object, and not weak */
};

typedef void elf_fn(void *arg, const char *name, enum elf_symbol kind);

/* Calls fn for each of the dynamic symbols, none of them the compiler's own. False: `why`, a clause after
 * "it". */
bool elf_read(const char *file, elf_fn *fn, void *arg, struct why *why);
/* Whether a loaded object, or one that it is linked to, has the symbol. */
bool elf_resolves(void *handle, const char *name);
