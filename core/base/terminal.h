/* base/terminal.h - what our programs print for people at a terminal
 *
 * Names from files, replies and the text of plugins are strangers': none of it is to move the cursor,
 * set a title or forge a line. So what is printed is made visible as in the log (buf_put_visible).
 */
#pragma once
#include <stdio.h>

#include "base/buf.h"

/* One line, without its end, which is added. */
void say(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text of several lines, whose ends stay what they are. */
void say_text(FILE *to, struct str text);

/* Bytes as they are to standard output, and not by stdio. Strangers share it, and may have made it non-blocking: then it
 * waits. 0, or -1 with errno: some may be out. */
int print_bytes(const char *p, size_t n);

/* Looks for --help or -h, --version or -V among the arguments, up to a "--". -1: neither is there.
 * Else it has been printed to standard output, and this is the exit status: 0, or EXIT_WORLD. */
int help_asked(int argc, char *const argv[], const char *program, const char *help);
