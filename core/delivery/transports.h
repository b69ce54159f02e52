/* delivery/transports.h - the kinds of transports that there are, by the scheme of a URI
 *
 * A new kind is one file in transport/ and one row of the table.
 */
#ifndef DELIVERY_TRANSPORTS_H
#define DELIVERY_TRANSPORTS_H
#include "conf/conf.h"
#include "delivery/transport.h"

/* transport_init() by the kind that takes `uri`; -1 too where none does. */
int transports_init(struct transport *t, const char *uri);
bool transports_datagrams(const struct conf_sink *sink); /* whether any endpoint takes those */
/* The bytes of a batch: where any endpoint takes datagrams, those of one. */
size_t transports_batch_size(const struct conf_sink *sink);

#endif
