# One static library a folder, linked against exactly the layers below it that it may use, so that
# a call against the grain does not link.

add_library(hsfwd_flags INTERFACE)
# Designated initialisers leave the rest to the defaults on purpose.
target_compile_options(hsfwd_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -Wno-missing-field-initializers)
# At -O3, GCC 12 takes the comparison of two std::vector<unsigned char> for one of negative length.
target_compile_options(hsfwd_flags INTERFACE
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread>)
target_link_libraries(hsfwd_flags INTERFACE hsfwd_hardening)
# A section each, so that the program without shared libraries leaves out what nobody calls.
target_compile_options(hsfwd_flags INTERFACE $<$<CONFIG:Release>:-ffunction-sections>
                       $<$<CONFIG:Release>:-fdata-sections>)
if(HSFWD_WERROR)
  target_compile_options(hsfwd_flags INTERFACE -Werror)
endif()
if(HSFWD_SANITIZE)
  add_compile_options(-fsanitize=${HSFWD_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all -O1)
  add_link_options(-fsanitize=${HSFWD_SANITIZE})
  # To ask before each access whether a pointer is null or odd costs g++ a third of its time. A null one meets the page
  # that is not there; odd ones are asked after by clang's build for fuzzing, which runs the same parsers.
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND HSFWD_SANITIZE MATCHES undefined)
    add_compile_options(-fno-sanitize=null,alignment)
  endif()
endif()
if(HSFWD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# hsfwd_layer(NAME DIR folder | SOURCES files... LINK libraries... [PRIVATE libraries...])
function(hsfwd_layer name)
  set_property(GLOBAL APPEND PROPERTY HSFWD_LAYERS ${name})
  cmake_parse_arguments(LAYER "" "DIR" "SOURCES;LINK;PRIVATE" ${ARGN})
  set(sources ${LAYER_SOURCES})
  if(LAYER_DIR)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${LAYER_DIR}/*.cpp)
  endif()
  if(sources)
    add_library(hsfwd_${name} STATIC ${sources})
    target_compile_features(hsfwd_${name} PUBLIC cxx_std_20)
    target_include_directories(hsfwd_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(hsfwd_${name} PUBLIC ${LAYER_LINK} PRIVATE ${LAYER_PRIVATE} hsfwd_flags)
  else()
    add_library(hsfwd_${name} INTERFACE)
    target_compile_features(hsfwd_${name} INTERFACE cxx_std_20)
    target_include_directories(hsfwd_${name} INTERFACE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(hsfwd_${name} INTERFACE ${LAYER_LINK})
  endif()
endfunction()

# hsfwd_compact(NAME...): layers that no byte of a connection goes through. Their size is what they cost: half of the program
# is theirs, and an idle one is as large in memory as its code.
function(hsfwd_compact)
  foreach(name IN LISTS ARGN)
    target_compile_options(hsfwd_${name} PRIVATE $<$<CONFIG:Release>:-Os>)
  endforeach()
endfunction()
