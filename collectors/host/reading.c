/* reading.c - what is there twice counts once: a JSON object has no key twice */
#include "host/reading.h"

#include "base/text.h"

/* field is "GROUP NAME", or NAME where there is no group. Most lines are no row's, and most rows differ in the first letter. */
static bool row_is(const struct figure *f, const char *file, struct str group, struct str name)
{
    const char *field = f->field;

    if (group.n > 0) {
        if (field[0] != group.s[0] || strlen(field) <= group.n ||
            memcmp(field, group.s, group.n) != 0 || field[group.n] != ' ')
            return false;
        field += group.n + 1;
    }
    return name.n > 0 && field[0] == name.s[0] && field_is(name, field) &&
           strcmp(f->file, file) == 0;
}

const struct figure *reading_row(const struct host *h, const char *file, struct str group,
                                 struct str name, size_t *hint)
{
    size_t n = h->at->nfigures;

    for (size_t i = 0; i < n; i++) {
        size_t at = (*hint + i) % n;

        if (row_is(&h->at->figures[at], file, group, name)) {
            *hint = at + 1;
            return &h->at->figures[at];
        }
    }
    return NULL;
}

size_t reading_numbers(struct host *h, const char *file, struct str of, struct str line,
                       uint64_t *v, size_t least, size_t most)
{
    char shown[2][40], path[512];
    struct str word = {0};
    size_t found = 0;

    while (found < most && field_word(&line, &word) && field_u64(word, &v[found]))
        found++;
    if (found == most || (word.n == 0 && found >= least))
        return found;
    (void)host_path(h, file, path, sizeof path);
    str_show(shown[0], sizeof shown[0], of);
    str_show(shown[1], sizeof shown[1], word);
    if (word.n > 0)
        host_complain(h, "%s: %s has %s, which is no number", path, shown[0], shown[1]);
    else
        host_complain(h, "%s: %s has %zu numbers, not %zu or more", path, shown[0], found, least);
    return found >= least ? found : 0;
}

void reading_end(struct host *h, const char *file, struct str rest)
{
    char path[512];

    if (rest.n > 0)
        host_complain(h, "%s breaks off", host_path(h, file, path, sizeof path));
}

/* Once for each row. */
static bool is_new(const struct host *h, const struct figure *f, bool seen[HOST_FIGURES])
{
    bool *s = &seen[f - h->at->figures];
    bool before = *s;

    *s = true;
    return !before;
}

static void put_number(struct host *h, const struct figure *f, struct str word, struct str rest)
{
    bool kib = f->scale == SAID_KIBIBYTES;
    char shown[40], path[512];
    struct str unit;
    uint64_t v;

    if (field_u64(word, &v) && field_word(&rest, &unit) == kib && (!kib || field_is(unit, "kB"))) {
        host_u64(h, f, v);
        return;
    }
    str_show(shown, sizeof shown, word);
    host_complain(h, "%s: %s is no number%s: %s", host_path(h, f->file, path, sizeof path),
                  f->field, kib ? " in kB" : "", shown);
}

size_t reading_keys(struct host *h, const char *file)
{
    bool seen[HOST_FIGURES] = {false};
    size_t found = 0, hint = 0;
    struct str text, line, key, value;

    if (!host_text(h, file, &text))
        return 0;
    while (field_line(&text, &line)) {
        const struct figure *f;

        if (!field_word(&line, &key))
            continue;
        key.n -= key.s[key.n - 1] == ':';
        f = reading_row(h, file, (struct str){0}, key, &hint);
        if (f == NULL || !is_new(h, f, seen))
            continue;
        (void)field_word(&line, &value);
        put_number(h, f, value, line);
        found++;
    }
    reading_end(h, file, text);
    return found;
}

/* The two lines of a group, without its name. */
static size_t read_pair(struct host *h, const char *file, struct str group, struct str names,
                        struct str values, bool seen[HOST_FIGURES])
{
    size_t found = 0, hint = 0;
    struct str name, value;

    while (field_word(&names, &name)) {
        const struct figure *f = reading_row(h, file, group, name, &hint);

        (void)field_word(&values, &value);
        if (f != NULL && is_new(h, f, seen)) {
            put_number(h, f, value, (struct str){0});
            found++;
        }
    }
    return found;
}

/* Complains of the names of rows that are on a line without another one. */
static void miss_pair(struct host *h, const char *file, struct str group, struct str names)
{
    size_t hint = 0;
    char path[512];
    struct str name;

    while (field_word(&names, &name)) {
        const struct figure *f = reading_row(h, file, group, name, &hint);

        if (f != NULL)
            host_complain(h, "%s: %s has no number", host_path(h, file, path, sizeof path),
                          f->field);
    }
}

size_t reading_pairs(struct host *h, const char *file)
{
    bool seen[HOST_FIGURES] = {false};
    struct str text, names, values, group, same;
    size_t found = 0;

    if (!host_text(h, file, &text))
        return 0;
    while (field_line(&text, &names)) {
        struct str after = text;

        if (!field_name(&names, ':', &group))
            continue;
        if (!field_line(&after, &values) || !field_name(&values, ':', &same) ||
            !str_eq(group, same)) {
            miss_pair(h, file, group, names);
            continue;
        }
        found += read_pair(h, file, group, names, values, seen);
        text = after;
    }
    reading_end(h, file, text);
    return found;
}

size_t reading_lists(struct host *h, const char *file)
{
    bool seen[HOST_FIGURES] = {false};
    struct str text, line, group, name, value;
    size_t found = 0, hint = 0;

    if (!host_text(h, file, &text))
        return 0;
    while (field_line(&text, &line)) {
        if (!field_name(&line, ':', &group))
            continue;
        while (field_word(&line, &name)) {
            const struct figure *f = reading_row(h, file, group, name, &hint);

            (void)field_word(&line, &value);
            if (f != NULL && is_new(h, f, seen)) {
                put_number(h, f, value, (struct str){0});
                found++;
            }
        }
    }
    reading_end(h, file, text);
    return found;
}

bool reading_line(struct host *h, const char *file, const char *key, struct str *rest)
{
    char path[512];
    struct str text, word;

    if (!host_text(h, file, &text))
        return false;
    while (field_line(&text, rest))
        if (field_word(rest, &word) && field_is(word, key))
            return true;
    reading_end(h, file, text);
    host_complain(h, "%s has no line %s", host_path(h, file, path, sizeof path), key);
    return false;
}
