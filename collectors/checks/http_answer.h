/* http_answer.h - what of an answer is as it should be, without libcurl; and http-check's table
 *
 * Pure.
 */
#pragma once
#include <stdbool.h>
#include <time.h>

#include "base/why.h"
#include "host/figure.h"

enum {
    HTTP_OK,
    HTTP_STATUS,
    HTTP_BYTES,
    HTTP_TIME,
    HTTP_RESOLVE,
    HTTP_CONNECT,
    HTTP_TLS,
    HTTP_WAIT,
    HTTP_TRANSFER,
    HTTP_CERTIFICATE,
    HTTP_FIGURES
};
extern const struct figure http_figures[HTTP_FIGURES];

enum { HTTP_STATUS_LEAST = 100, HTTP_STATUS_MOST = 999 };

/* "200,204,300-399". False: why has a clause that fits after `--status "TEXT"`. */
bool http_statuses(const char *text, bool good[HTTP_STATUS_MOST + 1], struct why *why);
/* A line of what libcurl says of a certificate, "Expire date:Nov 30 10:00:00 2026 GMT". False: it is another line. */
bool http_expires(const char *line, time_t *at);
