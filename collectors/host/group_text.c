/* group_text.c - one look for each number: the files are short */
#include "host/group_text.h"

static enum found number(struct str word, uint64_t *v)
{
    return field_u64(word, v) ? NUMBER : NO_NUMBER;
}

enum found group_assigned(struct str line, const char *key, uint64_t *v)
{
    struct str word, name;

    while (field_word(&line, &word))
        if (field_name(&word, '=', &name) && field_is(name, key))
            return number(word, v);
    return NOT_THERE;
}

enum found group_find(const char *field, struct str text, uint64_t *v)
{
    bool first = strcmp(field, "1st") == 0, pressure = strcmp(field, "some total") == 0;
    struct str line, word;

    while (field_line(&text, &line)) {
        if (!field_word(&line, &word))
            continue;
        if (first)
            return number(word, v);
        if (!field_is(word, pressure ? "some" : field))
            continue;
        if (pressure)
            return group_assigned(line, "total", v);
        (void)field_word(&line, &word);
        return number(word, v);
    }
    return first ? NO_NUMBER : NOT_THERE;
}

bool group_device(struct str *line, struct str *device)
{
    struct str rest = *line, word;

    *device = (struct str){0};
    while (field_word(&rest, &word) && memchr(word.s, '=', word.n) == NULL) {
        *device = word;
        *line = rest;
    }
    return device->n > 0 && memchr(device->s, ':', device->n) != NULL; /* "(unknown)" is several */
}
