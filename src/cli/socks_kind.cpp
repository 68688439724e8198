// SPDX-License-Identifier: Apache-2.0
#include "cli/socks_kind.hpp"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "cli/planner.hpp"
#include "cli/rates.hpp"
#include "cli/socks_tunnel.hpp"
#include "cli/table.hpp"
#include "cli/targets.hpp"
#include "net/address.hpp"
#include "platform/standard_streams.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

// Of the table.
constexpr std::size_t kProxyColumn = 0;
constexpr std::size_t kOtherNamesColumn = 1;

constexpr config::Key kKeysOfSocks[] = {{.name = "listen",
                                         .type = config::Key::Type::kTexts,
                                         .needed = "listen, such as listen = [\"1080\"]"},
                                        {.name = "peer"}};

void read_socks(const config::Section& section, Planner& planner) {
  std::optional<PeerReference> peer;
  if (const auto text = section.text("peer")) peer = planner.peer(*text);
  const SocksDirectory directory(std::move(peer), planner.named_peers());
  for (const auto& text : section.texts("listen")) {
    auto listen = parse_socks_address(text.value);
    if (!listen) {
      planner.mistake(text.line,
                      fmt::format("listen {}: {}", in_quotes(text.value), listen.error()));
    }
    planner.refuse_taken(text, *listen);
    if (const std::string warning = socks_exposure(*listen); !warning.empty()) {
      planner.warn(text.line, warning);
    }
    planner.add(std::make_shared<SocksSpec>(std::move(*listen), directory));
  }
}

std::string socks_text(const Json& list) {
  const auto all = decoded<std::vector<SocksStatus>>(list);
  if (all.empty()) return "";
  Table table(
      {"SOCKS", "OTHER NAMES", "CONNECTIONS", "WAITING", "REFUSED", "TO PEER", "FROM PEER"});
  table.may_shorten(kOtherNamesColumn).may_shorten(kProxyColumn);
  for (const SocksStatus& socks : all) {
    table.add({socks.listen, socks.name.value_or("(refused)"),
               socks.problem ? "not open" : std::to_string(socks.connections),
               std::to_string(socks.waiting), std::to_string(socks.refused),
               size_text(socks.bytes_to_peer), size_text(socks.bytes_from_peer)},
              rate_notes(socks));
  }
  return "\n\n" + table.to_string(platform::output_width());
}

std::string socks_addresses(std::size_t number) {
  return number == 0 ? "" : count_text(number, "SOCKS address", "SOCKS addresses");
}

}  // namespace

const TunnelKind kSocksKind = {.section = {"socks", kKeysOfSocks},
                               .read = read_socks,
                               .list = "socks",
                               .fields = names_of_fields<SocksStatus>,
                               .text = socks_text,
                               .number = "socks",
                               .number_text = socks_addresses};

std::string SocksSpec::key() const {
  // Port 0 is a different one each time.
  return listen.port == 0 ? "" : listen.to_string();
}

bool SocksSpec::same(const TunnelSpec& other) const {
  const auto& socks = static_cast<const SocksSpec&>(other);
  return listen == socks.listen && directory.same(socks.directory);
}

std::unique_ptr<Tunnel> SocksSpec::make(App& app) const {
  return std::make_unique<SocksTunnel>(app, listen, directory);
}

Result<net::StreamAddress, std::string> parse_socks_address(std::string_view text) {
  if (text.starts_with("udp:")) return Err(fmt::format("{}: SOCKS is TCP", in_quotes(text)));
  if (PeerReference::parse(std::string(text))) {
    return Err(std::string("it takes a local port; the peer is a word of its own: PEER -D 1080"));
  }
  auto forward = parse_local_forward(text);
  const bool is_port = forward && !forward->listen.is_unix() && forward->service.empty();
  // What it says of the shape is about services.
  const bool of_shape = !forward && forward.error().find("[:SERVICE]") != std::string::npos;
  if (!forward && !of_shape) return Err(forward.error());
  if (!is_port) return Err(fmt::format("{} is not [BIND:]PORT", in_quotes(text)));
  return std::move(forward->listen);
}

std::string socks_exposure(const net::StreamAddress& listen) {
  const auto ipv4 = net::Ipv4::parse(listen.host);
  if (listen.host == "localhost" || listen.host == "::1" || (ipv4 && ipv4->is_loopback()))
    return "";
  return fmt::format(
      "SOCKS at {} asks nobody who he is: whoever reaches that address gets to your peers as you",
      printable(listen.to_string()));
}

}  // namespace hsfwd::cli
