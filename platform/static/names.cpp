// SPDX-License-Identifier: Apache-2.0
// Names are looked up in the machine's files and by DNS, as /etc/resolv.conf says, and by nothing else. What else
// /etc/nsswitch.conf may name (systemd-resolved, mDNS, LDAP) is modules of the machine's C library, which another one cannot load.
#include <nss.h>

#include <initializer_list>

namespace {

[[gnu::constructor]] void look_up_without_modules() {
  __nss_configure_lookup("hosts", "files dns");
  for (const char* database : {"passwd", "group", "services"})
    __nss_configure_lookup(database, "files");
}

}  // namespace
