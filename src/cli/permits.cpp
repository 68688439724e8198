// SPDX-License-Identifier: Apache-2.0
#include "cli/permits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "net/address.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::string_view kEverybody = "*";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// A space behind a comma separates nothing.
std::string without_spaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || out.empty() || out.back() != ',') out += c;
  }
  return out;
}

std::string unknown_service(const std::string& name,
                            const std::vector<forward::Service>& services) {
  std::string out = fmt::format("there is no service {}", in_quotes(name));
  if (name.find('.') != std::string::npos) {
    return out + fmt::format("; a destination has ports: {}:443, or {}:* for all", name, name);
  }
  if (services.empty()) return out + ", nor any other; a destination is HOST:PORTS";
  std::vector<std::string> names;
  for (const forward::Service& service : services) names.push_back(service.name);
  return out + fmt::format("; there is {}", shortened(fmt::format("{}", fmt::join(names, ", "))));
}

/// What somebody has probably meant whose WHAT is nothing; empty if it may be something.
std::string mistaken_what(std::string_view what) {
  const std::size_t colon = what.rfind(':');
  if (what.empty()) return "it does not say what: services, or a destination, HOST:PORTS";
  if (what.find("://") != std::string_view::npos) {
    return "a destination is HOST:PORTS, such as example.org:443, without what a URL has";
  }
  if (what.starts_with("tcp:")) return "destinations are TCP: leave out tcp:";
  if (what.starts_with("udp:")) return "destinations are TCP; UDP is reached as a service only";
  if (colon == std::string_view::npos) {
    const bool is_host = what.find('/') != std::string_view::npos || what.starts_with("*.") ||
                         net::Ipv4::parse(what).has_value();
    if (!is_host) return "";
    return fmt::format("{} is a destination without ports; write {}:80,443, or {}:* for all",
                       in_quotes(what), shortened(what), shortened(what));
  }
  if (what.substr(0, colon).find_first_of(", ") != std::string_view::npos) {
    return "one permit has either services or one destination: write several";
  }
  return "";
}

/// Where WHO ends: a connection string has a colon of its own.
std::size_t end_of_who(std::string_view text) {
  constexpr std::string_view kScheme = "hs://";
  return text.find(':', text.starts_with(kScheme) ? kScheme.size() : 0);
}

/// `WHO: WHAT` in its parts.
struct Parts {
  std::optional<PublicKey> who;  // nothing: whoever may connect
  std::string what;
};

/// Ahead of another one, of which there are `count`. `form`: what is expected.
Result<Parts, std::string> parts_of_permit(std::string_view text, std::size_t count,
                                           const char* form, const PeerOfWord& peer_of,
                                           const std::set<PublicKey>& allow) {
  if (count >= forward::Policy::kMaxPermits) {
    return Err(fmt::format("there may be {} of them", forward::Policy::kMaxPermits));
  }
  const std::size_t colon = end_of_who(text);
  const std::string_view who = trimmed(text.substr(0, colon));
  if (colon == std::string_view::npos || who.empty()) {
    return Err(fmt::format("{} is not {}", in_quotes(text), form));
  }
  Parts out;
  if (who != kEverybody) out.who = peer_of(std::string(who));
  if (out.who && !allow.empty() && !allow.contains(*out.who)) {
    return Err(fmt::format("{} is not among those that are allowed to connect", in_quotes(who)));
  }
  out.what = without_spaces(trimmed(text.substr(colon + 1)));
  return out;
}

std::string who_text(const std::optional<PublicKey>& who) {
  return who ? to_hex(who->view()) : std::string(kEverybody);
}

}  // namespace

Result<void, std::string> add_permit(std::vector<forward::Permit>& permits, std::string_view text,
                                     const PeerOfWord& peer_of,
                                     const std::vector<forward::Service>& services,
                                     const std::set<PublicKey>& allow) {
  const auto parts = parts_of_permit(
      text, permits.size(),
      "WHO: WHAT, such as \"*: web\", \"KEY: ssh\" or \"KEY: 10.0.0.0/8:80,443\"", peer_of, allow);
  if (!parts) return Err(parts.error());
  std::string mistake = mistaken_what(parts->what);
  if (!mistake.empty()) return Err(std::move(mistake));
  auto permit = forward::Permit::parse(parts->who, parts->what);
  if (!permit) return Err(permit.error());
  for (const std::string& name : permit->services) {
    const bool there =
        name == forward::Permit::kAllServices ||
        std::any_of(services.begin(), services.end(),
                    [&](const forward::Service& service) { return service.name == name; });
    if (!there) return Err(unknown_service(name, services));
  }
  permits.push_back(std::move(*permit));
  return {};
}

Result<void, std::string> add_permit(std::vector<forward::ListenPermit>& permits,
                                     std::string_view text, const PeerOfWord& peer_of,
                                     const std::set<PublicKey>& allow) {
  const auto parts = parts_of_permit(
      text, permits.size(), "WHO: [BIND:]PORTS, such as \"KEY: 8080\" or \"KEY: *:8000-8010\"",
      peer_of, allow);
  if (!parts) return Err(parts.error());
  auto permit = forward::ListenPermit::parse(parts->who, parts->what);
  if (!permit) return Err(permit.error());
  permits.push_back(std::move(*permit));
  return {};
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
    out.push_back(fmt::format("{}: {}", who_text(permit.who), permit.to_string()));
  }
  return out;
}

std::vector<std::string> permit_texts(const std::vector<forward::Permit>& permits) {
  std::vector<std::string> out;
  for (const forward::Permit& permit : permits) {
    out.push_back(fmt::format(
        "{}: {}", who_text(permit.who),
        permit.to ? permit.to->text() : fmt::format("{}", fmt::join(permit.services, ","))));
  }
  return out;
}

bool opens_destinations(const std::vector<forward::Permit>& permits) {
  return std::any_of(permits.begin(), permits.end(),
                     [](const forward::Permit& permit) { return permit.to.has_value(); });
}

}  // namespace hsfwd::cli
