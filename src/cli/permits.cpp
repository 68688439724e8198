// SPDX-License-Identifier: Apache-2.0
#include "cli/permits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::string_view kEverybody = "*";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// Where WHO ends: a connection string has a colon of its own.
std::size_t end_of_who(std::string_view text) {
  constexpr std::string_view kScheme = "hs://";
  return text.find(':', text.starts_with(kScheme) ? kScheme.size() : 0);
}

}  // namespace

Result<void, std::string> add_permit(std::vector<forward::Permit>& permits, std::string_view text,
                                     const PeerOfWord& peer_of,
                                     const std::vector<forward::Service>& services,
                                     const std::set<PublicKey>& allow) {
  if (permits.size() >= forward::Policy::kMaxPermits) {
    return Err(fmt::format("there may be {} of them", forward::Policy::kMaxPermits));
  }
  const std::size_t colon = end_of_who(text);
  const std::string_view who = trimmed(text.substr(0, colon));
  if (colon == std::string_view::npos || who.empty()) {
    return Err(fmt::format(
        "{} is not WHO: WHAT, such as \"alice: ssh\", \"*: web\" or \"bob: 10.0.0.0/8:80,443\"",
        in_quotes(text)));
  }
  std::optional<PublicKey> key;
  if (who != kEverybody) key = peer_of(std::string(who));
  auto permit = forward::Permit::parse(key, trimmed(text.substr(colon + 1)));
  if (!permit) return Err(permit.error());
  if (key && !allow.empty() && !allow.contains(*key)) {
    return Err(fmt::format("{} is not among those that are allowed to connect", in_quotes(who)));
  }
  for (const std::string& name : permit->services) {
    const bool there =
        name == forward::Permit::kAllServices ||
        std::any_of(services.begin(), services.end(),
                    [&](const forward::Service& service) { return service.name == name; });
    if (!there) return Err(fmt::format("there is no service {}", in_quotes(name)));
  }
  permits.push_back(std::move(*permit));
  return {};
}

Result<forward::ListenPermit, std::string> parse_listen_permit(std::string_view text,
                                                               const PeerOfWord& peer_of,
                                                               const std::set<PublicKey>& allow) {
  const std::size_t colon = end_of_who(text);
  const std::string_view who = trimmed(text.substr(0, colon));
  if (colon == std::string_view::npos || who.empty()) {
    return Err(
        fmt::format("{} is not WHO: [BIND:]PORTS, such as \"alice: 8080\" or "
                    "\"bob: *:8000-8010\"",
                    in_quotes(text)));
  }
  std::optional<PublicKey> key;
  if (who != kEverybody) key = peer_of(std::string(who));
  auto permit = forward::ListenPermit::parse(key, trimmed(text.substr(colon + 1)));
  if (!permit) return permit;
  if (key && !allow.empty() && !allow.contains(*key)) {
    return Err(fmt::format("{} is not among those that are allowed to connect", in_quotes(who)));
  }
  return permit;
}

std::set<PublicKey> let_in(std::set<PublicKey> allow, const std::vector<forward::Service>& services,
                           const std::vector<forward::Permit>& permits,
                           const std::vector<forward::ListenPermit>& listens) {
  if (!allow.empty() || !services.empty() || !permits.empty()) return allow;
  std::set<PublicKey> out;
  for (const forward::ListenPermit& permit : listens) {
    if (!permit.who) return {};
    out.insert(*permit.who);
  }
  return out;
}

std::vector<std::string> permit_texts(const std::vector<forward::ListenPermit>& listens) {
  std::vector<std::string> out;
  for (const forward::ListenPermit& permit : listens) {
    out.push_back(fmt::format("{}: {}",
                              permit.who ? to_hex(permit.who->view()) : std::string(kEverybody),
                              permit.to_string()));
  }
  return out;
}

std::vector<std::string> permit_texts(const std::vector<forward::Permit>& permits) {
  std::vector<std::string> out;
  for (const forward::Permit& permit : permits) {
    out.push_back(fmt::format(
        "{}: {}", permit.who ? to_hex(permit.who->view()) : std::string(kEverybody),
        permit.to ? permit.to->text() : fmt::format("{}", fmt::join(permit.services, ","))));
  }
  return out;
}

bool opens_destinations(const std::vector<forward::Permit>& permits) {
  return std::any_of(permits.begin(), permits.end(),
                     [](const forward::Permit& permit) { return permit.to.has_value(); });
}

}  // namespace hsfwd::cli
