# The program with everything in it: no shared library, no loader, nothing to install (docs/adr/0033). It is linked out of
# the objects that the program is made of; what Debian has no archive of, and what a program without shared libraries
# does in another way, is compiled beside them, from platform/static.
include(CheckLinkerFlag)
find_library(HSFWD_STATIC_SODIUM libsodium.a REQUIRED)
find_library(HSFWD_STATIC_UV libuv_a.a REQUIRED)
find_library(HSFWD_STATIC_OPTIONS libboost_program_options.a REQUIRED)
find_library(HSFWD_STATIC_CRYPTO libcrypto.a REQUIRED)
find_library(HSFWD_STATIC_QRCODEGEN libqrcodegen.a REQUIRED)

set(objects $<TARGET_OBJECTS:hsfwd> $<TARGET_OBJECTS:hsfwd_cli>)
get_property(layers GLOBAL PROPERTY HSFWD_LAYERS)
foreach(layer IN LISTS layers)
  list(APPEND objects $<TARGET_OBJECTS:hsfwd_${layer}>)
endforeach()

add_executable(hsfwd_static platform/static/fmt.cpp platform/static/libcrypto.cpp platform/static/mnl.cpp
                            platform/static/names.cpp platform/static/spdlog.cpp ${objects})
set_target_properties(hsfwd_static PROPERTIES OUTPUT_NAME hsfwd-static UNITY_BUILD OFF POSITION_INDEPENDENT_CODE OFF)
# What their own builds define.
target_compile_definitions(hsfwd_static PRIVATE SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
target_compile_options(hsfwd_static PRIVATE -fPIE -ffunction-sections -fdata-sections $<TARGET_PROPERTY:hsfwd_hardening,INTERFACE_COMPILE_OPTIONS>)
target_include_directories(hsfwd_static PRIVATE ${MNL_INCLUDE_DIRS})
# Not hsfwd_hardening's -pie, which asks for a loader.
target_link_options(hsfwd_static PRIVATE -static-pie -Wl,-z,relro -Wl,-z,now -Wl,--gc-sections -s)
target_link_libraries(hsfwd_static PRIVATE ${HSFWD_STATIC_OPTIONS} ${HSFWD_STATIC_UV} ${HSFWD_STATIC_SODIUM}
                                           ${HSFWD_STATIC_CRYPTO} ${HSFWD_STATIC_QRCODEGEN})
# 25,000 relocations, most of them of vtables: a bit each in place of 24 bytes. That is 0.6 MB less to ship, and to have in
# memory from the start, when all of it is read.
check_linker_flag(CXX -Wl,-z,pack-relative-relocs HSFWD_HAS_pack_relative_relocs)
if(HSFWD_HAS_pack_relative_relocs)
  target_link_options(hsfwd_static PRIVATE -Wl,-z,pack-relative-relocs)
endif()
# Of functions that would load modules of the C library's, which names.cpp forbids.
check_linker_flag(CXX -Wl,--no-warnings HSFWD_HAS_no_warnings)
if(HSFWD_HAS_no_warnings)
  target_link_options(hsfwd_static PRIVATE -Wl,--no-warnings)
endif()
