/* cli/convert.h - `garnet convert FORMAT`: what a script prints, as Garnet's JSON */
#pragma once

extern const char CONVERT_HELP[];

int convert_main(int argc, char *const argv[]);
