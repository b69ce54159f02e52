/* cli/top_view.c - two tables one above the other, or a text that scrolls; fails for want of memory only */
#include "cli/top_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/show_status.h"

/* Of a screen: a title, the verdict, an empty line, and the last line. */
enum { AROUND = 3, REASONS_SHARE = 4, HEADING = 1, LEAST_TABLE = 2 };

static const char KEYS[] =
    "up down PgUp PgDn Home End   choose a row, or scroll; j and k, too\n"
    "Tab                          to the other table\n"
    "Enter                        all about the chosen row, as `garnet status NAME` has it\n"
    "v                            the verdict with all its reasons\n"
    "Esc                          back; in the tables: no filter any more\n"
    "/                            type what a name must have in it, Enter to keep that\n"
    "n s r l                      order: by name, by state (worst first), by rate,\n"
    "                             by lag of sinks and failed runs of collectors\n"
    "?                            this\n"
    "q                            end\n"
    "\n"
    "ACC/S and CONF/S are what was accepted and confirmed a second: of the last ten seconds, or "
    "of\n"
    "three intervals of a collector that runs less often. PAST has the last 180 answers, each row "
    "by\n"
    "its own highest. Blank is what is not known.\n";

void top_view_free(struct top_view *v)
{
    for (int kind = 0; kind < TOP_KINDS; kind++)
        free(v->tables[kind].name);
    buf_free(&v->text);
    free(v->lines);
    *v = (struct top_view){0};
}

/* --- the tables --- */

/* The sinks are few, and have what they need up to the half. */
static void share_lines(struct top_view *v, const struct top_model *m, size_t lines)
{
    size_t said = m->silence != NULL || m->verdict.n == 0 ? 1 : m->verdict.n, room, sinks;

    v->reasons = lines / REASONS_SHARE > 1 ? lines / REASONS_SHARE : 1;
    v->reasons = said < v->reasons ? said : v->reasons;
    room = lines > AROUND + v->reasons ? lines - AROUND - v->reasons : 0;
    sinks = m->lists[TOP_SINK].n + HEADING + 1; /* and an empty line above it */
    if (sinks > room / 2) {
        size_t others = m->lists[TOP_COLLECTOR].n + HEADING;

        sinks = others < room - room / 2 ? room - others : room / 2;
    }
    v->tables[TOP_SINK].height = sinks > HEADING + 1 ? sinks - HEADING - 1 : 0;
    v->tables[TOP_COLLECTOR].height = room - sinks > HEADING ? room - sinks - HEADING : 0;
}

static bool choose(struct top_choice *c, const struct top_list *l, size_t at)
{
    const char *name = l->n == 0 ? NULL : l->rows[at < l->n ? at : l->n - 1]->name;

    c->at = l->n == 0 ? 0 : at < l->n ? at : l->n - 1;
    if (text_same(name, c->name))
        return true;
    free(c->name);
    c->name = name != NULL ? strdup(name) : NULL;
    return c->name != NULL || name == NULL;
}

/* Where the chosen one is by now; if it is gone, its place is. */
static bool find_chosen(struct top_choice *c, const struct top_list *l)
{
    size_t at = c->at;

    for (size_t i = 0; c->name != NULL && i < l->n; i++)
        if (strcmp(l->rows[i]->name, c->name) == 0) {
            at = i;
            break;
        }
    if (!choose(c, l, at))
        return false;
    if (c->first + c->height > l->n)
        c->first = l->n > c->height ? l->n - c->height : 0;
    if (c->at < c->first)
        c->first = c->at;
    else if (c->height > 0 && c->at >= c->first + c->height)
        c->first = c->at - c->height + 1;
    return true;
}

/* --- the text --- */

static bool put_one(struct buf *out, const json_t *status, const char *name)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    if (to == NULL)
        return false;
    if (status_knows(status, name))
        show_status_of(to, status, name);
    else
        (void)fputs("It is not there any more.\n", to);
    if (fclose(to) != 0)
        n = 0;
    else
        buf_put(out, text, n);
    free(text);
    return n > 0 && buf_ok(out);
}

static bool put_reasons(struct buf *out, const struct top_model *m)
{
    if (m->silence != NULL) {
        buf_puts(out, "failing: ");
        buf_put_visible(out, str_of(m->silence));
        buf_puts(out, "\n\nBefore that:\n");
    }
    buf_putf(out, "%s\n", verdict_name(m->verdict.grade));
    for (size_t i = 0; i < m->verdict.n; i++) {
        struct str rest = str_of(m->verdict.reasons[i].text), line;

        for (const char *before = "- "; str_line(&rest, &line); before = "  ") {
            buf_puts(out, before);
            buf_put_visible(out, line);
            buf_putc(out, '\n');
        }
    }
    return buf_ok(out);
}

/* As much of s as goes into so many columns, at one a character. */
static size_t fitting(struct str s, size_t columns)
{
    size_t n = 0;

    for (size_t i = 0; i < columns && n < s.n; i++) {
        size_t c = str_utf8((struct str){s.s + n, s.n - n});

        n += c > 0 ? c : 1;
    }
    return n;
}

static bool break_lines(struct top_view *v, size_t columns)
{
    struct str rest = {v->text.p, v->text.n}, line;
    size_t most = 0;

    columns = columns > 0 ? columns : 1;
    for (size_t i = 0; i < rest.n; i++)
        most += rest.s[i] == '\n';
    most += 1 + rest.n / columns;
    free(v->lines);
    v->nlines = 0;
    v->lines = calloc(most, sizeof *v->lines);
    if (v->lines == NULL)
        return false;
    while (str_line(&rest, &line))
        do {
            size_t n = fitting(line, columns);

            v->lines[v->nlines++] = (struct str){line.s, n};
            line = (struct str){line.s + n, line.n - n};
        } while (line.n > 0);
    return true;
}

static bool make_text(struct top_view *v, const struct top_model *m)
{
    const char *name = v->tables[v->kind].name;

    buf_reset(&v->text);
    switch (v->page) {
    case TOP_TABLES:
        return true;
    case TOP_ONE:
        return put_one(&v->text, m->status, name != NULL ? name : "");
    case TOP_REASONS:
        return put_reasons(&v->text, m);
    case TOP_KEYS:
        buf_puts(&v->text, KEYS);
    }
    return buf_ok(&v->text);
}

bool top_view_fit(struct top_view *v, const struct top_model *m, size_t lines, size_t columns)
{
    share_lines(v, m, lines);
    for (int kind = 0; kind < TOP_KINDS; kind++)
        if ((v->page == TOP_TABLES || kind != (int)v->kind) && /* who looks into one stays there */
            !find_chosen(&v->tables[kind], &m->lists[kind]))
            return false;
    if (v->page == TOP_TABLES && m->lists[v->kind].n == 0 && m->lists[!v->kind].n > 0)
        v->kind = !v->kind;
    if (!make_text(v, m) || !break_lines(v, columns))
        return false;
    v->height = lines > 2 ? lines - 2 : 1;
    if (v->scroll + v->height > v->nlines)
        v->scroll = v->nlines > v->height ? v->nlines - v->height : 0;
    return true;
}

/* --- keys --- */

static void type_filter(struct top_view *v, struct top_model *m, int key)
{
    size_t n = strlen(m->filter);

    if (key == TOP_KEY_ENTER || key == TOP_KEY_ESCAPE)
        v->typing = false;
    if (key == TOP_KEY_ESCAPE)
        n = 0;
    else if (key == TOP_KEY_BACKSPACE && n > 0)
        do
            n--;
        while (n > 0 && ((unsigned char)m->filter[n] & 0xc0) == 0x80); /* a whole character */
    else if (key >= ' ' && key < 256 && key != 0x7f && n + 1 < sizeof m->filter)
        m->filter[n++] = (char)key;
    m->filter[n] = '\0';
    top_model_list(m);
}

/* Where the key leads from `at`, of n places of which `page` are seen. */
static size_t place_for(int key, size_t at, size_t n, size_t page)
{
    size_t last = n > 0 ? n - 1 : 0;

    switch (key) {
    case TOP_KEY_UP:
    case 'k':
        return at > 0 ? at - 1 : 0;
    case TOP_KEY_DOWN:
    case 'j':
        return at < last ? at + 1 : last;
    case TOP_KEY_PAGE_UP:
        return at > page ? at - page : 0;
    case TOP_KEY_PAGE_DOWN:
        return at + page < last ? at + page : last;
    case TOP_KEY_HOME:
        return 0;
    case TOP_KEY_END:
        return last;
    default:
        return at;
    }
}

static void open_page(struct top_view *v, enum top_page page)
{
    v->page = page;
    v->scroll = 0;
}

static void key_in_tables(struct top_view *v, struct top_model *m, int key)
{
    static const char orders[] = "nsrl"; /* as enum top_order */
    struct top_choice *c = &v->tables[v->kind];
    const struct top_list *l = &m->lists[v->kind];
    const char *order = key > 0 && key < 256 ? strchr(orders, key) : NULL;

    if (order != NULL) {
        m->order = (enum top_order)(order - orders);
        top_model_list(m);
    } else if (key == '/') {
        v->typing = true;
    } else if (key == TOP_KEY_ESCAPE) {
        type_filter(v, m, key);
    } else if (key == '\t') {
        v->kind = v->kind == TOP_SINK ? TOP_COLLECTOR : TOP_SINK;
    } else if (key == TOP_KEY_ENTER && c->name != NULL) {
        open_page(v, TOP_ONE);
    } else if (key == 'v' && m->status != NULL) {
        open_page(v, TOP_REASONS);
    } else {
        size_t at = place_for(key, c->at, l->n, c->height > 0 ? c->height : 1);

        if (at != c->at)
            (void)choose(c, l, at); /* without memory: none is */
    }
}

bool top_view_key(struct top_view *v, struct top_model *m, int key)
{
    if (v->typing) {
        type_filter(v, m, key);
    } else if (key == 'q') {
        return false;
    } else if (key == '?' && v->page != TOP_KEYS) {
        open_page(v, TOP_KEYS);
    } else if (v->page == TOP_TABLES) {
        key_in_tables(v, m, key);
    } else if (key == TOP_KEY_ESCAPE || key == TOP_KEY_ENTER || key == '?') {
        open_page(v, TOP_TABLES);
    } else {
        v->scroll = place_for(key, v->scroll, v->nlines, v->height);
    }
    return true;
}
