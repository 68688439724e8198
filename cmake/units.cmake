# The systemd units, with the program's path in them: that of this build tree's prefix for tests, that of the prefix that
# is installed to for users.
set(HSFWD_UNITS_DIR lib/systemd)
# hsfwd_unit(FILE TEMPLATE TO CONFIG [MORE]): into the folder TO, as FILE, with MORE lines; in the build tree as units/TO/FILE.
# Installing writes nothing into the build tree, which may be another user's.
function(hsfwd_unit file template to config)
  set(HSFWD_CONFIG_FILE ${config})
  set(HSFWD_UNIT_MORE "${ARGN}")
  configure_file(config/${template} units/${to}/${file} @ONLY)
  install(CODE "
    set(CMAKE_INSTALL_FULL_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    set(HSFWD_CONFIG_FILE \"${config}\")
    set(HSFWD_UNIT_MORE \"${ARGN}\")
    set(unit \"\${CMAKE_INSTALL_PREFIX}/${HSFWD_UNITS_DIR}/${to}/${file}\")
    message(STATUS \"Installing: \$ENV{DESTDIR}\${unit}\")
    configure_file(\"${PROJECT_SOURCE_DIR}/config/${template}\" \"\$ENV{DESTDIR}\${unit}\" @ONLY NO_SOURCE_PERMISSIONS)
    list(APPEND CMAKE_INSTALL_MANIFEST_FILES \"\${unit}\")")
endfunction()

hsfwd_unit(hsfwd.service hsfwd.service.in system /etc/hsfwd/hsfwd.toml)
# Of several the first that ends leaves the folder of their sockets to the others; with a user of the unit's own it is then closed
# to everybody but root.
hsfwd_unit(hsfwd@.service hsfwd.service.in system /etc/hsfwd/%i.toml "RuntimeDirectoryPreserve=yes\n")
hsfwd_unit(hsfwd.service hsfwd-user.service.in user %E/hsfwd/hsfwd.toml)
