// SPDX-License-Identifier: Apache-2.0
// [[expose]]: services of this machine that peers reach.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/events/event.hpp"
#include "cli/tunnel.hpp"
#include "cli/udp_idle.hpp"
#include "cli/udp_report.hpp"
#include "forward/policy.hpp"
#include "forward/service.hpp"
#include "platform/identity_file.hpp"

namespace hsfwd::cli {

/// Behind a service that is told who connects.
inline constexpr const char* kProxyNote = ", PROXY protocol";

extern const TunnelKind kExposeKind;

struct ExposeStatus {
  struct Service {
    std::string name;
    std::string target;
    bool proxy = false;  // with a header of the PROXY protocol
    static constexpr void fields(auto list) {
      list(field("name", &Service::name), field("target", &Service::target),
           newer_field("proxy", &Service::proxy));
    }
  };
  struct Listening {
    std::string peer;
    std::string key;
    std::string listen;
    std::uint64_t connections = 0;
    static constexpr void fields(auto list) {
      list(field("peer", &Listening::peer), field("key", &Listening::key),
           field("listen", &Listening::listen), field("connections", &Listening::connections));
    }
  };
  std::string public_key;
  std::string key;
  std::vector<Service> services;
  std::optional<std::vector<std::string>> allow;  // null: everybody
  Omittable<std::vector<std::string>> permit;     // without: all services
  Omittable<std::vector<std::string>> permit_listen;
  std::vector<Listening> listening;  // for peers
  std::vector<std::string> relays;   // introducers
  std::optional<bool> reachable;     // null: not tested yet
  bool shared = false;
  std::uint64_t connections = 0;
  Omittable<std::uint64_t> flows;              // of UDP
  Omittable<std::vector<DatagramDrop>> drops;  // of UDP
  std::uint64_t refused = 0;
  std::uint64_t bytes_to_peer = 0;
  std::uint64_t bytes_from_peer = 0;
  Omittable<std::uint64_t> rate_to_peer;  // bytes a second, by two of status --watch
  Omittable<std::uint64_t> rate_from_peer;
  Omittable<std::string> problem;  // that keeps it from being announced
  static constexpr void fields(auto list) {
    list(field("publicKey", &ExposeStatus::public_key), field("key", &ExposeStatus::key),
         field("services", &ExposeStatus::services), field("allow", &ExposeStatus::allow),
         field("permit", &ExposeStatus::permit),
         field("permitListen", &ExposeStatus::permit_listen),
         newer_field("listening", &ExposeStatus::listening), field("relays", &ExposeStatus::relays),
         field("reachable", &ExposeStatus::reachable), newer_field("shared", &ExposeStatus::shared),
         field("connections", &ExposeStatus::connections), field("flows", &ExposeStatus::flows),
         field("drops", &ExposeStatus::drops), field("refused", &ExposeStatus::refused),
         field("bytesToPeer", &ExposeStatus::bytes_to_peer),
         field("bytesFromPeer", &ExposeStatus::bytes_from_peer),
         field("rateToPeer", &ExposeStatus::rate_to_peer),
         field("rateFromPeer", &ExposeStatus::rate_from_peer),
         field("problem", &ExposeStatus::problem));
  }
};

struct ExposeSpec final : TunnelSpec {
  const TunnelKind& kind() const override { return kExposeKind; }
  std::string key() const override { return identity; }
  bool same(const TunnelSpec& other) const override;
  std::size_t number() const override { return services.size(); }
  void check(Preflight& preflight) const override;
  std::unique_ptr<Tunnel> make(App& app) const override;
  Contradiction contradiction() const override;
  bool has_udp() const;
  /// Who may reach what under that key.
  forward::Policy policy_of(const PublicKey& own) const;
  /// What does not go together, and with its identity, one clause for people; empty: nothing.
  std::string problem_with_words(bool allows) const;
  std::string problem_with(const platform::Identity& own) const;

  std::string identity;                    // path
  std::vector<forward::Service> services;  // none: destinations alone
  forward::Policy policy;
  bool own_key_only = false;  // who may connect: those who have the same identity
  bool holesail = false;      // with a record for holesail's clients
  bool client_relays = true;  // contact relays named by clients
  Duration udp_idle = kUsualUdpIdle;
};

}  // namespace hsfwd::cli
