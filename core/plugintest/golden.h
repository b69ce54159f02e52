/* plugintest/golden.h - one case of a golden folder: metrics in, exact bytes out */
#pragma once

/* For child_run(), with a struct trial whose `golden` is the case's folder. Prints what is wrong, and nothing
 * if nothing is. */
int check_golden(void *trial);
