/* delivery/transport/file.h - appends to a regular file, whole lines after every restart */
#ifndef DELIVERY_TRANSPORT_FILE_H
#define DELIVERY_TRANSPORT_FILE_H
#include "delivery/transport.h"

extern const struct transport_kind transport_file;

#endif
