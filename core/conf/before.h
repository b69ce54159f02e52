/* conf/before.h - what collectors' files said before, for when they have errors now */
#pragma once
#include "conf/snapshot.h"

struct conf;

/* Puts the versions that `now` uses behind the files of `s`, and those that have not changed before those
 * that have, and new ones last: in a clash the later one gives way. Where the folder could not be read,
 * nothing in it is known to be gone: its files are those of `now`. False: no memory. */
bool before_add(struct snapshot *s, const struct snapshot *now);
/* c is what `s` says. Those of its files whose version before is not good any more get the facts that it
 * was good by; false: there are none. */
bool before_by_old_facts(struct snapshot *s, const struct conf *c);
/* What c refuses gives way to all others; what runs on still comes before what is new. */
void before_refused_last(struct snapshot *s, const struct conf *c);
