/* cli/explain_memory.c - dies of nothing: a member that is missing is 0, or none */
#include "cli/explain_memory.h"

#include "base/clock.h"
#include "base/terminal.h"
#include "cli/show_status.h"
#include "model/metric.h"

static struct status_words how_long_ago(const json_t *of, const char *key)
{
    return status_ago((double)clock_wall() / 1e9, status_number(of, key));
}

/* --- names --- */

/* Why a name may have come all the same. */
static void show_reach(FILE *to, const json_t *memory)
{
    double skipped = status_number(memory, "skipped"), gone = status_number(memory, "displaced");

    if (skipped > 0)
        say(to, "  of what came meanwhile it has passed over %.0f metrics", skipped);
    if (gone > 0)
        say(to, "  %.0f names that had not come for longest had to give way to others", gone);
    if (json_is_true(json_object_get(memory, "partly")))
        say(to, "  it has not looked through all that it remembers: ask once more, for a shorter "
                "pattern");
}

static struct status_sender sender_of(const json_t *one)
{
    const char *collector = status_text(one, "collector"), *name = status_text(one, "name");

    return status_sender(collector, metric_is_garnets((struct str){"", 0}, str_of(name)));
}

void show_remembered(FILE *to, const json_t *memory, bool near)
{
    const json_t *seen = json_object_get(memory, "seen"), *one;
    double more = status_number(memory, "matching") - (double)json_array_size(seen);
    const char *nearest = status_text(memory, "near");
    size_t i;

    json_array_foreach (seen, i, one)
        say(to, "  garnetd has taken in %s, the last %s, from %s", status_text(one, "name"),
            how_long_ago(one, "at").text, sender_of(one).text);
    if (more > 0)
        say(to, "  and %.0f names more", more);
    if (json_object_get(memory, "names") == NULL)
        return;
    if (json_array_size(seen) == 0 && !json_is_true(json_object_get(memory, "partly")))
        say(to, "  nor is it among the %.0f names that garnetd remembers since it began, %s",
            status_number(memory, "names"), how_long_ago(memory, "since").text);
    show_reach(to, memory);
    if (json_array_size(seen) == 0 && near && nearest[0] != '\0')
        say(to, "  it has seen %s: is it that?", nearest);
}

/* --- rejections --- */

static void show_rejection(FILE *to, const char *from, const char *collector, const json_t *x,
                           const char *which)
{
    const char *name = status_text(x, "name");
    double line = status_number(x, "line"), byte = status_number(x, "byte");

    (void)fprintf(to, "  rejected%s %s: %s%s: ", which, how_long_ago(x, "at").text, from,
                  collector);
    if (line > 0 && byte > 0)
        (void)fprintf(to, "line %.0f, byte %.0f: ", line, byte);
    else if (line > 0)
        (void)fprintf(to, "line %.0f: ", line);
    say(to, "%s%s%s", name, name[0] != '\0' ? ": " : "", status_text(x, "text"));
}

static void show_source(FILE *to, const json_t *memory, const json_t *source, bool missing)
{
    const json_t *of_this = json_object_get(source, "of_this"),
                 *nameless = json_object_get(source, "nameless"), *one;
    const char *collector = status_text(source, "collector");
    const char *from = collector[0] != '\0' ? "collector " : "the shared socket";
    double kept = status_number(source, "kept"), before = status_number(source, "all") - kept;
    double more = status_number(source, "of_this_all") - (double)json_array_size(of_this);
    size_t i;

    json_array_foreach (of_this, i, one)
        show_rejection(to, from, collector, one, "");
    if (more > 0)
        say(to, "  and %.0f times more: %s%s", more, from, collector);
    if (!missing)
        return;
    json_array_foreach (nameless, i, one)
        show_rejection(to, from, collector, one, ", with no name that can be told,");
    if (json_array_size(of_this) > 0)
        return;
    if (json_is_true(json_object_get(memory, "rejected_partly")))
        say(to, "  garnetd has not looked through all that was rejected: ask once more");
    else if (before > 0)
        say(to, "  it is not among the %.0f that are remembered of %.0f that were rejected of %s%s",
            kept, kept + before, from, collector);
    else
        say(to, "  it is not among the %.0f that were rejected of %s%s", kept, from, collector);
}

void show_rejections(FILE *to, const json_t *memory, bool missing)
{
    const json_t *one;
    size_t i;

    json_array_foreach (json_object_get(memory, "rejected"), i, one)
        show_source(to, memory, one, missing);
}
