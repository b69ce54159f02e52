/* conf/parse/socket.h - `socket`: where the shared socket is and who may write to it */
#ifndef CONF_PARSE_SOCKET_H
#define CONF_PARSE_SOCKET_H
#include "conf/parse/parsing.h"
#include "conf/section.h"

extern const struct section socket_section;

/* What section_fill() cannot check, and the mode and group as numbers. `root`: the main file. */
void parse_socket(struct parsing *p, const struct node *root);
/* Whether a socket's path is short enough for the system. */
bool parse_socket_fits(const char *path, size_t *most);

#endif
