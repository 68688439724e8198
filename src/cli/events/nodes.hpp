// SPDX-License-Identifier: Apache-2.0
// What is reported of a node that serves the DHT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/events/event.hpp"

namespace hsfwd::cli::events {

struct NodeReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "node";
  std::string listen;
  std::optional<std::string> address;
  bool firewalled;
  bool persistent;
  Omittable<std::string> public_key;
  Omittable<std::string> key;
  static constexpr void fields(auto list) {
    list(field("listen", &NodeReady::listen), field("address", &NodeReady::address),
         field("firewalled", &NodeReady::firewalled), field("persistent", &NodeReady::persistent),
         field("publicKey", &NodeReady::public_key), field("key", &NodeReady::key));
  }
};

struct Relaying {
  static constexpr const char* kName = "relaying";
  static constexpr const char* kFrom = "node --relay";
  std::string public_key;
  std::string key;
  static constexpr void fields(auto list) {
    list(field("publicKey", &Relaying::public_key), field("key", &Relaying::key));
  }
};

struct TestnetReady {
  static constexpr const char* kName = "ready";
  static constexpr const char* kFrom = "testnet";
  std::vector<std::string> bootstrap;
  std::uint64_t size;
  static constexpr void fields(auto list) {
    list(field("bootstrap", &TestnetReady::bootstrap), field("size", &TestnetReady::size));
  }
};

}  // namespace hsfwd::cli::events
