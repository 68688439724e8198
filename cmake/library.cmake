# The library as others find it: one archive of all layers, the public headers, a CMake package.
#
#   cmake --build build/release --target library
#   cmake --install build/release --component library
#
# A component of its own, since whoever installs the program wants none of it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include(cmake/public_headers.cmake)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hsfwd)
set(header_dir ${CMAKE_INSTALL_INCLUDEDIR}/hsfwd)

# hsfwd_archive(NAME LAYERS layers... LINK libraries... [PRIVATE libraries...])
# Out of objects that are compiled already.
function(hsfwd_archive name)
  cmake_parse_arguments(ARCHIVE "" "" "LAYERS;LINK;PRIVATE" ${ARGN})
  set(objects)
  foreach(layer IN LISTS ARCHIVE_LAYERS)
    list(APPEND objects $<TARGET_OBJECTS:hsfwd_${layer}>)
  endforeach()
  add_library(${name}_archive STATIC ${objects})
  set_target_properties(${name}_archive PROPERTIES OUTPUT_NAME ${name} EXPORT_NAME ${name}
                        LINKER_LANGUAGE CXX UNITY_BUILD OFF
                        ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/library)
  target_compile_features(${name}_archive INTERFACE cxx_std_20)
  target_include_directories(${name}_archive INTERFACE $<INSTALL_INTERFACE:${header_dir}>)
  target_link_libraries(${name}_archive INTERFACE ${ARCHIVE_LINK} PRIVATE ${ARCHIVE_PRIVATE})
  install(TARGETS ${name}_archive EXPORT hsfwd ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
          COMPONENT library EXCLUDE_FROM_ALL)
endfunction()

# hsfwd_install_header(FILE): includes name a header from src, or from the top.
function(hsfwd_install_header file)
  string(REGEX REPLACE "^src/" "" to ${file})
  get_filename_component(to ${header_dir}/${to} DIRECTORY)
  install(FILES ${file} DESTINATION ${to} COMPONENT library EXCLUDE_FROM_ALL)
endfunction()

hsfwd_archive(hsfwd LAYERS ${HSFWD_LIBRARY_LAYERS} LINK fmt::fmt
              PRIVATE PkgConfig::SODIUM ${CMAKE_DL_LIBS})
set(public_headers ${HSFWD_VALUE_HEADERS})
foreach(folder IN LISTS HSFWD_PUBLIC_FOLDERS)
  file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${folder}/*.hpp)
  list(APPEND public_headers ${headers})
endforeach()
list(REMOVE_ITEM public_headers ${HSFWD_PRIVATE_HEADERS})
add_custom_target(library DEPENDS hsfwd_archive)
if(HSFWD_UV)
  hsfwd_archive(hsfwd_uv LAYERS platform LINK hsfwd_archive
                PRIVATE PkgConfig::UV spdlog::spdlog ${HSFWD_PLATFORM_LIBRARIES})
  list(APPEND public_headers ${HSFWD_UV_HEADERS})
  add_dependencies(library hsfwd_uv_archive)
endif()
foreach(header IN LISTS public_headers)
  hsfwd_install_header(${header})
endforeach()

configure_package_config_file(cmake/hsfwd-config.cmake.in hsfwd-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(hsfwd-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hsfwd-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/hsfwd-config-version.cmake
        DESTINATION ${package_dir} COMPONENT library EXCLUDE_FROM_ALL)
install(EXPORT hsfwd FILE hsfwd-targets.cmake NAMESPACE hsfwd:: DESTINATION ${package_dir}
        COMPONENT library EXCLUDE_FROM_ALL)
