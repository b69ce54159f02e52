/* Says that its garnet_plugin has fewer bytes than version 1.0 had. */
#include <garnet/plugin.h>

GARNET_C __attribute__((visibility("default"))) const garnet_plugin garnet_plugin_v1;
const garnet_plugin garnet_plugin_v1 = {.size = 16, .name = "small"};
