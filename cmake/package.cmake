# Debian packages, out of what is installed: hsfwd, and hsfwd-dev with the component `library`. scripts/package makes both;
# docs/adr/0033 says why so.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hsfwd)
set(CPACK_PACKAGE_CONTACT "hsfwd maintainers <maintainers@hsfwd.invalid>")
set(CPACK_PACKAGE_FILE_NAME hsfwd)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL Unspecified library)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
# Who calls cpack has built what goes into it.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)
# Manual pages and changelogs are compressed, each package has its copyright.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package_files.cmake)
set(CPACK_HSFWD_SOURCE_DIR ${PROJECT_SOURCE_DIR})

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_NAME hsfwd)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_SECTION net)
# The first line of either is the project's.
set(CPACK_COMPONENT_UNSPECIFIED_DESCRIPTION "Publishes services of this machine under a public key, and opens local ports
that lead to those of others, through NATs and without a server in between:
a port forwarder, and a private network, on the DHT of Hyperswarm.")
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_SHLIBDEPS ON)
# For the user of the units.
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_DEPENDS passwd)
# What seals packets and large records, if it is there (docs/adr/0022).
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_RECOMMENDS libssl3)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_CONTROL_EXTRA
    "${PROJECT_SOURCE_DIR}/packaging/postinst;${PROJECT_SOURCE_DIR}/packaging/prerm;${PROJECT_SOURCE_DIR}/packaging/postrm")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME hsfwd-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "The library: connects to public keys and listens on them, on the DHT of
Hyperswarm. Static libraries, C++20 headers and a CMake package.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS
    "libsodium-dev, libfmt-dev, libuv1-dev, libspdlog-dev, libmnl-dev, pkg-config")
include(CPack)
