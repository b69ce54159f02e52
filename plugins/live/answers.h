/* live/answers.h - what is asked for by JSON: all series, and the points of some
 *
 * An answer is made series by series while it is sent, so it takes no more memory than the longest of
 * them. Series that come or go meanwhile may be in it or not: the events tell.
 */
#pragma once
#include <microhttpd.h>

struct store;

enum { ANSWER_SERIES_MOST = 512 };

/* Each is NULL for want of memory. The store must outlive the response. */
struct MHD_Response *answer_catalog(const struct store *, int64_t now_ms);
/* ids: "3,17,4"; what is no id of a series is passed over. */
struct MHD_Response *answer_points(const struct store *, const char *ids);
