// SPDX-License-Identifier: Apache-2.0
#include "cli/socks_directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "forward/destination.hpp"
#include "forward/service.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

using forward::SocksReply;

constexpr std::string_view kZone = ".hsfwd";

/// Of names, in which case does not count: browsers write all of them in lower case.
bool alike(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

auto refused(SocksReply reply, std::string why) {
  return Err(SocksDirectory::Refusal{reply, std::move(why)});
}

}  // namespace

Result<SocksDirectory::Route, SocksDirectory::Refusal> SocksDirectory::find(
    const forward::SocksTarget& target) const {
  std::string_view name = target.host;
  if (name.ends_with('.')) name.remove_suffix(1);
  const bool in_zone =
      name.size() > kZone.size() && alike(name.substr(name.size() - kZone.size()), kZone);
  if (!in_zone) return find_destination(target);
  return find_service(std::string(name.substr(0, name.size() - kZone.size())));
}

Result<SocksDirectory::Route, SocksDirectory::Refusal> SocksDirectory::find_service(
    const std::string& name) const {
  const std::size_t dot = name.rfind('.');
  const std::string label = dot == std::string::npos ? name : name.substr(dot + 1);
  const std::string service = dot == std::string::npos ? "" : name.substr(0, dot);
  const auto peer = find_peer(label);
  if (!peer) {
    return refused(SocksReply::kHostUnreachable,
                   fmt::format("{} is neither a key nor a name of a peer", in_quotes(label)));
  }
  if (dot != std::string::npos && !forward::is_service_name(service)) {
    return refused(SocksReply::kHostUnreachable, forward::no_service_name(service));
  }
  return Route{*peer, service};
}

Result<SocksDirectory::Route, SocksDirectory::Refusal> SocksDirectory::find_destination(
    const forward::SocksTarget& target) const {
  if (!peer_) {
    return refused(SocksReply::kNotAllowed,
                   "without a peer only names of peers, SERVICE.PEER.hsfwd, lead anywhere");
  }
  if (const auto to = forward::Destination::of(target.host, target.port)) {
    return Route{*peer_, to->to_service()};
  }
  const bool is_ipv6 = target.host.find(':') != std::string::npos;
  return refused(is_ipv6 ? SocksReply::kAddressNotSupported : SocksReply::kHostUnreachable,
                 fmt::format("{} is neither an IPv4 address nor a name", in_quotes(target.host)));
}

std::optional<PeerReference> SocksDirectory::find_peer(const std::string& label) const {
  if (const auto found = names_.find(label); found != names_.end()) return found->second;
  const auto found = std::find_if(names_.begin(), names_.end(),
                                  [&](const auto& entry) { return alike(entry.first, label); });
  if (found != names_.end()) return found->second;
  if (const auto key = parse_key(label)) return PeerReference{*key, std::nullopt, label};
  return std::nullopt;
}

bool SocksDirectory::same(const SocksDirectory& other) const {
  if (peer_.has_value() != other.peer_.has_value()) return false;
  if (peer_ && !peer_->same_peer(*other.peer_)) return false;
  return std::equal(names_.begin(), names_.end(), other.names_.begin(), other.names_.end(),
                    [](const auto& a, const auto& b) {
                      return a.first == b.first && a.second.same_peer(b.second);
                    });
}

}  // namespace hsfwd::cli
