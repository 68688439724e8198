// SPDX-License-Identifier: Apache-2.0
#include "cli/targets.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "platform/directories.hpp"
#include "platform/groups.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

Result<net::StreamAddress, std::string> resolved(net::StreamAddress address,
                                                 const std::string& base) {
  if (!address.is_unix()) return address;
  auto path = platform::resolve_path(address.path, base);
  if (!path) return Err(path.error());
  if (path->size() > net::StreamAddress::kMaxPath) {
    return Err(fmt::format("the path of the socket, {}, is longer than {} bytes", *path,
                           net::StreamAddress::kMaxPath));
  }
  std::error_code error;
  if (std::filesystem::is_directory(*path, error)) {
    return Err(fmt::format("{} is a directory, not a socket", in_quotes(*path)));
  }
  address.path = std::move(*path);
  return address;
}

// Behind any target: no host has a comma.
constexpr std::string_view kProxyHeader = ",proxy";

/// What somebody has probably meant who has written a comma where none can be; empty if there is none.
std::string mistaken_comma(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view target = text.substr(equals == std::string_view::npos ? 0 : equals + 1);
  const std::size_t comma = target.find(',');
  if (comma == std::string_view::npos || target.starts_with("unix:")) return "";
  const std::string_view word = target.substr(comma + 1);
  if (word.empty()) return "nothing is behind the comma; ,proxy has no space";
  if (word == kProxyHeader.substr(1)) return ",proxy is there twice";
  if (parse_decimal(word, 65535)) return "a TARGET has one port, or a range; write several of them";
  return fmt::format("{} is not known; behind a TARGET there is ,proxy or nothing",
                     in_quotes(target.substr(comma)));
}

}  // namespace

Result<forward::Service, std::string> parse_service(std::string_view text,
                                                    const std::string& base) {
  const bool proxy_header = text.ends_with(kProxyHeader);
  if (proxy_header) text.remove_suffix(kProxyHeader.size());
  const bool udp = text.substr(text.find('=') + 1).starts_with("udp:");
  if (udp && proxy_header) return Err(std::string("UDP has no header of the PROXY protocol"));
  if (std::string mistake = mistaken_comma(text); !mistake.empty()) return Err(std::move(mistake));
  auto service = forward::Service::parse(text);
  if (!service) return service;
  service->proxy_header = proxy_header;
  auto target = resolved(std::move(service->target), base);
  if (!target) return Err(target.error());
  service->target = std::move(*target);
  return service;
}

Result<forward::LocalForward, std::string> parse_local_forward(std::string_view text,
                                                               const std::string& base) {
  if (text.ends_with(kProxyHeader) && !text.starts_with("unix:")) {
    return Err(std::string(",proxy is said on the side that exposes the service"));
  }
  auto local = forward::LocalForward::parse(text);
  if (!local) return local;
  auto listen = resolved(std::move(local->listen), base);
  if (!listen) return Err(listen.error());
  local->listen = std::move(*listen);
  return local;
}

Result<forward::ReverseForward, std::string> parse_reverse_forward(std::string_view text,
                                                                   const std::string& base) {
  auto reverse = forward::ReverseForward::parse(text);
  if (!reverse) return reverse;
  auto target = resolved(std::move(reverse->target.target), base);
  if (!target) return Err(target.error());
  reverse->target.target = std::move(*target);
  return reverse;
}

std::string name_hint(const forward::Service& service) {
  const net::StreamAddress& at = service.target;
  const std::string port = std::to_string(at.port);
  const bool one_word = at.host.find_first_of(".:") == std::string::npos && at.host != "localhost";
  if (at.is_unix() || at.udp || !one_word || service.name != port) return "";
  return fmt::format("{}:{} means the host {}; to name a local service, write {}={}", at.host, port,
                     at.host, at.host, port);
}

Result<std::uint32_t, std::string> parse_socket_mode(std::string_view text) {
  constexpr std::size_t kMaxDigits = 4;
  std::uint32_t mode = 0;
  bool octal = text.size() >= kMaxDigits - 1 && text.size() <= kMaxDigits;
  for (const char digit : text) {
    octal = octal && digit >= '0' && digit <= '7';
    mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  }
  if (octal && mode <= 0777) return mode;
  return Err(
      fmt::format("{} is not a valid socket mode (0000-0777, such as 0660)", in_quotes(text)));
}

Result<std::uint32_t, std::string> parse_socket_group(const std::string& text) {
  if (const auto number = platform::find_group(text)) return *number;
  return Err(fmt::format("there is no group {}", in_quotes(text)));
}

}  // namespace hsfwd::cli
