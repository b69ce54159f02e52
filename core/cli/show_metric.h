/* cli/show_metric.h - a metric as people read it, on one line, and as programs do
 *
 *   2026-11-29T21:26:29Z cpu.time{cpu=0,host=web1} 1234.5 s counter [cpu]
 *
 * Time (UTC), name, tags, value, unit, the type unless it is a gauge, and the collector; what the metric does not have
 * is left out. Meta tags are in the JSON only. Whatever a sender has put in (base/text.h), it is one line, and
 * moves no cursor.
 */
#pragma once
#include <stdio.h>

#include "model/metric.h"

void show_metric(FILE *to,
                 const struct metric *m); /* the line, with its end; fails as stdio does */
/* The same to a buf, which alone can fail. */
void show_metric_put(struct buf *line, const struct metric *m);
/* An object on one line: what docs/protocol.md has, and "collector" and "prefix" where there are any. */
void show_metric_put_json(struct buf *line, const struct metric *m);
/* The same with "seq", its number in the spool. */
void show_record_put_json(struct buf *line, uint64_t seq, const struct metric *m);
/* A time as the line begins with it: with as much of a second's fraction as is not 0. */
void show_time_put(struct buf *line, int64_t ns);
/* In their place in the spool are n metrics from `seq` on that are not shown: an object likewise. */
void show_gap_put_json(struct buf *line, uint64_t seq, uint64_t n, const char *reason);
