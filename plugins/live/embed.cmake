# embed.cmake - the page's files as bytes in a C source: cmake -DOUT=FILE -P embed.cmake -- NAME=FILE=TYPE...
# Each gets an ETag of its content, so that a browser asks again and is told "the same" until a new build.
set(bytes "")
set(rows "")
set(seen FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  set(argument "${CMAKE_ARGV${i}}")
  if(argument STREQUAL "--")
    set(seen TRUE)
  elseif(seen)
    string(REGEX MATCH "^([^=]+)=([^=]+)=(.+)$" all "${argument}")
    set(name ${CMAKE_MATCH_1})
    set(file ${CMAKE_MATCH_2})
    set(type ${CMAKE_MATCH_3})
    if(type MATCHES "^text/")
      string(APPEND type "; charset=utf-8")
    endif()
    string(MAKE_C_IDENTIFIER "file_${name}" id)
    file(READ ${file} hex HEX)
    file(SHA256 ${file} digest)
    string(SUBSTRING ${digest} 0 16 tag)
    string(REGEX REPLACE "(..)" "0x\\1," hex "${hex}")
    string(APPEND bytes "static const unsigned char ${id}[] = {${hex}};\n")
    string(APPEND rows "    {\"/${name}\", \"${type}\", \"\\\"${tag}\\\"\", ${id}, sizeof ${id}},\n")
  endif()
endforeach()
file(WRITE ${OUT} "/* Made by plugins/live/embed.cmake: do not edit. */
#include \"files.h\"

${bytes}
const struct file page_files[] = {
${rows}    {0},
};
")
