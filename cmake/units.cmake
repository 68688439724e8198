# The systemd units, with the program's path in them: that of this build tree's prefix for tests, that of the prefix that
# is installed to for users.
set(HSFWD_UNITS_DIR lib/systemd)
# hsfwd_unit(FILE TEMPLATE TO CONFIG): into the folder TO, as FILE; in the build tree as TO/FILE.
function(hsfwd_unit file template to config)
  set(HSFWD_CONFIG_FILE ${config})
  configure_file(config/${template} units/${to}/${file} @ONLY)
  install(CODE "
    set(CMAKE_INSTALL_FULL_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    set(HSFWD_CONFIG_FILE \"${config}\")
    configure_file(\"${PROJECT_SOURCE_DIR}/config/${template}\" \"${PROJECT_BINARY_DIR}/installed-units/${to}/${file}\" @ONLY)
    file(INSTALL \"${PROJECT_BINARY_DIR}/installed-units/${to}/${file}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${HSFWD_UNITS_DIR}/${to}\")")
endfunction()

hsfwd_unit(hsfwd.service hsfwd.service.in system /etc/hsfwd/hsfwd.toml)
hsfwd_unit(hsfwd@.service hsfwd.service.in system /etc/hsfwd/%i.toml)
hsfwd_unit(hsfwd.service hsfwd-user.service.in user %E/hsfwd/hsfwd.toml)
