/* model/metric_json.h - a metric as JSON, as a collector would send it (docs/protocol.md): once for
 * all who print it */
#ifndef MODEL_METRIC_JSON_H
#define MODEL_METRIC_JSON_H
#include "model/metric.h"

/* Appends "name":...,"value":... and so on, without the braces; what the metric does not have is
 * left out. */
void metric_put_json(struct buf *b, const struct metric *m);
/* Unix seconds, with microseconds. */
void metric_put_time(struct buf *b, int64_t ns);

#endif
