// SPDX-License-Identifier: Apache-2.0
#include "cli/expose_kind.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "cli/event_fields.hpp"
#include "cli/exposure.hpp"
#include "cli/planner.hpp"
#include "cli/preflight.hpp"
#include "cli/table.hpp"
#include "cli/targets.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr config::Key kKeysOfExpose[] = {
    {.name = "services",
     .type = config::Key::Type::kTexts,
     .needed = "services, such as services = [\"22\"]"},
    {.name = "allow",
     .type = config::Key::Type::kTexts,
     .instead = "leave it out to let everybody in, or name at least one key"},
    {.name = "identity"},
    {.name = "client_relays", .type = config::Key::Type::kBoolean}};

void read_expose(const config::Section& section, Planner& planner) {
  auto out = std::make_shared<ExposeSpec>();
  out->identity = planner.identity(section.text("identity"));
  std::set<std::string> names;
  for (const auto& text : section.texts("services")) {
    auto service = parse_service(text.value, planner.folder());
    if (!service) {
      planner.mistake(text.line,
                      fmt::format("service {}: {}", in_quotes(text.value), service.error()));
    }
    if (!names.insert(service->name).second) {
      planner.mistake(text.line, fmt::format("two services are called '{}'", service->name));
    }
    out->services.push_back(std::move(*service));
  }
  std::set<PublicKey> allow;
  for (const auto& text : section.texts("allow")) allow.insert(planner.peer(text).key);
  out->policy = forward::Policy(std::move(allow));
  out->client_relays = section.boolean("client_relays").value_or(true);
  if (planner.has(kExposeKind, out->key())) {
    planner.mistake(section.line(),
                    "two [[expose]] have the same identity; list all services in one, or give one "
                    "its own identity");
  }
  planner.add(std::move(out));
}

std::string list_or(const char* label, const Json& list, const char* none) {
  std::vector<std::string> items;
  for (const Json& entry : list) items.push_back(printable(entry.get_ref<const std::string&>()));
  if (items.empty()) items.emplace_back(none);
  return list_text(label, items, platform::output_width());
}

std::string traffic(const Json& expose) {
  return fmt::format("{} to peers, {} from them", size_text(number_field(expose, "bytesToPeer")),
                     size_text(number_field(expose, "bytesFromPeer")));
}

std::string expose_text(const Json& expose) {
  std::string out = fmt::format("\n\nexposed as {}", text_field(expose, "key"));
  for (const Json& service : expose.at("services")) {
    out += fmt::format("\n  {} -> {}", text_field(service, "name"), text_field(service, "target"));
  }
  const Json& allow = expose.at("allow");
  const Json& reachable = expose.at("reachable");
  out += fmt::format("\n  for:         {}", allow.is_null()
                                                ? std::string("everybody who knows the key")
                                                : count_text(allow.size(), "key"));
  out += fmt::format("\n{}", list_or("  announced:   ", expose.at("relays"), "not yet"));
  out += fmt::format("\n  reachable:   {}", reachable.is_null()     ? "not tested yet"
                                            : reachable.get<bool>() ? "yes"
                                                                    : "no");
  if (expose.contains("problem")) {
    out += fmt::format("\n  not open:    {}", text_field(expose, "problem"));
  }
  if (expose.value("shared", false)) {
    out += "\n               another program also serves this key: one of them needs its own";
  }
  const std::uint64_t refused = number_field(expose, "refused");
  return out + fmt::format("\n  connections: {}; {}{}", number_field(expose, "connections"),
                           traffic(expose),
                           refused > 0 ? fmt::format("; {} refused, too many", refused) : "");
}

std::string exposes_text(const Json& exposes) {
  std::string out;
  for (const Json& expose : exposes) out += expose_text(expose);
  return out;
}

std::string services_exposed(std::size_t number) {
  return count_text(number, "service") + " exposed";
}

}  // namespace

const TunnelKind kExposeKind = {.section = {"expose", kKeysOfExpose},
                                .read = read_expose,
                                .list = "exposes",
                                .text = exposes_text,
                                .number = "services",
                                .number_text = services_exposed};

bool ExposeSpec::same(const TunnelSpec& other) const {
  const auto& expose = static_cast<const ExposeSpec&>(other);
  return identity == expose.identity && services == expose.services && policy == expose.policy &&
         client_relays == expose.client_relays;
}

void ExposeSpec::check(Preflight& preflight) const {
  preflight.check_identity(identity);
  for (const forward::Service& service : services) preflight.check_service(service);
}

std::unique_ptr<Tunnel> ExposeSpec::make(App& app) const {
  const platform::Identity own = require_identity(identity, app.loop().random());
  return std::make_unique<Exposure>(app, *this, own.keys, std::nullopt);
}

}  // namespace hsfwd::cli
