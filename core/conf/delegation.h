/* conf/delegation.h - is there a control group in which garnetd may make others?
 *
 * Only of the second version, and only where it was given to us: a group of root's under systemd
 * counts when its unit says Delegate=yes. It is garnetd's own group; or that one's parent where it
 * is called "garnetd" (DelegateSubgroup=garnetd), since a group with processes in it can pass no
 * controllers on. Whatever cannot be found out means that there is none: runs are then kept by
 * their keeper alone. Blocks no longer than the kernel's own file systems do.
 */
#pragma once
#include "conf/facts.h"

/* g->dir is in `dir`; NULL when there is none. */
void delegation_find(struct fact_cgroup *g, struct buf *dir);
