/* convert/munin.c - FIELD.value, and FIELD.type which says what it is
 *
 * All other attributes are for graphs. What a config said is kept for the values, which follow it, in a tree of fields by
 * graph and name; it is bounded, and when it is full a field that is not in it has no known type and is refused, so that
 * none gets a wrong one.
 */
#include "convert/munin.h"

#include <search.h>
#include <stdlib.h>

#include "base/text.h"
#include "convert/value.h"
#include "convert/words.h"

enum { FIELDS_MOST = 4096, NAME_MOST = 512 };

enum kind { GAUGE, DERIVE, COUNTER, ABSOLUTE, KINDS };

static const struct {
    const char *word, *type;
} TYPES[KINDS] = {
    [GAUGE] = {"GAUGE", NULL},
    [DERIVE] = {"DERIVE", "counter"},
    [COUNTER] = {"COUNTER", "counter"},
    [ABSOLUTE] = {"ABSOLUTE", "count"},
};

struct field {
    enum kind kind;
    bool used;     /* a value of it has been taken for that */
    char *graph;   /* "" : none */
    char *name;    /* behind it in the same memory */
    char memory[]; /* GRAPH NUL NAME NUL */
};

struct munin {
    void *fields; /* tsearch()'s */
    size_t nfields;
    char graph[NAME_MOST]; /* of the last `multigraph` */
    size_t graph_n;
    bool nameless; /* that one had no good name: nothing of it is taken */
};

static int compare_fields(const void *a, const void *b)
{
    const struct field *x = a, *y = b;
    int d = strcmp(x->graph, y->graph);

    return d != 0 ? d : strcmp(x->name, y->name);
}

static struct field *make_field(const char *graph, size_t graph_n, struct str name)
{
    struct field *f = calloc(1, sizeof *f + graph_n + name.n + 2);

    if (f == NULL)
        return NULL;
    f->graph = f->memory;
    memcpy(f->graph, graph, graph_n);
    f->name = f->graph + graph_n + 1;
    memcpy(f->name, name.s, name.n);
    return f;
}

/* The field of this graph, made when it is new. NULL: it is not known, and has been told. */
static struct field *find_field(struct munin *s, struct output *o, struct str name)
{
    struct field *f, *const *found;

    if (name.n > NAME_MOST) {
        (void)output_fault(o, name.s, "a field's name is %zu bytes long: at most %d", name.n,
                           NAME_MOST);
        return NULL;
    }
    f = make_field(s->graph, s->graph_n, name);
    found = f != NULL ? tfind(f, &s->fields, compare_fields) : NULL;
    if (found != NULL) {
        free(f);
        return *found;
    }
    if (f != NULL && s->nfields < FIELDS_MOST && tsearch(f, &s->fields, compare_fields) != NULL) {
        s->nfields++;
        return f;
    }
    if (f == NULL || s->nfields < FIELDS_MOST)
        (void)output_fault(o, name.s, "no memory for a field: it is lost");
    else
        (void)output_fault(o, name.s,
                           "more than %d fields: this one's type cannot be known; have fewer in "
                           "one plugin",
                           FIELDS_MOST);
    free(f);
    return NULL;
}

static void munin_clear(void *state)
{
    struct munin *s = state;

    tdestroy(s->fields, free);
}

/* --- lines --- */

static void begin_graph(struct munin *s, struct output *o, const char *at, struct str name)
{
    s->nameless = name.n == 0 || name.n >= sizeof s->graph || !metric_text_ok(name);
    s->graph_n = s->nameless ? 0 : name.n;
    memcpy(s->graph, name.s, s->graph_n);
    if (s->nameless)
        (void)output_fault(o, at,
                           "multigraph needs a name of 1 to %d bytes, without control bytes: left "
                           "out up to the next one",
                           NAME_MOST - 1);
}

static void learn_type(struct munin *s, struct output *o, struct str name, struct str word)
{
    struct field *f = find_field(s, o, name);
    char shown[48];

    if (f == NULL)
        return;
    for (unsigned i = 0; i < KINDS; i++)
        if (str_eq(word, str_of(TYPES[i].word))) {
            if (f->used && f->kind != i)
                (void)output_fault(o, name.s,
                                   "the type comes behind a value, which was taken for %s: print "
                                   "the type first",
                                   TYPES[f->kind].word);
            f->kind = i;
            return;
        }
    str_show(shown, sizeof shown, word);
    (void)output_fault(o, word.s, "type \"%s\" is unknown: use GAUGE, DERIVE, COUNTER or ABSOLUTE",
                       shown);
}

/* "5", "U", "N:5", "1700000000:5" */
static bool read_munin_value(struct output *o, struct str text, struct value *value,
                             struct value *time)
{
    struct str rest = text, at = word_until(&rest, ':');

    time->n = 0;
    if (rest.s == at.s + at.n) /* there is none */
        rest = text;
    else if (!str_eq(at, (struct str){"N", 1}) && !value_time(o, at, VALUE_SECONDS, time))
        return false;
    if (str_eq(rest, (struct str){"U", 1}))
        return output_left_out(o, LEFT_UNKNOWN, rest.s, "value is unknown (U): left out");
    return value_read(o, rest, "value", value);
}

static void munin_value(struct munin *s, struct output *o, struct str name, struct str text)
{
    struct output_metric m = {.name = {{s->graph, s->graph_n}, name}};
    struct value value, time;
    struct field *f;

    if (!read_munin_value(o, text, &value, &time))
        return;
    f = find_field(s, o, name);
    if (f == NULL)
        return;
    f->used = true;
    m.type = TYPES[f->kind].type;
    m.value = value_str(&value);
    m.time = value_str(&time);
    (void)output_put(o, &m);
}

static struct str before_last_dot(struct str word, struct str *attribute)
{
    const char *dot = memrchr(word.s, '.', word.n);

    if (dot == NULL)
        return (struct str){word.s, 0};
    *attribute = (struct str){dot + 1, (size_t)(word.s + word.n - dot) - 1};
    return (struct str){word.s, (size_t)(dot - word.s)};
}

static enum format_step munin_record(void *state, struct output *o, char *line, size_t n, bool last)
{
    struct munin *s = state;
    struct str rest = {line, n}, word, name, attribute = {NULL, 0};
    char shown[48];

    (void)last;
    if (!word_next(&rest, &word) || word.s[0] == '#' || str_eq(word, (struct str){".", 1}))
        return FORMAT_DONE;
    rest = words_trim(rest);
    if (str_eq(word, str_of("multigraph"))) {
        begin_graph(s, o, word.s, rest);
        return FORMAT_DONE;
    }
    if (s->nameless)
        return FORMAT_DONE;
    name = before_last_dot(word, &attribute);
    if (name.n > 0 && str_eq(attribute, str_of("value"))) {
        munin_value(s, o, name, rest);
    } else if (name.n > 0 && str_eq(attribute, str_of("type"))) {
        learn_type(s, o, name, rest);
    } else if (name.n == 0 && (attribute.s != NULL || rest.n == 0)) {
        str_show(shown, sizeof shown, word);
        (void)output_fault(o, word.s,
                           "\"%s\" is no line of a Munin plugin: print FIELD.value NUMBER", shown);
    }
    return FORMAT_DONE;
}

const struct format FORMAT_MUNIN = {
    .name = "munin",
    .about = "a Munin plugin's values, and its config before them",
    .state = sizeof(struct munin),
    .record = munin_record,
    .clear = munin_clear,
};
