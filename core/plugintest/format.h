/* plugintest/format.h - checks of format(), begin() and end()
 *
 * Each is for child_run(), with a struct trial, and prints its own line or lines.
 */
#pragma once

int check_format(void *trial);  /* every kind of metric, always the same bytes */
int check_hostile(void *trial); /* no text breaks out of its field */
int check_batch(void *trial);   /* a full batch, and again after one that was thrown away */
