// SPDX-License-Identifier: Apache-2.0
#include "cli/expose_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "cli/exposure.hpp"
#include "cli/identity_forms.hpp"
#include "cli/permits.hpp"
#include "cli/planner.hpp"
#include "cli/port_ranges.hpp"
#include "cli/preflight.hpp"
#include "cli/rates.hpp"
#include "cli/table.hpp"
#include "cli/targets.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr config::Key kKeysOfExpose[] = {
    {.name = "services", .type = config::Key::Type::kTexts},
    {.name = "allow",
     .type = config::Key::Type::kTexts,
     .instead = "leave it out to let everybody in, or name at least one key"},
    {.name = "permit",
     .type = config::Key::Type::kTexts,
     .instead = "leave it out to open all services, or name at least one"},
    {.name = "permit_listen",
     .type = config::Key::Type::kTexts,
     .instead = "leave it out to listen for nobody, or name at least one peer"},
    {.name = "private", .type = config::Key::Type::kBoolean},
    {.name = "holesail", .type = config::Key::Type::kBoolean},
    {.name = "identity"},
    {.name = "client_relays", .type = config::Key::Type::kBoolean},
    // Of UDP
    kUdpIdleKey};

/// Several of a range of ports.
std::vector<forward::Service> read_services(const Planner::Text& text, const Planner& planner) {
  const auto refuse = [&](const std::string& why) {
    planner.mistake(text.line, fmt::format("service {}: {}", in_quotes(text.value), why));
  };
  const auto words = services_of_range(text.value);
  if (!words) refuse(words.error());
  std::vector<forward::Service> out;
  for (const std::string& word : *words) {
    auto service = parse_service(word, planner.folder());
    if (!service) refuse(service.error());
    out.push_back(std::move(*service));
  }
  return out;
}

/// Those of a key of the section, each of which `add` adds: add_permit().
template <class Permit, class Add>
std::vector<Permit> read_permits(const char* key, const config::Section& section,
                                 const Planner& planner, Add&& add) {
  std::vector<Permit> out;
  for (const auto& text : section.texts(key)) {
    const auto peer_of = [&](const std::string& word) {
      return planner.peer({word, text.line}).key;
    };
    if (const auto added = add(out, text.value, peer_of); !added) {
      planner.mistake(text.line,
                      fmt::format("{} {}: {}", key, in_quotes(text.value), added.error()));
    }
  }
  return out;
}

void read_expose(const config::Section& section, Planner& planner) {
  auto out = std::make_shared<ExposeSpec>();
  out->identity = planner.identity(section.text("identity"));
  std::set<std::pair<std::string, bool>> names;  // and whether it is UDP
  for (const auto& text : section.texts("services")) {
    for (forward::Service& service : read_services(text, planner)) {
      if (!names.emplace(service.name, service.target.udp).second) {
        planner.mistake(text.line, fmt::format("two services are called '{}'", service.name));
      }
      out->services.push_back(std::move(service));
    }
  }
  out->udp_idle = udp_idle(section, planner, out->has_udp(), "services");
  std::set<PublicKey> allow;
  for (const auto& text : section.texts("allow")) allow.insert(planner.peer(text).key);
  auto permits = read_permits<forward::Permit>(
      "permit", section, planner, [&](auto& to, const std::string& text, const auto& peer_of) {
        return add_permit(to, text, peer_of, out->services, allow);
      });
  auto listens = read_permits<forward::ListenPermit>(
      "permit_listen", section, planner,
      [&](auto& to, const std::string& text, const auto& peer_of) {
        return add_permit(to, text, peer_of, allow);
      });
  if (out->services.empty() && listens.empty() && !opens_destinations(permits)) {
    planner.mistake(section.line(), "[[expose]] needs services, such as services = [\"22\"]");
  }
  out->own_key_only = section.boolean("private").value_or(false);
  out->holesail = section.boolean("holesail").value_or(false);
  if (const std::string problem = out->problem_with_words(!allow.empty()); !problem.empty()) {
    planner.mistake(section.line(), "[[expose]]: " + problem);
  }
  allow = let_in(std::move(allow), out->services, permits, listens);
  out->policy = forward::Policy(std::move(allow), std::move(permits), std::move(listens));
  out->client_relays = section.boolean("client_relays").value_or(true);
  if (planner.has(kExposeKind, out->key())) {
    planner.mistake(section.line(),
                    "two [[expose]] have the same identity; list all services in one, or give one "
                    "its own identity");
  }
  planner.add(std::move(out));
}

const char* reachable_text(const std::optional<bool>& reachable) {
  if (!reachable) return "not tested yet";
  return *reachable ? "reachable" : "not reachable";
}

/// A permit whose key is as short as those beside it.
std::string with_short_key(const std::string& permit) {
  const std::size_t colon = permit.find(':');
  const auto key = parse_key(permit.substr(0, colon));
  return key ? key_text(*key).substr(0, kShortKey) + permit.substr(colon) : permit;
}

std::string expose_text(const ExposeStatus& expose) {
  std::string out = fmt::format("\n\nexposed as {}", expose.key);
  for (const auto& service : expose.services) {
    out += fmt::format("\n  {} -> {}{}", service.name, service.target,
                       service.proxy ? kProxyNote : "");
  }
  std::vector<std::string> state = {
      expose.allow ? "for " + count_text(expose.allow->size(), "key")
                   : std::string("for everybody who knows the key"),
      expose.problem          ? std::string("not announced")
      : expose.relays.empty() ? std::string("not announced yet")
                              : "announced at " + count_text(expose.relays.size(), "introducer"),
      reachable_text(expose.reachable)};
  if (expose.shared) state.emplace_back("shared with another program");
  out += "\n" + list_text("  ", state, platform::output_width());
  if (expose.permit) {
    for (const std::string& permit : *expose.permit)
      out += fmt::format("\n  permit:      {}", with_short_key(permit));
  }
  if (expose.permit_listen) {
    for (const std::string& permit : *expose.permit_listen)
      out += fmt::format("\n  may listen:  {}", with_short_key(permit));
  }
  for (const auto& one : expose.listening) {
    out += fmt::format("\n  listening:   {} for {}, {}", one.listen, one.key.substr(0, 12),
                       count_text(one.connections, "connection"));
  }
  if (expose.drops && !expose.drops->empty()) {
    out += fmt::format("\n  dropped:     {} (datagrams)", drops_text(*expose.drops));
  }
  std::vector<std::string> carried = {std::to_string(expose.connections)};
  if (expose.flows) carried.push_back(count_text(*expose.flows, "UDP flow"));
  carried.push_back(carried_text(expose.bytes_to_peer, "to peers", expose.rate_to_peer));
  carried.push_back(carried_text(expose.bytes_from_peer, "from them", expose.rate_from_peer));
  if (expose.refused > 0) carried.push_back(fmt::format("{} refused, too many", expose.refused));
  return out + "\n" + list_text("  connections: ", carried, platform::output_width());
}

/// What does not work, then what is busy.
std::vector<ExposeStatus> sorted_exposes(std::vector<ExposeStatus> exposes) {
  const auto trouble = [](const ExposeStatus& one) {
    return one.problem || one.reachable == false ? 2 : one.shared ? 1 : 0;
  };
  std::stable_sort(exposes.begin(), exposes.end(), [&](const auto& a, const auto& b) {
    if (trouble(a) != trouble(b)) return trouble(a) > trouble(b);
    if (rate_of(a) != rate_of(b)) return rate_of(a) > rate_of(b);
    return a.connections > b.connections;
  });
  return exposes;
}

std::string exposes_text(const Json& exposes) {
  std::string out;
  for (const auto& expose : sorted_exposes(decoded<std::vector<ExposeStatus>>(exposes))) {
    out += expose_text(expose);
  }
  return out;
}

std::string services_exposed(std::size_t number) {
  return count_text(number, "service") + " exposed";
}

}  // namespace

const TunnelKind kExposeKind = {.section = {"expose", kKeysOfExpose},
                                .read = read_expose,
                                .list = "exposes",
                                .fields = names_of_fields<ExposeStatus>,
                                .text = exposes_text,
                                .number = "services",
                                .number_text = services_exposed};

bool ExposeSpec::same(const TunnelSpec& other) const {
  const auto& expose = static_cast<const ExposeSpec&>(other);
  return identity == expose.identity && services == expose.services && policy == expose.policy &&
         own_key_only == expose.own_key_only && holesail == expose.holesail &&
         client_relays == expose.client_relays && udp_idle == expose.udp_idle;
}

bool ExposeSpec::has_udp() const {
  return std::any_of(services.begin(), services.end(),
                     [](const forward::Service& service) { return service.target.udp; });
}

forward::Policy ExposeSpec::policy_of(const PublicKey& own) const {
  return own_key_only ? forward::Policy({own}, policy.permits(), policy.listens()) : policy;
}

std::string ExposeSpec::problem_with_words(bool allows) const {
  if (own_key_only && allows) {
    return "private and allow cannot be combined: private admits only clients with the same "
           "identity";
  }
  if (!holesail) return "";
  if (services.empty()) return "holesail needs a service: its clients get the first";
  if (services.front().target.is_unix()) {
    return "holesail needs a port: its clients get the first service, which is a unix socket";
  }
  return "";
}

std::string ExposeSpec::problem_with(const platform::Identity& own) const {
  using Access = platform::Identity::Access;
  if (own.access == Access::kShared && !own_key_only) {
    return fmt::format(
        "identity {} is a secret that both sides share: it needs private (--private)", identity);
  }
  if (own.access == Access::kListed && !own_key_only && policy.admits_everybody()) {
    return fmt::format("identity {} lists who may connect, but there is no allow; use --allow @{}",
                       identity, identity);
  }
  if (holesail && own_key_only && own.access != Access::kShared) {
    return fmt::format(
        "holesail with private needs a connection string, hs://s000 and 64 random digits, as "
        "identity; {} is none",
        identity);
  }
  return "";
}

Contradiction ExposeSpec::contradiction() const {
  const auto own = platform::read_identity(identity, identity_of_other_form);
  if (!own) return {};
  return {problem_with(*own ? **own : platform::Identity()), 0};
}

void ExposeSpec::check(Preflight& preflight) const {
  preflight.check_identity(identity);
  for (const forward::Service& service : services) preflight.check_service(service);
}

std::unique_ptr<Tunnel> ExposeSpec::make(App& app) const {
  const platform::Identity own = require_identity(identity, app.loop().random());
  return std::make_unique<Exposure>(app, *this, app.key_listeners().get(app, own.keys, identity));
}

}  // namespace hsfwd::cli
