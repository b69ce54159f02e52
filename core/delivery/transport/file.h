/* delivery/transport/file.h - appends to a regular file, whole lines after every restart */
#pragma once
#include "delivery/transport.h"

extern const struct transport_kind transport_file;
