/* daemon/answer.c - one line of JSON, written straight into its buffer: it is written for whoever asks, a thousand
 * collectors at a time, so without a tree in between
 */
#include "daemon/answer.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"

static void put_member_key(struct buf *b, const char *key)
{
    buf_putc(b, ',');
    buf_put_json(b, str_of(key));
    buf_putc(b, ':');
}

void answer_count(struct buf *b, const char *key, uint64_t v)
{
    put_member_key(b, key);
    buf_put_u64(b, v);
}

void answer_number(struct buf *b, const char *key, int64_t v)
{
    put_member_key(b, key);
    buf_put_i64(b, v);
}

void answer_flag(struct buf *b, const char *key, bool v)
{
    put_member_key(b, key);
    buf_puts(b, v ? "true" : "false");
}

void answer_text(struct buf *b, const char *key, const char *v)
{
    if (v != NULL)
        buf_put_member(b, key, str_of(v));
}

/* To the millisecond: these are for people. */
void answer_seconds(struct buf *b, const char *key, int64_t ns)
{
    put_member_key(b, key);
    buf_putf(b, "%s%lld.%03lld", ns < 0 ? "-" : "", (long long)(ns < 0 ? -ns : ns) / NS_PER_S,
             (long long)((ns < 0 ? -ns : ns) % NS_PER_S / NS_PER_MS));
}

void answer_time(struct buf *b, const char *key, int64_t wall)
{
    if (wall != 0)
        answer_seconds(b, key, wall);
}

void answer_digest(struct buf *b, uint64_t digest)
{
    buf_putf(b, ",\"digest\":\"%016llx\"", (unsigned long long)digest);
}

void answer_remark(struct buf *b, const char *key, const struct remark *r)
{
    if (r->at == 0)
        return;
    put_member_key(b, key);
    buf_puts(b, "{\"text\":");
    buf_put_json(b, str_of(r->text));
    answer_time(b, "at", r->at);
    buf_putc(b, '}');
}

/* --- rows --- */

static void end_within(struct answer_rows *r)
{
    if (r->within[0] != '\0')
        buf_putc(r->out, '}');
    r->within[0] = '\0';
}

/* Of one, or with "limited_1000" of each user: no two are to be of one name. */
static void name_within(char *out, size_t size, const char *name, const struct self_round *at)
{
    bool user = at->key != NULL && strcmp(at->key, "user") == 0;

    (void)snprintf(out, size, "%s%s%s", name, user ? "_" : "", user ? at->val : "");
}

static void answer_row(void *to, const struct self_round *at, const struct self_row *row)
{
    struct answer_rows *r = to;
    size_t n = strlen(r->begin);
    const char *name = row->name + strlen("garnet.");
    char within[sizeof r->within];

    name += strncmp(name, r->begin, n) == 0 ? n : 0;
    name_within(within, sizeof within, name, at);
    if (row->why == NULL || strcmp(r->within, within) != 0)
        end_within(r);
    if (row->why != NULL && r->within[0] == '\0') {
        put_member_key(r->out, within);
        buf_putc(r->out, '{');
        memcpy(r->within, within, sizeof within);
    } else {
        buf_putc(r->out, ',');
    }
    buf_put_json(r->out, str_of(row->why != NULL ? row->why : name));
    buf_putc(r->out, ':');
    metric_put_value(r->out, row->vtype, row->value);
}

struct self_round answer_round(struct answer_rows *r, struct buf *out, const char *begin)
{
    *r = (struct answer_rows){.out = out, .begin = begin};
    return (struct self_round){
        .take = answer_row, .to = r, .level = FULL, .time = clock_wall(), .look = true};
}

void answer_rows_end(struct answer_rows *r)
{
    end_within(r);
}
