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
  const bool fits = forward && forward->service.empty() && !forward->listen.udp;
  if (!fits) return Err(fmt::format("{} is not [BIND:]PORT or unix:PATH", in_quotes(text)));
  return std::move(forward->listen);
}

bool is_of_this_machine(const net::StreamAddress& address) {
  if (address.is_unix() || address.host == "localhost" || address.host == "::1") return true;
  const auto ipv4 = net::Ipv4::parse(address.host);
  return ipv4 && ipv4->is_loopback();
}

bool is_asked_for_itself(const net::StreamAddress& address, const http::Request& request) {
  const bool is_local_port = !address.is_unix() && is_of_this_machine(address);
  return !is_local_port || http::is_same_site(request);
}

std::string web_url(const net::StreamAddress& address, std::string_view path) {
  if (!address.is_unix()) return fmt::format("http://{}{}", address.to_string(), path);
  return fmt::format("http://localhost{} by {}", path, address.to_string());
}

}  // namespace hsfwd::cli
