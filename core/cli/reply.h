/* cli/reply.h - garnetd's reply (docs/protocol.md) -> sentences for people
 *
 * Beside intake/json.c the only part that knows jansson: the mains may include anything.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

enum reply_verdict {
    REPLY_ACCEPTED, /* everything                                                     */
    REPLY_REJECTED, /* something was wrong with the metrics                           */
    REPLY_REFUSED,  /* they were not looked at (garnetd is full), or it is no reply of garnetd's */
};

/* `text` holds one or more lines. What was not accepted is printed on `err`, an error a line; but not
 * what was rejected where that is `logged` already, and this would be another line of the same log. */
enum reply_verdict reply_show(const char *text, bool logged, FILE *err);
