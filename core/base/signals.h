/* base/signals.h - signals wait until there is somebody who takes them
 *
 * A signal that comes before its handler ends the program. So the first line of a main that has
 * handlers is signals_hold(), and a helper (base/spawn.h) begins with all of them held. When the
 * handlers are there, signals_release(); loop_new() (base/loop.h) releases all but its own.
 */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H
#include <signal.h>

void signals_hold(void);
void signals_release(void);
/* Each one's own action, for a child: what its parent has set is not its own. */
void signals_default(void);
/* Neither TERM, INT nor HUP: what a terminal or a service manager sends to the whole group is not
 * for a helper that must outlive the end of its parent's work. */
void signals_ignore_ends(void);

#endif
