/* model/metric_json.c - field after field into a buf
 *
 * Numbers keep their exact value and their kind: an integer has no point. Fails only as the buf does.
 */
#include "model/metric_json.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/text.h"

static void put_member_json(struct buf *b, const char *key, struct str s)
{
    if (s.n == 0)
        return;
    buf_putf(b, ",\"%s\":", key);
    buf_put_json(b, s);
}

static void put_value_json(struct buf *b, const struct metric *m)
{
    if (m->vtype == METRIC_F64)
        buf_put_f64(b, m->value.f);
    else if (m->vtype == METRIC_U64)
        buf_put_u64(b, m->value.u);
    else
        buf_put_i64(b, m->value.i);
}

static void put_tags_json(struct buf *b, const char *key, const struct tag *tags, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        buf_putf(b, i == 0 ? ",\"%s\":{" : ",", key);
        buf_put_json(b, tags[i].key);
        buf_putc(b, ':');
        buf_put_json(b, tags[i].val);
    }
    if (n > 0)
        buf_putc(b, '}');
}

void metric_put_time(struct buf *b, int64_t ns, enum metric_time digits)
{
    buf_putf(b, "%" PRId64 ".%0*" PRId64, ns / NS_PER_S, (int)digits,
             ns % NS_PER_S / (digits == METRIC_TIME_US ? 1000 : 1));
}

void metric_put_json(struct buf *b, const struct metric *m, enum metric_time digits)
{
    buf_puts(b, "\"name\":");
    buf_put_json(b, m->name);
    buf_puts(b, ",\"value\":");
    put_value_json(b, m);
    buf_puts(b, ",\"time\":");
    metric_put_time(b, m->time_ns, digits);
    put_member_json(b, "type", str_of(metric_type_name(m->type)));
    put_member_json(b, "unit", m->unit);
    put_tags_json(b, "tags", m->tags, m->ntags);
    put_tags_json(b, "meta", m->meta, m->nmeta);
}
