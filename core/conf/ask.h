/* conf/ask.h - what parsing must know of the world: asked once for all files, by processes that may hang
 * (conf/askers.h)
 */
#pragma once
#include "conf/facts.h"

struct asking { /* of one load: all zero, with a table */
    int table;  /* hung_table(), borrowed; -1: this load shares it with no other */
    unsigned waited_ms;
};

/* Puts each into the snapshot that it is wanted of; what is known of another file is not asked again. False:
 * no memory, or no process. */
bool ask_facts(struct snapshot *s, const struct fact_want *wanted, struct asking *of);
