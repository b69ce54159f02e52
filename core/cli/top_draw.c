/* cli/top_draw.c - a title, the verdict, two tables or a text, and a last line that says what can be done; fails at nothing */
#include "cli/top_draw.h"

#include <stdio.h>
#include <string.h>

#include "cli/show_status.h"
#include "cli/top_screen.h"

enum { CELLS_LEAST = 4, NAME_LEAST = 9, NAME_MOST = 40, TEXT_MOST = 1024 };

/* --- the tables --- */

enum { STATE = 8, RATE = 7, GAP = 1 };

/* Behind name, state and rate, which both have. */
static const struct top_column {
    const char *head;
    int width;
    bool words; /* to the left */
} COLUMNS[TOP_KINDS][3] = {
    [TOP_COLLECTOR] = {{"FAILED", 6, false}, {"REJECTED", 8, false}, {"LAST RUN", 12, true}},
    [TOP_SINK] = {{"LAG", 7, false}, {"QUEUED", 8, false}, {"DROPPED", 8, false}},
};

static struct status_words rate_text(double rate)
{
    struct status_words w = {"-"};

    if (rate >= 9.95)
        return status_count(rate);
    if (rate >= 0)
        (void)snprintf(w.text, sizeof w.text, "%.*f", rate > 0 ? 1 : 0, rate);
    return w;
}

static struct status_words column_text(const struct top_row *r, int column)
{
    if (r->kind == TOP_COLLECTOR)
        return column == 0   ? status_count(r->trouble)
               : column == 1 ? status_count(status_number(r->of, "rejected"))
                             : status_outcome(r->of);
    return column == 0   ? status_span(r->trouble)
           : column == 1 ? status_count(status_number(r->of, "queued"))
                         : status_count(status_sum(json_object_get(r->of, "dropped")));
}

static enum top_paint paint_of(const struct top_row *r)
{
    int rank = top_state_rank(status_text(r->of, "state"));

    if (rank >= TOP_WARNS)
        return rank >= TOP_IS_BAD ? TOP_BAD : TOP_WARN;
    return json_is_true(json_object_get(json_object_get(r->of, "last_run"), "failed")) ? TOP_WARN
                                                                                       : TOP_PLAIN;
}

struct shape { /* of both tables */
    int name, past;
};

static struct shape shape_of(const struct top_model *m)
{
    struct shape s = {.name = NAME_LEAST};
    int rest, most;

    for (size_t i = 0; i < m->n; i++) {
        int n = (int)strnlen(m->rows[i]->name, NAME_MOST);

        s.name = n > s.name ? n : s.name;
    }
    rest =
        top_screen_columns() - (STATE + RATE + 26 + 6 * GAP); /* of the collectors: the wider one */
    most = rest - 2 * CELLS_LEAST - GAP;
    s.name = s.name < most ? s.name : most > NAME_LEAST ? most : NAME_LEAST;
    s.past = rest - s.name;
    s.past = s.past < CELLS_LEAST ? 0 : s.past > TOP_CELLS ? TOP_CELLS : s.past;
    return s;
}

/* Name, state, rate and the three columns. Returns where the past begins. */
static int draw_cells(int y, struct shape s, enum top_kind kind, const char *const texts[])
{
    int x = s.name + GAP + STATE + GAP;

    top_screen_put(y, 0, top_screen_columns(), "", true);
    top_screen_put(y, 0, s.name, texts[0], false);
    top_screen_put(y, s.name + GAP, STATE, texts[1], false);
    top_screen_put_right(y, x, RATE, texts[2]);
    x += RATE;
    for (int i = 0; i < 3; i++) {
        const struct top_column *c = &COLUMNS[kind][i];

        x += GAP;
        if (c->words)
            top_screen_put(y, x + GAP, c->width - GAP, texts[3 + i], false);
        else
            top_screen_put_right(y, x, c->width, texts[3 + i]);
        x += c->width;
    }
    return x + GAP;
}

/* A sink has two. */
static int past_width(struct shape s, enum top_kind kind, int x)
{
    int half = (top_screen_columns() - x - GAP) / 2;

    return s.past == 0 || kind == TOP_COLLECTOR ? s.past : half < TOP_CELLS ? half : TOP_CELLS;
}

static void draw_row(int y, struct shape s, const struct top_row *r, unsigned how)
{
    struct status_words words[4] = {rate_text(r->rate), column_text(r, 0), column_text(r, 1),
                                    column_text(r, 2)};
    const char *const texts[] = {r->name,       status_text(r->of, "state"),
                                 words[0].text, words[1].text,
                                 words[2].text, words[3].text};
    int x, n;

    top_screen_paint(paint_of(r), how);
    x = draw_cells(y, s, r->kind, texts);
    n = past_width(s, r->kind, x);
    top_screen_put_past(y, x, n, r, TOP_RATES);
    if (r->kind == TOP_SINK)
        top_screen_put_past(y, x + n + GAP, n, r, TOP_LAGS);
}

static void draw_heading(int y, struct shape s, enum top_kind kind, unsigned how)
{
    const struct top_column *c = COLUMNS[kind];
    const char *const texts[] = {kind == TOP_SINK ? "SINK" : "COLLECTOR",
                                 "STATE",
                                 kind == TOP_SINK ? "CONF/S" : "ACC/S",
                                 c[0].head,
                                 c[1].head,
                                 c[2].head};
    int x, n;

    top_screen_paint(TOP_HEAD, how);
    x = draw_cells(y, s, kind, texts);
    n = past_width(s, kind, x);
    top_screen_put(y, x, n, "PAST", false);
    if (kind == TOP_SINK)
        top_screen_put(y, x + n + GAP, n, "LAG", false);
}

static int draw_table(int y, struct shape s, const struct top_model *m, const struct top_view *v,
                      enum top_kind kind)
{
    const struct top_list *l = &m->lists[kind];
    const struct top_choice *c = &v->tables[kind];
    unsigned how = m->silence != NULL ? TOP_DIM : 0;

    draw_heading(y++, s, kind, how);
    for (size_t i = c->first; i < l->n && i < c->first + c->height; i++)
        draw_row(y++, s, l->rows[i], i == c->at && kind == v->kind ? how | TOP_REVERSED : how);
    return y;
}

/* --- around them --- */

static int draw_verdict(int y, const struct top_model *m, const struct top_view *v)
{
    static const enum top_paint paints[] = {TOP_GOOD, TOP_WARN, TOP_BAD};
    const struct verdict_reason silence = {VERDICT_FAILING, m->silence};
    bool silent = m->silence != NULL;
    const struct verdict_reason *reasons = silent ? &silence : m->verdict.reasons;
    size_t n = silent ? 1 : m->verdict.n;
    enum verdict_grade g = silent ? VERDICT_FAILING : m->verdict.grade;
    const char *name = silent || m->status != NULL ? verdict_name(g) : "asking garnetd";
    int x = (int)strlen(name);

    top_screen_paint(silent || m->status != NULL ? paints[g] : TOP_PLAIN, 0);
    top_screen_put(y, 0, x, name, false);
    if (n > 0)
        top_screen_put(y, x, 1, ":", false);
    for (size_t i = 0; i < v->reasons && i < n; i++) {
        char text[TEXT_MOST];

        top_screen_paint(paints[reasons[i].grade], 0);
        if (i > 0 && i + 1 == v->reasons && i + 1 < n)
            (void)snprintf(text, sizeof text, "and %zu more: v shows them", n - i);
        else
            (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(reasons[i].text, "\n"),
                           reasons[i].text);
        top_screen_put(y + (int)i, x + 2, top_screen_columns(), text, false);
    }
    return y + (int)v->reasons;
}

static void draw_title(const struct top_model *m, const char *every)
{
    static const char *const orders[] = {"name", "state", "rate", "lag and failures"};
    char line[256];

    (void)snprintf(
        line, sizeof line, "garnetd %.40s on %.100s, up %s", status_text(m->status, "version"),
        status_text(m->status, "host"),
        status_span(status_number(m->status, "now") - status_number(m->status, "started")).text);
    top_screen_paint(TOP_STRONG, 0);
    top_screen_put(0, 0, top_screen_columns(), m->status != NULL ? line : "garnet top", false);
    (void)snprintf(line, sizeof line, "  every %.40s, by %s", every, orders[m->order]);
    top_screen_paint(TOP_PLAIN, 0);
    if ((int)strlen(line) < top_screen_columns())
        top_screen_put_right(0, top_screen_columns() - (int)strlen(line), (int)strlen(line), line);
}

static void draw_foot(const struct top_model *m, const struct top_view *v)
{
    char line[256];

    if (v->typing)
        (void)snprintf(line, sizeof line, "/%s_", m->filter);
    else if (v->page != TOP_TABLES)
        (void)snprintf(line, sizeof line, "%zu-%zu of %zu lines   Esc back  q quit",
                       v->scroll + (v->nlines > 0),
                       v->scroll + v->height < v->nlines ? v->scroll + v->height : v->nlines,
                       v->nlines);
    else if (*m->filter != '\0')
        (void)snprintf(line, sizeof line, "%zu of %zu have \"%s\" in their name   Esc all",
                       m->lists[TOP_COLLECTOR].n + m->lists[TOP_SINK].n, m->n, m->filter);
    else
        (void)snprintf(line, sizeof line,
                       "q quit  ? keys  / filter  n s r l order  Enter look into  Tab %zu+%zu",
                       m->lists[TOP_COLLECTOR].n, m->lists[TOP_SINK].n);
    top_screen_paint(TOP_HEAD, 0);
    top_screen_put(top_screen_lines() - 1, 0, top_screen_columns() - 1, line,
                   false); /* the last place of all may scroll */
}

static void draw_lines(const struct top_view *v, unsigned how)
{
    char line[TEXT_MOST];

    top_screen_paint(TOP_PLAIN, how);
    for (size_t i = 0; i < v->height && v->scroll + i < v->nlines; i++) {
        struct str s = v->lines[v->scroll + i];

        (void)snprintf(line, sizeof line, "%.*s", (int)s.n, s.s);
        top_screen_put(1 + (int)i, 0, top_screen_columns(), line, false);
    }
}

void top_draw(const struct top_model *m, const struct top_view *v, const char *every)
{
    top_screen_begin();
    draw_title(m, every);
    if (v->page != TOP_TABLES) {
        draw_lines(v, m->silence != NULL && v->page == TOP_ONE ? TOP_DIM : 0);
    } else {
        struct shape s = shape_of(m);
        int y = draw_verdict(1, m, v) + 1;

        y = draw_table(y, s, m, v, TOP_COLLECTOR);
        (void)draw_table(y + 1, s, m, v, TOP_SINK);
    }
    draw_foot(m, v);
    top_screen_show();
}
