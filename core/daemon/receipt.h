/* daemon/receipt.h - what came of a reload, for whoever asked for it on the control socket
 *
 * "applied": all of it is in use; "partly": but for what is listed; "refused": nothing has changed. And what starts, stops and
 * restarts by it (docs/control.md).
 */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"

/* Appends a JSON object. `now`: in use from now on; NULL: the old one stays. `wrong`: the errors of the main file, "" none. */
void receipt_put(struct buf *out, const struct conf *before, const struct conf *now,
                 const struct buf *wrong);
