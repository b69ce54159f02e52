/* plugintest/lifecycle.h - checks of what a plugin is, and of how it begins and ends
 *
 * Each is for child_run(), with a struct trial, and prints its own lines.
 */
#pragma once

int check_load(void *trial); /* its symbols too, as a check of their own */
int check_options(void *trial);
int check_open(void *trial);
int check_close(void *trial); /* what open() to close() leave behind */
