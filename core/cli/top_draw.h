/* cli/top_draw.h - the picture that `garnet top` shows of its model */
#pragma once
#include "cli/top_model.h"
#include "cli/top_view.h"

/* The view fits the screen (top_view_fit). `every`: "2s". As long as the terminal takes: see top_screen_show(). */
void top_draw(const struct top_model *m, const struct top_view *v, const char *every);
