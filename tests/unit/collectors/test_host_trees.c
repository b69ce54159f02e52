/* All subjects over trees of files that were captured: tests/data/host/NAME/proc and sys, and `expected`, which is what
 * --print shows of them with every option and some names (GARNET_TEST_WRITE=1 writes it anew: look at each line of the difference).
 * Each file is then cut in many places: what is sent of it may become less, but never another number. */
#include <ftw.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/number.h"
#include "rig/chance.h"
#include "rig/host_rig.h"

/* --- in place of the system's: tests/CMakeLists.txt --- */

int __wrap_adjtimex(struct timex *t);

static bool forbidden;

int __wrap_adjtimex(struct timex *t)
{
    if (forbidden) {
        errno = EPERM;
        return -1;
    }
    *t = (struct timex){.offset = -1234567,
                        .freq = -65536 * 12 - 32768,
                        .maxerror = 16000000,
                        .esterror = 250,
                        .status = STA_PLL | STA_NANO};
    return 0;
}

static const char ROOT[] = TEST_DATA "/host";
static const char SUMMED[] = "/proc/net/stat/nf_conntrack"; /* a line less is another sum */
enum { CUTS = 40, OPTIONS = -1 };

static struct buf trees, files; /* names, each with its NUL */
static const char *tree;

static int note_tree(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    if (type == FTW_D && at->level == 1)
        buf_put(&trees, path, strlen(path) + 1);
    return 0;
}

static int note_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    if (type == FTW_F && at->level > 1)
        buf_put(&files, path + strlen(tree), strlen(path + strlen(tree)) + 1);
    return 0;
}

/* The names that are in b, one after the other; "" behind the last. */
static const char *next_name(const struct buf *b, const char *name)
{
    const char *next = name == NULL ? b->p : name + strlen(name) + 1;

    return next < b->p + b->n ? next : "";
}

static void read_into(struct buf *b, const char *folder, const char *name)
{
    char path[1000];
    int fd;

    (void)snprintf(path, sizeof path, "%s%s", folder, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", path);
    buf_reset(b);
    cr_assert_eq(fd_read_all(fd, 0, b), 0);
    buf_putc(b, 0);
    close(fd);
}

static void open_tree(struct host *h, char *proc, char *sys, size_t size, const char *dir)
{
    static const char *const NAMES[] = {"nginx", "postgres=^/usr/bin/postgres -D /x y$",
                                        "prometheus-node-exporter", "kernel=kblockd"};
    char path[1000];
    struct why why;

    (void)snprintf(proc, size, "%s/proc", dir);
    (void)snprintf(sys, size, "%s/sys", dir);
    host_start(h, proc, sys);
    h->page = h->socket_page = 4096;
    h->ticks = 100;
    h->options = (unsigned)OPTIONS;
    h->goes_on = true;
    (void)snprintf(path, sizeof path, "%s/proc/1", dir); /* where there are processes */
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES && access(path, F_OK) == 0; i++)
        cr_assert(chosen_add(&h->chosen, NAMES[i], &why), "%s", why.text);
}

/* All but filesystems and connections, whose figures are this machine's. */
static const struct subject *subject_at(size_t i)
{
    static size_t n;

    while (host_subjects[n] != NULL)
        n++;
    return i < n ? host_subjects[i] : slow_subjects[i - n + 2];
}

/* Whether its table names the file; of /sys some do not. */
static bool is_concerned(const struct subject *s, const char *file)
{
    if (file == NULL || strncmp(file, "/sys/", 5) == 0)
        return true;
    for (size_t i = 0; i < s->nfigures; i++)
        if (strcmp(s->figures[i].file, file) == 0)
            return true;
    return false;
}

/* Those that read the file; NULL: all. */
static void read_all(struct host *h, const char *file)
{
    host_begin(h);
    for (size_t i = 0; subject_at(i) != NULL; i++)
        if (is_concerned(subject_at(i), file))
            (void)host_read(h, subject_at(i));
}

/* A line for each sample: "NAME{TAG,TAG}=VALUE". */
static void put_samples(struct buf *b, const struct samples *s)
{
    buf_putc(b, '\n');
    for (size_t i = 0; i < samples_count(s); i++) {
        const struct sample *at = samples_at(s, i);

        buf_puts(b, at->figure->name);
        for (size_t t = 0; t < FIGURE_TAGS && at->figure->tags[t] != NULL; t++) {
            buf_putc(b, ',');
            buf_puts(b, samples_tag(s, at, t));
        }
        buf_putc(b, '=');
        if (at->real)
            buf_put_f64(b, at->as.f64);
        else
            buf_put_u64(b, at->as.u64);
        buf_putc(b, '\n');
    }
    buf_putc(b, 0);
}

static void find_trees(void)
{
    cr_assert_eq(nftw(ROOT, note_tree, 16, FTW_PHYS), 0);
    cr_assert_gt(trees.n, 0);
}

TestSuite(host_trees, .init = find_trees);

Test(host_trees, what_is_expected_and_nothing_else)
{
    char proc[1000], sys[1000], path[1000];
    struct buf expected = {0};

    for (tree = NULL; *(tree = next_name(&trees, tree)) != 0;) {
        struct host h;
        char *text;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        open_tree(&h, proc, sys, sizeof proc, tree);
        read_all(&h, NULL);
        samples_print(&h.out, f);
        cr_assert_eq(fclose(f), 0);
        if (getenv("GARNET_TEST_WRITE") != NULL) {
            (void)snprintf(path, sizeof path, "%s/expected", tree);
            write_text(path, text);
        }
        read_into(&expected, tree, "/expected");
        cr_assert_str_eq(text, expected.p, "%s", tree);
        free(text);
        host_free(&h);
    }
    buf_free(&expected);
}

static void note_seen(const struct host *h, bool *seen)
{
    size_t at = 0;

    for (size_t i = 0; subject_at(i) != NULL; at += subject_at(i++)->nfigures)
        for (size_t k = 0; k < samples_count(&h->out); k++) {
            const struct figure *f = samples_at(&h->out, k)->figure;

            for (size_t j = 0; j < subject_at(i)->nfigures; j++)
                seen[at + j] |= f == &subject_at(i)->figures[j];
        }
}

Test(host_trees, every_row_of_the_tables_is_in_some_tree)
{
    static bool seen[1000];
    char proc[1000], sys[1000];
    size_t at = 0;

    for (tree = NULL; *(tree = next_name(&trees, tree)) != 0;) {
        struct host h;

        open_tree(&h, proc, sys, sizeof proc, tree);
        read_all(&h, NULL);
        note_seen(&h, seen);
        host_free(&h);
    }
    for (size_t i = 0; subject_at(i) != NULL; i++)
        for (size_t j = 0; j < subject_at(i)->nfigures; j++)
            cr_expect(seen[at++], "%s", subject_at(i)->figures[j].name);
}

Test(host_trees, a_clock_that_may_not_be_looked_at_is_absent)
{
    struct host h;

    forbidden = true;
    host_start(&h, "/proc", "/sys");
    host_begin(&h);
    cr_assert(!host_read(&h, &clock_subject));
    cr_assert(h.absent);
    cr_assert_eq(strncmp(h.why.text, "adjtimex(): Operation not permitted: a filter", 45), 0);
    host_free(&h);
}

Test(host_trees, no_table_is_too_large)
{
    for (size_t i = 0; subject_at(i) != NULL; i++)
        cr_expect_leq(subject_at(i)->nfigures, HOST_FIGURES);
    cr_expect_eq(subject_at(0), host_subjects[0]);
    cr_expect_eq(slow_subjects[0], &filesystems_subject);
    cr_expect_eq(slow_subjects[1], &connections_subject);
}

/* Whether all that b has is in `all`. */
static void is_part(const struct buf *b, const struct buf *all, const char *name, size_t cut)
{
    for (const char *line = b->p; line[1] != 0; line = strchr(line + 1, '\n')) {
        size_t n = (size_t)(strchr(line + 1, '\n') - line) + 1;

        MUST(memmem(all->p, all->n, line, n) != NULL, "%s%s cut at %zu:%.*s", tree, name, cut,
             (int)n, line);
    }
}

/* rig has the tree. */
static void cut_file(struct host_rig *rig, const char *name, const struct buf *whole,
                     const struct buf *all)
{
    struct buf now = {0};
    size_t step = whole->n / CUTS + 1;

    for (size_t cut = 0; cut < whole->n - 1; cut += step) {
        if (strcmp(name, SUMMED) == 0 && cut > 0 && whole->p[cut - 1] == '\n')
            continue;
        host_rig_write(rig, name, whole->p, cut);
        read_all(&rig->h, name);
        buf_reset(&now);
        put_samples(&now, &rig->h.out);
        is_part(&now, all, name, cut);
    }
    host_rig_write(rig, name, whole->p, whole->n - 1);
    buf_free(&now);
}

Test(host_trees, a_file_that_is_cut_has_no_wrong_number, .timeout = 60)
{
    struct buf whole = {0}, all = {0};

    for (tree = NULL; *(tree = next_name(&trees, tree)) != 0;) {
        struct host_rig rig;

        host_rig_open(&rig);
        rig.h.options = (unsigned)OPTIONS;
        buf_reset(&files);
        cr_assert_eq(nftw(tree, note_file, 16, FTW_PHYS), 0);
        for (const char *name = NULL; *(name = next_name(&files, name)) != 0;) {
            read_into(&whole, tree, name);
            host_rig_write(&rig, name, whole.p, whole.n - 1);
        }
        read_all(&rig.h, NULL);
        buf_reset(&all);
        put_samples(&all, &rig.h.out);
        for (const char *name = NULL; *(name = next_name(&files, name)) != 0;) {
            read_into(&whole, tree, name);
            cut_file(&rig, name, &whole, &all);
        }
        host_rig_close(&rig);
    }
    buf_free(&whole);
    buf_free(&all);
}
