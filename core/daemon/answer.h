/* daemon/answer.h - what garnetd's parts write into an answer on the control socket
 *
 * Members of a JSON object that is open and has a first one: each begins with its comma. Times are Unix seconds, durations
 * seconds. Rows (daemon/row.h) are members, too, by their names without what all of an object's begin with; those
 * that have a reason are members of one by that. Nothing fails but the buf.
 */
#pragma once
#include "base/remark.h"
#include "daemon/row.h"

void answer_count(struct buf *b, const char *key, uint64_t v);
void answer_number(struct buf *b, const char *key, int64_t v);
void answer_flag(struct buf *b, const char *key, bool v);
void answer_text(struct buf *b, const char *key, const char *v); /* NULL: left out */
void answer_seconds(struct buf *b, const char *key, int64_t ns);
void answer_time(struct buf *b, const char *key, int64_t wall); /* ns; 0: left out */
void answer_digest(struct buf *b, uint64_t digest);
/* {"at":...,"text":...}; left out where nothing has been said. */
void answer_remark(struct buf *b, const char *key, const struct remark *r);

struct answer_rows { /* the taker of a round; its own to write */
    struct buf *out;
    const char *begin; /* "sink.", behind "garnet.": left out of the names */
    char within[64];   /* the name whose reasons are being written; "" none */
};

/* All levels, as they are now. */
struct self_round answer_round(struct answer_rows *r, struct buf *out, const char *begin);
void answer_rows_end(struct answer_rows *r); /* behind the last row */
