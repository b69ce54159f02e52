# What authors of plugins and of programs with the client get: headers, pkg-config and CMake packages, the manual page, templates.
# All of it finds its prefix by its own place, so a tree that was moved or staged works.
include(CMakePackageConfigHelpers)

file(STRINGS core/include/garnet/plugin.h minor REGEX "define GARNET_ABI_MINOR")
string(REGEX REPLACE ".*MINOR ([0-9]+).*" "1.\\1" GARNET_ABI "${minor}")

set(GARNET_INCLUDE_DIR ${CMAKE_INSTALL_FULL_INCLUDEDIR})
set(GARNET_BIN_DIR ${CMAKE_INSTALL_FULL_BINDIR})
set(GARNET_LIB_DIR ${CMAKE_INSTALL_FULL_LIBDIR})
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Garnet)
configure_package_config_file(cmake/GarnetConfig.cmake.in ${CMAKE_BINARY_DIR}/kit/GarnetConfig.cmake
                              INSTALL_DESTINATION ${package_dir}
                              PATH_VARS GARNET_PLUGIN_DIR GARNET_INCLUDE_DIR GARNET_BIN_DIR GARNET_LIB_DIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/kit/GarnetConfigVersion.cmake
                                 VERSION ${GARNET_ABI} COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/kit/GarnetConfig.cmake ${CMAKE_BINARY_DIR}/kit/GarnetConfigVersion.cmake
        DESTINATION ${package_dir})

file(RELATIVE_PATH GARNET_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" GARNET_PC_TO_PREFIX "${GARNET_PC_TO_PREFIX}")
file(RELATIVE_PATH GARNET_PC_PLUGIN_DIR ${CMAKE_INSTALL_PREFIX} ${GARNET_PLUGIN_DIR})
configure_file(cmake/garnet.pc.in ${CMAKE_BINARY_DIR}/kit/garnet.pc @ONLY)
configure_file(cmake/garnet-client.pc.in ${CMAKE_BINARY_DIR}/kit/garnet-client.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/kit/garnet.pc ${CMAKE_BINARY_DIR}/kit/garnet-client.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES core/include/garnet/plugin.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/garnet)
install(FILES LICENSE docs/plugins.md docs/plugin-options.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME CHANGELOG)
# The README without what only the source has, and with links to where things are installed.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS README.md)
file(READ README.md readme)
string(REGEX REPLACE "## Two commands.*## The road" "## The road" readme "${readme}")
string(REGEX REPLACE "## Install\n.*## Where to read" "## Where to read" readme "${readme}")
string(REGEX REPLACE "\\]\\(docs/" "](" readme "${readme}")
string(REGEX REPLACE "\\]\\(plugins/([a-z0-9]+)\\)" "](plugins/\\1.md)" readme "${readme}")
string(REPLACE "[collectors/examples](collectors/examples)" "[examples](examples)" readme "${readme}")
string(REPLACE "[plugin.h](core/include/garnet/plugin.h)" "`garnet/plugin.h`" readme "${readme}")
file(WRITE ${CMAKE_BINARY_DIR}/kit/README.md "${readme}")
install(FILES ${CMAKE_BINARY_DIR}/kit/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
foreach(plugin graphite live metrics20 statsd)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS plugins/${plugin}/README.md)
  file(READ plugins/${plugin}/README.md readme)
  string(REGEX REPLACE "\\]\\(\\.\\./([a-z0-9]+)/README.md" "](\\1.md" readme "${readme}")
  string(REPLACE "](../../docs/" "](../" readme "${readme}")
  file(WRITE ${CMAKE_BINARY_DIR}/kit/${plugin}.md "${readme}")
  install(FILES ${CMAKE_BINARY_DIR}/kit/${plugin}.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/plugins)
endforeach()
install(FILES docs/man/garnet-plugin.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(DIRECTORY examples/plugin examples/client examples/paths DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# docs/plugin-options.md anew, from what the built plugins say of themselves.
add_custom_target(plugin-options
                  COMMAND python3 -B ${CMAKE_SOURCE_DIR}/docs/plugin-options.py ${CMAKE_BINARY_DIR}
                          ${CMAKE_SOURCE_DIR}/docs/plugin-options.md
                  VERBATIM)

# The tables of keys in docs/operations.md anew, from the rows that read them.
add_executable(garnet-keys EXCLUDE_FROM_ALL docs/keys.c)
target_link_libraries(garnet-keys PRIVATE garnet_conf)
add_custom_target(keys
                  COMMAND python3 -B ${CMAKE_SOURCE_DIR}/docs/keys.py $<TARGET_FILE:garnet-keys>
                          ${CMAKE_SOURCE_DIR}/docs/operations.md
                  VERBATIM)
add_dependencies(keys garnet-keys)
# The tables of metrics in docs/collectors.md anew, from those that the collectors are made of, and the paths of others from it.
add_executable(garnet-collectors EXCLUDE_FROM_ALL docs/collectors.c)
target_link_libraries(garnet-collectors PRIVATE garnet_host)
add_custom_target(collector-tables
                  COMMAND python3 -B ${CMAKE_SOURCE_DIR}/docs/keys.py $<TARGET_FILE:garnet-collectors>
                          ${CMAKE_SOURCE_DIR}/docs/collectors.md
                  COMMAND python3 -B ${CMAKE_SOURCE_DIR}/docs/paths.py collectd > ${CMAKE_SOURCE_DIR}/examples/paths/collectd.yaml
                  COMMAND python3 -B ${CMAKE_SOURCE_DIR}/docs/paths.py Diamond > ${CMAKE_SOURCE_DIR}/examples/paths/diamond.yaml
                  VERBATIM)
add_dependencies(collector-tables garnet-collectors)
if(GARNET_TESTS)
  set_target_properties(garnet-keys garnet-collectors PROPERTIES EXCLUDE_FROM_ALL FALSE) # tree.operations and tree.collector_tables run them
endif()
