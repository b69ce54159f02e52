/* docs/collectors.c - the tables of metrics in docs/collectors.md, from those that the collectors are made of
 *
 * Prints one for each subject, behind a line "@NAME". docs/keys.py puts them into the page.
 */
#include <stdio.h>

#include "checks/http_answer.h"
#include "checks/unit_states.h"
#include "host/subject.h"

static void print_name(const char *name)
{
    if (name != NULL)
        printf(" `%s` |", name);
    else
        fputs(" |", stdout);
}

static void print_figure(const struct figure *f)
{
    printf("| `%s` | %s | %s |", f->name, f->unit != NULL ? f->unit : "", f->type);
    for (size_t i = 0; i < FIGURE_TAGS && f->tags[i] != NULL; i++)
        printf("%s `%s`", i > 0 ? "," : "", f->tags[i]);
    printf(" | `%s`: %s", f->file, f->field);
    if (f->older.file != NULL)
        printf("; or `%s`: %s", f->older.file, f->older.field);
    fputs(" |", stdout);
    print_name(f->diamond);
    print_name(f->collectd);
    print_name(f->node_exporter);
    putchar('\n');
}

static void print_tables(const struct subject *const *subjects)
{
    for (; *subjects != NULL; subjects++) {
        const struct subject *s = *subjects;

        printf(
            "@%s\n| metric | unit | type | tags | source | Diamond | collectd | node_exporter |\n"
            "|---|---|---|---|---|---|---|---|\n",
            s->name);
        for (size_t k = 0; k < s->nfigures; k++)
            print_figure(&s->figures[k]);
    }
}

/* Where a library is needed and may not be there, the table alone. */
static const struct subject http_check = {
    .name = "http-check", .figures = http_figures, .nfigures = HTTP_FIGURES};
static const struct subject systemd_units = {
    .name = "systemd-units", .figures = unit_figures, .nfigures = UNIT_FIGURES};
static const struct subject *const checks[] = {&paths_subject, &http_check, &ping_check_subject,
                                               &systemd_units, NULL};

int main(void)
{
    print_tables(host_subjects);
    print_tables(slow_subjects);
    print_tables(checks);
    return 0;
}
