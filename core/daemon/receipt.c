/* daemon/receipt.c - both configurations side by side; nothing fails but the buf */
#include "daemon/receipt.h"

#include "base/text.h"
#include "conf/change.h"
#include "daemon/answer.h"
#include "daemon/status.h"

static struct conf_part sink_part(const struct conf *c, const char *name)
{
    const struct conf_sink *s = conf_sink_named(c, name);

    return s == NULL ? (struct conf_part){0} : (struct conf_part){true, s->digest};
}

static struct conf_part collector_part(const struct conf_collector *k)
{
    return k == NULL ? (struct conf_part){0} : (struct conf_part){k->enabled != 0, k->digest};
}

static void put_change(struct buf *b, bool *first, const char *kind, const char *name,
                       enum conf_change change)
{
    if (change == CHANGE_NONE)
        return;
    buf_puts(b, *first ? "{\"" : ",{\"");
    buf_puts(b, kind);
    buf_puts(b, "\":");
    buf_put_json(b, str_of(name));
    answer_text(b, "change", conf_change_name(change));
    buf_putc(b, '}');
    *first = false;
}

/* Both lists are sorted by name. */
static void put_collectors(struct buf *b, bool *first, const struct conf_collector *a,
                           const struct conf_collector *k)
{
    while (a != NULL || k != NULL) {
        int order = a == NULL ? 1 : k == NULL ? -1 : strcmp(a->name, k->name);
        const struct conf_collector *before = order <= 0 ? a : NULL, *now = order >= 0 ? k : NULL;

        put_change(b, first, "collector", order <= 0 ? a->name : k->name,
                   conf_change_of(collector_part(before), collector_part(now)));
        a = before != NULL ? a->next : a;
        k = now != NULL ? k->next : k;
    }
}

/* A sink that is refused runs on as it was. */
static void put_sinks(struct buf *b, bool *first, const struct conf *before, const struct conf *now)
{
    for (const struct conf_sink *s = before->sinks; s != NULL; s = s->next)
        if (conf_sink_named(now, s->name) == NULL)
            put_change(b, first, "sink", s->name, CHANGE_STOPS);
    for (const struct conf_sink *s = now->sinks; s != NULL; s = s->next)
        if (!s->refused)
            put_change(b, first, "sink", s->name,
                       conf_change_of(sink_part(before, s->name), sink_part(now, s->name)));
}

void receipt_put(struct buf *b, const struct conf *before, const struct conf *now,
                 const struct buf *wrong)
{
    bool first = true, whole = wrong->n == 0 && now != NULL && now->refused == NULL;

    buf_puts(b, "{\"result\":");
    buf_put_json(b, str_of(whole ? "applied" : now != NULL ? "partly" : "refused"));
    if (wrong->n > 0) {
        buf_puts(b, ",\"errors\":");
        buf_put_json(b, (struct str){wrong->p, wrong->n});
    }
    buf_puts(b, ",\"refused\":");
    status_put_refused(b, now != NULL ? now : before);
    buf_puts(b, ",\"changes\":[");
    if (now != NULL) {
        put_collectors(b, &first, before->collectors, now->collectors);
        put_sinks(b, &first, before, now);
    }
    buf_puts(b, "]}");
}
