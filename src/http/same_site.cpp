// SPDX-License-Identifier: Apache-2.0
#include "http/same_site.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "net/address.hpp"

namespace hsfwd::http {

namespace {

constexpr std::string_view kLocalhost = "localhost";
constexpr std::string_view kScheme = "http://";
constexpr std::size_t kMaxPort = 5;  // digits

bool is_digits(std::string_view text) {
  return !text.empty() && text.size() <= kMaxPort &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_ipv6_literal(std::string_view text) {
  if (text.size() < 4 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  return text.find(':') != std::string_view::npos &&
         text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

bool is_own_host(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && !host.ends_with(']');
  if (has_port) {
    if (!is_digits(host.substr(colon + 1))) return false;
    host = host.substr(0, colon);
  }
  return host == kLocalhost || net::Ipv4::parse(std::string(host)) || is_ipv6_literal(host);
}

}  // namespace

bool is_same_site(const Request& request) {
  // HTTP/1.0 need not say: no browser speaks it.
  if (request.host && !is_own_host(*request.host)) return false;
  if (!request.origin) return true;
  return request.host && *request.origin == std::string(kScheme) + *request.host;
}

}  // namespace hsfwd::http
