/* convert/json.c - what garnetd reads itself, and judges */
#include "convert/json.h"

const struct format FORMAT_JSON = {
    .name = "json",
    .about = "Garnet's own, passed on as it is",
};
