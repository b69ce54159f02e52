/* delivery/transports.c - the kinds of transports that there are
 *
 * Above them all, and so the one place that names them. Cannot fail but for a URI that is none.
 */
#include "delivery/transports.h"

#include <string.h>

#include "delivery/transport/file.h"
#include "delivery/transport/stdout.h"
#include "delivery/transport/tcp.h"
#include "delivery/transport/udp.h"
#include "delivery/transport/unix.h"
#include "delivery/transport/unixgram.h"

static const struct transport_kind *const KINDS[] = {
    &transport_tcp,      &transport_udp,  &transport_unix,
    &transport_unixgram, &transport_file, &transport_stdout,
};

static const struct transport_kind *kind_of(const char *uri)
{
    size_t scheme = strcspn(uri, ":");

    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strlen(KINDS[i]->scheme) == scheme && strncmp(KINDS[i]->scheme, uri, scheme) == 0)
            return KINDS[i];
    return NULL;
}

int transports_init(struct transport *t, const char *uri)
{
    const struct transport_kind *kind = kind_of(uri);

    return kind != NULL ? transport_init(t, kind, uri) : -1;
}

bool transports_datagrams(const struct conf_sink *sink)
{
    for (size_t i = 0; i < sink->to.n; i++)
        if (kind_of(sink->to.v[i])->packet > 0)
            return true;
    return false;
}

size_t transports_batch_size(const struct conf_sink *sink)
{
    size_t least = (size_t)sink->batch_size;

    for (size_t i = 0; i < sink->to.n; i++) {
        size_t packet = kind_of(sink->to.v[i])->packet;

        if (packet > 0 && sink->max_packet > 0)
            packet = (size_t)sink->max_packet;
        if (packet > 0 && packet < least)
            least = packet;
    }
    return least;
}
