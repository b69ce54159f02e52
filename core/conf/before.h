/* conf/before.h - what collectors' files said before, for when they have errors now */
#pragma once
#include "conf/snapshot.h"

/* Puts the versions that `now` uses behind the files of `s`, and those that have not changed before those
 * that have, and new ones last: in a clash the later one gives way. Where the folder could not be read,
 * nothing in it is known to be gone: its files are those of `now`. False: no memory. */
bool before_add(struct snapshot *s, const struct snapshot *now);
