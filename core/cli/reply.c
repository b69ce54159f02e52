/* cli/reply.c - garnetd's reply -> sentences for people
 *
 * One line as a rule; more when the client asked for acknowledgements on the way. Prints
 *
 *     rejected: line 1, byte 17, value: must be a finite number
 *
 * for each error in it. A reply holds the first ones alone, so the rest is only counted. What is no
 * reply is called that: then something else listens on that socket.
 */
#include "cli/reply.h"

#include <jansson.h>
#include <string.h>

#include "base/terminal.h"

struct sum {
    json_int_t rejected, shown;
    bool refused;
};

/* A member that may be missing. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s != NULL ? s : "";
}

static void show_error(const json_t *error, bool refused, FILE *err)
{
    json_int_t line = json_integer_value(json_object_get(error, "line"));
    const char *field = text_of(error, "field");

    char at[80] = "";

    if (line > 0)
        (void)snprintf(at, sizeof at,
                       "line %" JSON_INTEGER_FORMAT ", byte %" JSON_INTEGER_FORMAT ", ", line,
                       json_integer_value(json_object_get(error, "byte")));
    say(err, "%s: %s%s%s%s", refused ? "refused" : "rejected", at, field, field[0] != 0 ? ": " : "",
        text_of(error, "error"));
}

static void show_line(const json_t *reply, bool logged, struct sum *sum, FILE *err)
{
    json_int_t rejected = json_integer_value(json_object_get(reply, "rejected"));
    const json_t *errors = json_object_get(reply, "errors");
    size_t i, n = json_array_size(errors);

    for (i = 0; i < n && !(logged && rejected > 0); i++)
        show_error(json_array_get(errors, i), rejected == 0, err);
    sum->rejected += rejected;
    sum->shown += (json_int_t)n;
    sum->refused = sum->refused || (rejected == 0 && n > 0);
}

enum reply_verdict reply_show(const char *text, bool logged, FILE *err)
{
    struct sum sum = {0};
    const char *next;

    for (; *text != 0; text = next) {
        size_t n = strcspn(text, "\n");
        json_t *reply = json_loadb(text, n, 0, NULL);

        next = text + n + (text[n] == '\n');
        if (json_is_integer(json_object_get(reply, "accepted")) &&
            json_is_integer(json_object_get(reply, "rejected"))) {
            show_line(reply, logged, &sum, err);
        } else {
            say(err, "refused: this is not a reply of garnetd: %.*s", (int)(n < 200 ? n : 200),
                text);
            sum.refused = true;
        }
        json_decref(reply);
    }
    if (sum.rejected > sum.shown && !logged)
        (void)fprintf(err, "rejected: %" JSON_INTEGER_FORMAT " more; garnetd's log has them\n",
                      sum.rejected - sum.shown);
    return sum.rejected > 0 ? REPLY_REJECTED : sum.refused ? REPLY_REFUSED : REPLY_ACCEPTED;
}
