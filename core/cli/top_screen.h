/* cli/top_screen.h - the terminal of `garnet top`: the one place that knows ncurses
 *
 * There is one terminal, so what is opened here is static. Handlers of SIGINT, SIGTERM, SIGTSTP and SIGWINCH are the
 * caller's, set before: ncurses then leaves those signals alone. What is put outside of the screen is not there.
 */
#pragma once
#include <stdbool.h>

#include "base/why.h"
#include "cli/top_model.h"

/* Standard input and output, which are a terminal. False: nothing has changed there, and why. */
bool top_screen_open(struct why *why);
/* Puts the terminal back as it was. Again: top_screen_again(). */
void top_screen_close(void);
void top_screen_again(void);  /* somebody else has had the terminal: all is sent anew */
void top_screen_resize(void); /* after SIGWINCH */
int top_screen_lines(void);
int top_screen_columns(void);
/* What was pressed (enum top_key, or a byte), or -1: nothing more now. Does not draw. */
int top_screen_key(void);

/* --- a picture: begun, put together, shown --- */

void top_screen_begin(void);
/* How what is put from now on looks. */
enum top_paint { TOP_PLAIN, TOP_STRONG, TOP_GOOD, TOP_HEAD, TOP_WARN, TOP_BAD };
enum { TOP_DIM = 1, TOP_REVERSED = 2 };
void top_screen_paint(enum top_paint paint, unsigned how);
/* As much of the text, a stranger's and made visible, as goes into so many columns; with `fill` spaces up to them. Where
 * the locale is not UTF-8 what is not ASCII is a question mark. */
void top_screen_put(int y, int x, int columns, const char *text, bool fill);
void top_screen_put_right(int y, int x, int columns, const char *text); /* ASCII */
enum { TOP_CELLS = 60 };
/* A sparkline of n cells, TOP_CELLS at most. */
void top_screen_put_past(int y, int x, int n, const struct top_row *r, enum top_what what);
/* Sends what has changed since the last picture, which a slow terminal may hold up. */
void top_screen_show(void);
