# Run at build time: the files of the page as arrays, for src/cli/page_files.hpp.
# cmake -D FOLDER=src/cli/page -D OUT=page_files.cpp -P embed_page.cmake
cmake_minimum_required(VERSION 3.25)

set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")

set(arrays "")
set(entries "")
file(GLOB files RELATIVE ${FOLDER} ${FOLDER}/*)
list(SORT files)
foreach(file IN LISTS files)
  string(REGEX MATCH "[^.]+$" ending ${file})
  if(NOT DEFINED type_${ending})
    message(FATAL_ERROR "${FOLDER}/${file}: nobody knows the type of such a file")
  endif()
  string(MAKE_C_IDENTIFIER "file_${file}" name)
  file(READ ${FOLDER}/${file} bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND arrays "constexpr char ${name}[] = {${bytes}};\n")
  set(path "/${file}")
  if(file STREQUAL "index.html")
    set(path "/")
  endif()
  string(APPEND entries "    {\"${path}\", \"${type_${ending}}\", {${name}, sizeof(${name})}},\n")
endforeach()

file(WRITE ${OUT} "// Made of ${FOLDER} by cmake/embed_page.cmake.
#include \"cli/page_files.hpp\"

namespace hsfwd::cli {

namespace {

${arrays}
constexpr PageFile kPageFiles[] = {
${entries}};

}  // namespace

std::span<const PageFile> page_files() {
  return kPageFiles;
}

}  // namespace hsfwd::cli
")
