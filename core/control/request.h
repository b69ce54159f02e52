/* control/request.h - what a client of the control socket asks: one line of JSON
 *
 *     {"garnet":1,"ask":"status"}
 *     {"garnet":1,"ask":"reload"}
 *     {"garnet":1,"ask":"explain","metric":"cpu.*"}
 *
 * docs/control.md is for those who write them. A member that is not known is an error, so that nobody believes that it
 * was heeded.
 */
#pragma once
#include "base/buf.h"
#include "base/why.h"

enum {
    CONTROL_VERSION = 1,
    CONTROL_LINE = 4096
}; /* bytes of a request at most, its end included */

enum control_ask { CONTROL_STATUS, CONTROL_RELOAD, CONTROL_EXPLAIN };
enum { CONTROL_METRIC = 255 }; /* bytes of its name or pattern at most */

struct control_request {
    enum control_ask ask;
    char metric[CONTROL_METRIC + 1]; /* of CONTROL_EXPLAIN: a pattern without fault (base/glob.h) */
};

/* A line without its end. False, and what is wrong with it. */
bool control_request_read(struct control_request *r, struct str line, struct why *why);
