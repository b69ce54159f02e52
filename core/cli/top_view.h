/* cli/top_view.h - what of the model is looked at in `garnet top`, and what each key does to that
 *
 * Pure: which page, which row is chosen, how far is scrolled, for a screen of so many lines and columns. The choice is of
 * a name, so it stays with its row whatever the order becomes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cli/top_model.h"

/* What is typed is its bytes; the others: */
enum top_key {
    TOP_KEY_UP = 256,
    TOP_KEY_DOWN,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_ESCAPE,
    TOP_KEY_BACKSPACE,
};

enum top_page { TOP_TABLES, TOP_ONE, TOP_REASONS, TOP_KEYS };

struct top_view { /* all zero at first */
    enum top_page page;
    bool typing;        /* the filter */
    enum top_kind kind; /* where the chosen row is */
    struct top_choice {
        char *name;       /* NULL: none */
        size_t at, first; /* in the list; the first that is to be seen */
        size_t height;    /* so many fit */
    } tables[TOP_KINDS];
    size_t reasons;    /* so many lines are for the verdict */
    struct buf text;   /* of the other pages */
    struct str *lines; /* of that, so that each fits */
    size_t nlines, scroll, height;
};

/* After anything has changed: another answer, a key, the size. False: no memory. */
bool top_view_fit(struct top_view *v, const struct top_model *m, size_t lines, size_t columns);
/* False: it was the end. */
bool top_view_key(struct top_view *v, struct top_model *m, int key);
void top_view_free(struct top_view *v);
