/* daemon/plugin_check.h - `garnet-sink check` for sinks, some at a time, each under a deadline of its own
 *
 * A check loads the plugin and tries its options, without I/O towards any endpoint. If the caller is
 * killed, it ends as well (garnet-sink asks for that).
 */
#pragma once
#include "conf/conf.h"

struct plugin_check {
    const struct conf_sink *sink;
    bool of_text;       /* the text is to blame for what is wrong, */
    struct errors said; /* which is this; the caller's to free */
};

/* The snapshot that is open as snapshot_fd; `hung`: conf/hung.h's table, or -1. False with errno: not all
 * were asked. */
bool plugin_check_all(struct plugin_check *c, size_t n, const char *program, int snapshot_fd,
                      int hung);
