/* sink/select.h - which metrics a sink wants: its `only` and its `drop`
 *
 * Both are patterns (base/glob.h) for the metric's name as it was sent, without a prefix. One of
 * `only` must match, where there is one, and none of `drop`.
 */
#ifndef SINK_SELECT_H
#define SINK_SELECT_H
#include "conf/conf.h"
#include "model/metric.h"

bool select_wants(const struct conf_sink *sink, const struct metric *m);

#endif
