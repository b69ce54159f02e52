/* intake/folder.h - the folder that a socket and its lock live in */
#ifndef INTAKE_FOLDER_H
#define INTAKE_FOLDER_H
#include <stdbool.h>

/* Makes the folder of `path` (0755) when it is missing, but no parents. False and a sentence. */
bool make_folder_of(const char *path, char why[256]);

#endif
