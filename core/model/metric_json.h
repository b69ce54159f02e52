/* model/metric_json.h - a metric as JSON, as a collector would send it (docs/protocol.md): once for
 * all who print it */
#ifndef MODEL_METRIC_JSON_H
#define MODEL_METRIC_JSON_H
#include "model/metric.h"

enum metric_time { METRIC_TIME_US = 6, METRIC_TIME_NS = 9 }; /* so many digits of the second */

/* Appends "name":...,"value":... and so on, without the braces; what the metric does not have is
 * left out. */
void metric_put_json(struct buf *b, const struct metric *m, enum metric_time digits);
void metric_put_time(struct buf *b, int64_t ns, enum metric_time digits); /* Unix seconds */

#endif
