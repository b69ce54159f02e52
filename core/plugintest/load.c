/* plugintest/load.c - checks of what a plugin is before it does anything: symbols, ABI, rows
 *
 * The file is read before it is loaded, so that what it exports can be told even when it cannot be
 * loaded. Fails by FAIL lines.
 */
#include <stdio.h>

#include "plugintest/elf.h"
#include "plugintest/trial.h"

static const char SYMBOL[] = "garnet_plugin_v1";

struct found {
    struct trial *trial;
    struct buf surplus, other_abi; /* names, for a message */
    bool symbol;
};

static void list(struct buf *b, const char *name)
{
    if (b->n > 200)
        return;
    buf_putf(b, "%s%s", b->n > 0 ? ", " : "", name);
}

static void on_defined(void *arg, const char *name, bool weak)
{
    struct found *f = arg;

    if (strcmp(name, SYMBOL) == 0)
        f->symbol = true;
    else if (strncmp(name, "garnet_plugin_v", 15) == 0)
        list(&f->other_abi, name);
    else if (!weak) /* C++ templates are weak, and cannot be hidden by a flag */
        list(&f->surplus, name);
}

static void on_wanted(void *arg, const char *name)
{
    struct found *f = arg;

    if (!elf_resolves(f->trial->plugin.handle, name))
        trial_fail(f->trial,
                   "it uses %s, which neither it nor a library that it is linked to has: link with "
                   "the one that does (-lNAME)",
                   name);
}

static void ignore_wanted(void *arg, const char *name)
{
    (void)arg, (void)name;
}

static void ignore_defined(void *arg, const char *name, bool weak)
{
    (void)arg, (void)name, (void)weak;
}

static void judge_exports(struct trial *t, const struct found *f)
{
    if (!f->symbol && f->other_abi.n > 0)
        trial_fail(t, "ABI: wanted %s, found %.*s: build it with this Garnet's header", SYMBOL,
                   (int)f->other_abi.n, f->other_abi.p);
    else if (!f->symbol)
        trial_fail(t,
                   "it does not export %s: end its source with GARNET_PLUGIN(...), and link with "
                   "-shared",
                   SYMBOL);
    if (f->surplus.n > 0)
        trial_fail(t,
                   "it also exports %.*s: compile with -fvisibility=hidden, and make your own "
                   "functions static",
                   (int)f->surplus.n, f->surplus.p);
}

int check_load(void *arg)
{
    struct trial *t = arg;
    struct found f = {.trial = t};
    const struct elf_symbols exports = {&f, on_defined, ignore_wanted};
    const struct elf_symbols wants = {&f, ignore_defined, on_wanted};
    char why[160];
    bool readable;

    t->check = "symbols";
    readable = elf_read(t->file, &exports, why);
    if (readable)
        judge_exports(t, &f);
    else
        trial_fail(t, "it %s", why);
    buf_free(&f.surplus);
    buf_free(&f.other_abi);
    if (!readable || !f.symbol)
        return 1;
    t->check = "load";
    if (!trial_load(t))
        return 1;
    t->check = "symbols";
    (void)elf_read(t->file, &wants, why);
    (void)trial_end(t, "it exports %s alone, and all it uses is there", SYMBOL);
    child_say(t->child, "ok   load: %s %s, built for ABI 1.%u; this Garnet has 1.%d\n",
              t->plugin.def.name, t->plugin.def.version, t->plugin.def.abi_minor, GARNET_ABI_MINOR);
    return t->failures > 0;
}
