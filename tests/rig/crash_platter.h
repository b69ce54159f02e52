/* tests/rig/crash_platter.h - what of the disk in memory is on the platter, with a cache that forgets
 *
 * Nothing gets there by itself. A sync that works brings a file's dirty bytes, or a folder's names;
 * one that fails brings nothing, and they count as clean all the same, as in a kernel: a second one
 * that works brings what was written since. Clean bytes may be read from the platter again at any
 * time. */
#pragma once
#include "rig/crash_disk.h"

void platter_reset(
    void); /* an empty one, under the disk as it is; it sees every write and sync from now on */
void platter_evict(
    void); /* what is clean is read from the platter again: zeros where there is nothing */

/* Power has failed and is there again. */
void platter_only(void);

/* Somebody removes all that is in the folder, and syncs that. */
void platter_lose_names(void);
