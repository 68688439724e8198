// SPDX-License-Identifier: Apache-2.0
#include "forward/listen_permit.hpp"

#include <fmt/format.h>

#include "util/text.hpp"

namespace hsfwd::forward {

namespace {
constexpr std::string_view kAnywhere = "*";
}

Result<ListenPermit, std::string> ListenPermit::parse(std::optional<crypto::PublicKey> who,
                                                      std::string_view where) {
  ListenPermit out{.who = who};
  const std::size_t colon = where.rfind(':');
  if (colon != std::string_view::npos) {
    const std::string_view bind = where.substr(0, colon);
    if (bind == kAnywhere) {
      out.address.reset();
    } else if (bind != "localhost") {
      out.address = net::Ipv4::parse(bind);
      if (!out.address) {
        return Err(fmt::format("{} is not an IPv4 address of this machine, or *", in_quotes(bind)));
      }
    }
    where.remove_prefix(colon + 1);
  }
  auto ports = PortSet::parse(where);
  if (!ports) return Err(ports.error());
  out.ports = std::move(*ports);
  return out;
}

bool ListenPermit::covers(const ListenRequest& request) const {
  return (!address || *address == request.address) &&
         (request.port == 0 || ports.has(request.port));
}

std::string ListenPermit::to_string() const {
  std::string out = fmt::format("{}:", address ? address->to_string() : std::string(kAnywhere));
  const char* between = "";
  for (const PortSet::Range& range : ports.ranges()) {
    out += fmt::format("{}{}", std::exchange(between, ","), range.first);
    if (range.last != range.first) out += fmt::format("-{}", range.last);
  }
  return out;
}

}  // namespace hsfwd::forward
