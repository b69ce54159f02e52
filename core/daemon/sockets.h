/* daemon/sockets.h - garnetd's sockets: the folder that they lie in, the shared one, and the intake
 *
 * The collectors' own are made in the same intake, by daemon/collector_socket.h.
 */
#ifndef DAEMON_SOCKETS_H
#define DAEMON_SOCKETS_H
#include "base/loop.h"
#include "conf/conf.h"
#include "daemon/selfmetrics.h"
#include "intake/intake.h"

struct sockets;

/* For life; then what a garnetd that was killed has left is removed. False: logged. */
bool sockets_lock(const struct conf *c);
/* The shared socket, and an intake that hands its batches to `commit`. NULL: logged. */
struct sockets *sockets_open(struct loop *l, const struct conf *c, intake_commit_fn *commit,
                             void *arg);
void sockets_configure(struct sockets *s,
                       const struct conf *c); /* all but the path, mode and group */
struct intake *sockets_intake(const struct sockets *s);
/* Who has connected by now may have sent, too; nobody else can. */
void sockets_close(struct sockets *s);
void sockets_free(struct sockets *s); /* once they are closed; writes what is pending */
/* Where nothing of the above is done any more. */
void sockets_unlink(const struct conf *c);

void sockets_metrics(const struct sockets *s, const struct self_round *at);

#endif
