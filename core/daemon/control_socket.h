/* daemon/control_socket.h - garnetd's control socket: where it is, that it comes up, and who waits for a reload
 *
 * What is asked there is answered by the daemon's own control_events (control/control.h).
 */
#pragma once
#include <stdbool.h>

#include "conf/conf.h"
#include "control/control.h"

struct generation;
struct reload;

struct control_socket {      /* all zero at first */
    struct control *control; /* the daemon makes it; NULL: not yet, or no longer */
    bool locked;
    bool mute;                 /* it has no socket yet: logged */
    struct generation *before; /* what was in use as the first of several reloads began; or NULL */
};

/* If it is not open yet. Without it all else goes on: it is to be tried again. */
void control_socket_open(struct control_socket *s, const struct conf_control *c);
/* A reload has led from `now` to `next`, or (NULL) to nothing. Whoever asked while it was read, and so perhaps too late,
 * waits for the next one, and is told what came of both. */
void control_socket_reloaded(struct control_socket *s, const struct reload *r,
                             struct generation *now, const struct generation *next);
/* There are no more reloads: nobody is to wait for one. */
void control_socket_no_more(struct control_socket *s);
/* Its socket goes, too. `c` NULL: there has never been one. */
void control_socket_end(struct control_socket *s, const struct conf_control *c);
