// SPDX-License-Identifier: Apache-2.0
#include "cli/web_address.hpp"

#include <fmt/format.h>

#include "cli/targets.hpp"
#include "http/same_site.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

Result<net::StreamAddress, std::string> parse_web_address(std::string_view text,
                                                          const std::string& folder) {
  auto forward = parse_local_forward(text, folder);
  if (forward && forward->service.empty() && !forward->listen.udp) {
    return std::move(forward->listen);
  }
  // What it says of the shape is about services.
  const bool of_shape = !forward && forward.error().find("[:SERVICE]") != std::string::npos;
  if (!forward && !of_shape) return Err(forward.error());
  return Err(fmt::format("{} is not [BIND:]PORT or unix:PATH", in_quotes(text)));
}

bool is_of_this_machine(const net::StreamAddress& address) {
  if (address.is_unix() || address.host == "localhost" || address.host == "::1") return true;
  const auto ipv4 = net::Ipv4::parse(address.host);
  return ipv4 && ipv4->is_loopback();
}

bool is_asked_for_itself(const net::StreamAddress& address, const http::Request& request) {
  return address.is_unix() || http::is_same_site(request);
}

}  // namespace hsfwd::cli
