# The systemd units, with the program's path in them: that of this build tree's prefix for tests, that of the prefix that
# is installed to for users.
set(HSFWD_UNITS_DIR lib/systemd)
# hsfwd_unit(FILE TEMPLATE TO CONFIG RUNTIME): into the folder TO, as FILE, with its sockets in the folder RUNTIME; in the build tree as units/TO/FILE.
# Installing writes nothing into the build tree, which may be another user's.
function(hsfwd_unit file template to config runtime)
  set(HSFWD_CONFIG_FILE ${config})
  set(HSFWD_RUNTIME "${runtime}")
  configure_file(config/${template} units/${to}/${file} @ONLY)
  install(CODE "
    set(CMAKE_INSTALL_FULL_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    set(HSFWD_CONFIG_FILE \"${config}\")
    set(HSFWD_RUNTIME \"${runtime}\")
    set(unit \"\${CMAKE_INSTALL_PREFIX}/${HSFWD_UNITS_DIR}/${to}/${file}\")
    message(STATUS \"Installing: \$ENV{DESTDIR}\${unit}\")
    configure_file(\"${PROJECT_SOURCE_DIR}/config/${template}\" \"\$ENV{DESTDIR}\${unit}\" @ONLY NO_SOURCE_PERMISSIONS)
    list(APPEND CMAKE_INSTALL_MANIFEST_FILES \"\${unit}\")")
endfunction()

hsfwd_unit(hsfwd.service hsfwd.service.in system /etc/hsfwd/hsfwd.toml hsfwd)
# A folder each: it goes with the unit, and one that is preserved would be closed to everybody but root.
hsfwd_unit(hsfwd@.service hsfwd.service.in system /etc/hsfwd/%i.toml hsfwd-%i)
hsfwd_unit(hsfwd.service hsfwd-user.service.in user %E/hsfwd/hsfwd.toml "")
