/* conf/socket.h - `socket` and `control`: where the shared socket and the control socket are, and who may connect */
#pragma once
#include <sys/types.h>
#include <sys/un.h>

#include "conf/section.h"

/* The shared socket, where nobody says another. */
#define CONF_SOCKET "/run/garnet/garnet.sock"
/* Likewise the control socket. */
#define CONF_CONTROL "/run/garnet/control.sock"

/* Bytes that the path of a socket may have. */
enum { CONF_SOCKET_MOST = sizeof((struct sockaddr_un){0}).sun_path - 1 };

struct conf;
struct conf_collector;
struct parsing;

struct conf_socket {
    const char *path;
    const char *mode_text; /* octal, as written */
    mode_t mode;
    gid_t group; /* (gid_t)-1: leave as it is */
    const char *group_name;
    const char *own_groups; /* that may write on the way to its folder: for struct trust */
};
extern const struct section socket_section;

struct conf_control {
    const char *path;
    gid_t group; /* (gid_t)-1: nobody but garnetd's user and root may connect */
    const char *group_name;
    const char *own_groups; /* as above */
};
extern const struct section control_section;

/* What its rows cannot check, and the mode and group as numbers. `root`: the main file. */
void parse_socket(struct parsing *p, const struct node *root);
/* Likewise; after parse_socket(). */
void parse_control(struct parsing *p, const struct node *root);
/* "DIR/collectors/NAME.sock" beside the shared socket. */
char *conf_collector_socket(struct arena *a, const struct conf *c, const char *name);
/* k->socket, which must be short enough for the system. */
void parse_collector_socket(struct parsing *p, struct conf_collector *k);
