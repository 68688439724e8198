// SPDX-License-Identifier: Apache-2.0
#include <uv.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "platform/loop.hpp"

namespace hsfwd::platform {

namespace {

class UvInterfaces final : public net::Interfaces {
 public:
  explicit UvInterfaces(const std::set<std::string>& without) : without_(without) {}

  std::vector<net::Interface> list() override {
    uv_interface_address_t* found = nullptr;
    int count = 0;
    std::vector<net::Interface> out;
    if (uv_interface_addresses(&found, &count) != 0) return out;
    for (int i = 0; i < count; ++i) {
      if (found[i].address.address4.sin_family != AF_INET) continue;
      if (without_.contains(found[i].name)) continue;
      const std::uint32_t host = ntohl(found[i].address.address4.sin_addr.s_addr);
      out.push_back({found[i].name, {host}, found[i].is_internal != 0});
    }
    uv_free_interface_addresses(found, count);
    return out;
  }

 private:
  const std::set<std::string>& without_;
};

}  // namespace

std::unique_ptr<net::Interfaces> make_interfaces(const std::set<std::string>& without) {
  return std::make_unique<UvInterfaces>(without);
}

}  // namespace hsfwd::platform
