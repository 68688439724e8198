// SPDX-License-Identifier: Apache-2.0
#include "cli/reverse_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/planner.hpp"
#include "cli/port_ranges.hpp"
#include "cli/preflight.hpp"
#include "cli/rates.hpp"
#include "cli/reverse_tunnel.hpp"
#include "cli/table.hpp"
#include "cli/targets.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

// Of the table.
constexpr std::size_t kOwnerColumn = 1;
constexpr std::size_t kLedToColumn = 2;

constexpr config::Key kKeysOfReverse[] = {
    {.name = "peer", .needed = "a peer: its key, or a name from [peer.NAME]"},
    {.name = "listen",
     .type = config::Key::Type::kTexts,
     .needed = "listen, such as listen = [\"8080:3000\"]"}};

void read_reverse(const config::Section& section, Planner& planner) {
  const PeerReference peer = planner.peer(*section.text("peer"));
  for (const auto& text : section.texts("listen")) {
    const auto refuse = [&](const std::string& why) {
      planner.mistake(text.line, fmt::format("listen {}: {}", in_quotes(text.value), why));
    };
    const auto words = reverses_of_range(text.value);
    if (!words) refuse(words.error());
    for (const std::string& word : *words) {
      auto forward = parse_reverse_forward(word, planner.folder());
      if (!forward) refuse(forward.error());
      auto spec = std::make_shared<ReverseSpec>(peer, std::move(*forward));
      if (!spec->key().empty() && planner.has(kReverseKind, spec->key())) {
        planner.mistake(text.line, fmt::format("{} of {} is to lead to two targets",
                                               spec->forward.listen.to_string(), peer.name));
      }
      planner.add(std::move(spec));
    }
  }
}

std::string reverse_text(const Json& list) {
  auto all = decoded<std::vector<ReverseStatus>>(list);
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return !a.listening && b.listening; });
  if (all.empty()) return "";
  Table table({"AT THE PEER", "PEER", "LEADS TO", "CONNECTIONS", "TO PEER", "FROM PEER"});
  table.may_shorten(kOwnerColumn).may_shorten(kLedToColumn);
  for (const ReverseStatus& one : all) {
    table.add({one.listen, one.name, one.target,
               one.listening ? std::to_string(one.connections) : "not open",
               size_text(one.bytes_to_peer), size_text(one.bytes_from_peer)},
              rate_notes(one));
  }
  return "\n\n" + table.to_string(platform::output_width());
}

std::string addresses_of_peers(std::size_t number) {
  return number == 0 ? "" : count_text(number, "address of peers", "addresses of peers");
}

}  // namespace

const TunnelKind kReverseKind = {.section = {"reverse", kKeysOfReverse},
                                 .read = read_reverse,
                                 .list = "reverses",
                                 .fields = names_of_fields<ReverseStatus>,
                                 .text = reverse_text,
                                 .number = "reverses",
                                 .number_text = addresses_of_peers};

std::string ReverseSpec::key() const {
  // Port 0 is a different one each time.
  if (forward.listen.port == 0) return "";
  return to_hex(peer.key.view()) + " " + forward.listen.to_string();
}

bool ReverseSpec::same(const TunnelSpec& other) const {
  const auto& reverse = static_cast<const ReverseSpec&>(other);
  return forward == reverse.forward && peer.same_peer(reverse.peer);
}

void ReverseSpec::check(Preflight& preflight) const {
  preflight.check_service(forward.target);
}

std::unique_ptr<Tunnel> ReverseSpec::make(App& app) const {
  return std::make_unique<ReverseTunnel>(app, peer, forward);
}

}  // namespace hsfwd::cli
