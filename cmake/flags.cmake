# The flags of every target: strict warnings as errors, hardening, and the sanitizers on request.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)            # _GNU_SOURCE: epoll, signalfd, close_range, ...
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_definitions(_GNU_SOURCE GARNET_VERSION="${PROJECT_VERSION}")
add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Wformat=2 -Wnull-dereference
                    -Wstrict-prototypes -Wmissing-prototypes -Werror
                    -fno-delete-null-pointer-checks -fno-strict-overflow)

option(GARNET_FUZZ "what tests/fuzz is for: libFuzzer's coverage in everything; needs clang" OFF)
if(GARNET_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(GARNET_SANITIZE)
  add_compile_definitions(GARNET_SANITIZED) # a worker sets itself no memory limit then
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -O1 -g)
  add_link_options(-fsanitize=address,undefined)
else()
  add_compile_options(-fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    add_compile_options(-fcf-protection=full)
  endif()
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)   # needs an optimiser
  endif()
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-ftrivial-auto-var-init=zero -Wtrampolines -Wbidi-chars=any)
  if(NOT GARNET_SANITIZE)
    add_compile_options(-fzero-call-used-regs=used-gpr)
  endif()
elseif(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-ftrivial-auto-var-init=pattern)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_C_FLAGS_RELEASE "-O2 -g")   # asserts stay on
endif()
