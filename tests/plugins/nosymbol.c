/* A shared object, but no plugin. */
__attribute__((visibility("default"))) extern const int garnet_nothing;
const int garnet_nothing = 1;
