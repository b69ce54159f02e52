/* cli/top_screen.c - all is put anew into memory; ncurses sends what has changed
 *
 * Fails as the terminal does, which ncurses does not tell: the caller polls it.
 */
#include "cli/top_screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/text.h"
#include "cli/top_view.h"
/* Last, since it makes macros of common words. */
/* clang-format off */
#include <term.h>
/* clang-format on */

enum { ESCAPE = 27, ESCAPE_MS = 100, LEVELS = 8, TEXT_MOST = 1024 };

static SCREEN *terminal;
static WINDOW *keyboard; /* reading from stdscr would draw it */
static bool colours, wide;

/* --- open and close --- */

static void choose_colours(void)
{
    static const short of[] = {[TOP_HEAD] = COLOR_CYAN,
                               [TOP_GOOD] = COLOR_GREEN,
                               [TOP_WARN] = COLOR_YELLOW,
                               [TOP_BAD] = COLOR_RED};
    const char *no = getenv("NO_COLOR");

    colours = (no == NULL || *no == '\0') && has_colors() && start_color() == OK;
    if (!colours)
        return;
    (void)use_default_colors();
    for (int i = TOP_GOOD; i <= TOP_BAD; i++)
        (void)init_pair((short)i, of[i], -1);
}

/* newterm() does not say what is wrong. */
static bool know_terminal(struct why *why)
{
    const char *name = getenv("TERM");
    int found;
    bool moves;

    if (name == NULL || *name == '\0')
        return why_set(why, "TERM is not set: it says which terminal this is");
    if (setupterm(NULL, STDOUT_FILENO, &found) != OK)
        return why_set(why, "TERM is \"%.60s\", a terminal that the system does not know", name);
    moves = cursor_address != NULL;
    (void)del_curterm(cur_term);
    return moves || why_set(why, "TERM is \"%.60s\", a terminal that cannot move its cursor", name);
}

bool top_screen_open(struct why *why)
{
    (void)setlocale(LC_CTYPE, "");
    wide = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!know_terminal(why))
        return false;
    terminal = newterm(NULL, stdout, stdin);
    if (terminal == NULL)
        return why_set(why, "the terminal cannot be used");
    keyboard = newpad(1, 1);
    if (keyboard == NULL) {
        top_screen_close();
        return why_set(why, "out of memory");
    }
    choose_colours();
    (void)cbreak();
    (void)noecho();
    (void)nonl();
    (void)curs_set(0);
    (void)set_escdelay(ESCAPE_MS);
    (void)keypad(keyboard, TRUE);
    (void)nodelay(keyboard, TRUE);
    return true;
}

void top_screen_close(void)
{
    if (terminal != NULL)
        (void)endwin();
}

void top_screen_again(void)
{
    (void)reset_prog_mode();
    (void)curs_set(0);
    top_screen_resize();
    (void)clearok(curscr, TRUE);
}

void top_screen_resize(void)
{
    struct winsize w;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0)
        (void)resizeterm(w.ws_row, w.ws_col);
}

int top_screen_lines(void)
{
    return LINES;
}

int top_screen_columns(void)
{
    return COLS;
}

int top_screen_key(void)
{
    static const struct {
        int curses, ours;
    } keys[] = {{KEY_UP, TOP_KEY_UP},
                {KEY_DOWN, TOP_KEY_DOWN},
                {KEY_PPAGE, TOP_KEY_PAGE_UP},
                {KEY_NPAGE, TOP_KEY_PAGE_DOWN},
                {KEY_HOME, TOP_KEY_HOME},
                {KEY_END, TOP_KEY_END},
                {KEY_ENTER, TOP_KEY_ENTER},
                {'\r', TOP_KEY_ENTER},
                {'\n', TOP_KEY_ENTER},
                {ESCAPE, TOP_KEY_ESCAPE},
                {'\b', TOP_KEY_BACKSPACE},
                {0x7f, TOP_KEY_BACKSPACE},
                {KEY_BACKSPACE, TOP_KEY_BACKSPACE}};
    int key = wgetch(keyboard);

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (key == keys[i].curses)
            return keys[i].ours;
    return key == ERR ? -1 : key < 256 ? key : 0; /* 0 does nothing */
}

/* --- text --- */

void top_screen_paint(enum top_paint p, unsigned how)
{
    attr_t look = p == TOP_STRONG || (!colours && p > TOP_GOOD) ? A_BOLD : A_NORMAL;

    if (colours && p > TOP_STRONG)
        look = (attr_t)COLOR_PAIR(p) | (p == TOP_BAD ? A_BOLD : A_NORMAL);
    if (how & TOP_DIM)
        look = (look & ~A_BOLD) | A_DIM;
    (void)attrset((int)(look | (how & TOP_REVERSED ? A_REVERSE : A_NORMAL)));
}

void top_screen_put(int y, int x, int width, const char *text, bool fill)
{
    char visible[TEXT_MOST];
    struct str s = {visible, 0};
    int used = 0;

    if (y < 0 || y >= LINES || x >= COLS)
        return;
    width = width < COLS - x ? width : COLS - x;
    str_show(visible, sizeof visible, str_of(text));
    s.n = strlen(visible);
    if (move(y, x) == ERR)
        return;
    while (s.n > 0) {
        size_t n = str_utf8(s);
        wchar_t c[2] = {L'?', 0};
        int w = 1;

        if (n == 1 || (n > 1 && wide && mbrtowc(c, s.s, n, &(mbstate_t){0}) == n)) {
            c[0] = n == 1 ? (wchar_t)*s.s : c[0];
            w = wcwidth(c[0]);
        }
        if (w < 0) { /* newer than the C library's tables */
            c[0] = L'?';
            w = 1;
        }
        if (used + w > width)
            break;
        (void)addnwstr(c, 1);
        used += w;
        n = n > 0 ? n : 1;
        s = (struct str){s.s + n, s.n - n};
    }
    for (; fill && used < width; used++)
        (void)addch(' ');
}

void top_screen_put_right(int y, int x, int width, const char *text)
{
    int n = (int)strlen(text);

    top_screen_put(y, x + (n < width ? width - n : 0), n < width ? n : width, text, false);
}

void top_screen_put_past(int y, int x, int n, const struct top_row *r, enum top_what what)
{
    static const wchar_t ascii[] = L"_.-~=+*#",
                         blocks[] = L"\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
    double cells[TOP_CELLS], most;

    if (n <= 0 || n > TOP_CELLS)
        return;
    most = top_row_past(r, what, cells, (size_t)n);
    for (int i = 0; i < n; i++) {
        double part = cells[i] / most;
        int level = cells[i] <= 0 ? 0 : part <= 1 ? 1 + (int)(part * (LEVELS - 2)) : LEVELS - 1;
        wchar_t c = cells[i] < 0 ? L' ' : (wide ? blocks : ascii)[level];

        (void)mvaddnwstr(y, x + i, &c, 1);
    }
}

void top_screen_begin(void)
{
    (void)erase();
}

void top_screen_show(void)
{
    (void)wnoutrefresh(stdscr);
    (void)doupdate();
}
