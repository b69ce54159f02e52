/* control/request.c - jansson reads, a table says what can be asked */
#include "control/request.h"

#include <jansson.h>
#include <string.h>

#include "base/glob.h"

static const char *const ASKS[] = {
    [CONTROL_STATUS] = "status", [CONTROL_RELOAD] = "reload", [CONTROL_EXPLAIN] = "explain"};
enum { NASKS = sizeof ASKS / sizeof *ASKS };

static bool read_version(const json_t *v, struct why *why)
{
    if (v == NULL || !json_is_integer(v))
        why_set(why, "\"garnet\" is missing: it is the version of what is spoken here, %d",
                CONTROL_VERSION);
    else if (json_integer_value(v) != CONTROL_VERSION)
        why_set(why, "version %lld is not spoken here, but %d: use the `garnet` of this garnetd",
                (long long)json_integer_value(v), CONTROL_VERSION);
    else
        return true;
    return false;
}

static bool read_ask(struct control_request *r, const json_t *v, struct why *why)
{
    const char *ask = json_string_value(v);

    for (unsigned i = 0; ask != NULL && i < NASKS; i++) {
        if (strcmp(ask, ASKS[i]) == 0) {
            r->ask = (enum control_ask)i;
            return true;
        }
    }
    why_set(why, "\"ask\" is to be \"status\", \"reload\" or \"explain\"");
    return false;
}

/* Which goes with one ask, and with no other. */
static bool read_metric(struct control_request *r, const json_t *v, struct why *why)
{
    const char *metric = json_string_value(v);

    if (r->ask != CONTROL_EXPLAIN)
        return v == NULL || why_set(why, "\"metric\" goes with \"explain\"");
    if (metric == NULL || metric[0] == '\0' || strlen(metric) > CONTROL_METRIC)
        return why_set(why, "\"metric\" is to be a name or a pattern, of %d bytes at most",
                       CONTROL_METRIC);
    if (glob_fault(metric) != NULL)
        return why_set(why, "\"%.60s\" %s", metric, glob_fault(metric));
    memcpy(r->metric, metric, strlen(metric) + 1);
    return true;
}

static bool read_members(struct control_request *r, json_t *all, struct why *why)
{
    const char *key;
    json_t *v;

    json_object_foreach (all, key, v)
        if (strcmp(key, "garnet") != 0 && strcmp(key, "ask") != 0 && strcmp(key, "metric") != 0)
            return why_set(why, "\"%.64s\" is not known here", key);
    return read_version(json_object_get(all, "garnet"), why) &&
           read_ask(r, json_object_get(all, "ask"), why) &&
           read_metric(r, json_object_get(all, "metric"), why);
}

bool control_request_read(struct control_request *r, struct str line, struct why *why)
{
    json_error_t e;
    json_t *all = json_loadb(line.s, line.n, JSON_REJECT_DUPLICATES, &e);
    bool good = false;

    if (all == NULL)
        why_set(why, "byte %d: %s", e.position, e.text);
    else if (!json_is_object(all))
        why_set(why, "a request is a JSON object, such as {\"garnet\":%d,\"ask\":\"status\"}",
                CONTROL_VERSION);
    else
        good = read_members(r, all, why);
    json_decref(all);
    return good;
}
