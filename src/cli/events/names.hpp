// SPDX-License-Identifier: Apache-2.0
// Keys, and what peers are called.
#pragma once

#include <string>
#include <vector>

#include "cli/events/event.hpp"

namespace hsfwd::cli::events {

struct Identity {
  static constexpr const char* kName = "identity";
  static constexpr const char* kFrom = "keygen";
  std::string public_key;
  std::string key;
  std::string file;
  bool created;
  std::string address;  // of the key, in a network
  static constexpr void fields(auto list) {
    list(field("publicKey", &Identity::public_key), field("key", &Identity::key),
         field("file", &Identity::file), field("created", &Identity::created),
         field("address", &Identity::address));
  }
};

struct NamedPeer {
  std::string name;
  std::string peer;
  std::string key;
  std::string file;  // that names it
  static constexpr void fields(auto list) {
    list(field("name", &NamedPeer::name), field("peer", &NamedPeer::peer),
         field("key", &NamedPeer::key), field("file", &NamedPeer::file));
  }
};

struct Named {
  static constexpr const char* kName = "named";
  static constexpr const char* kFrom = "peers add";
  NamedPeer peer;
  static constexpr void fields(auto list) { list(field("peer", &Named::peer)); }
};

struct Unnamed {
  static constexpr const char* kName = "unnamed";
  static constexpr const char* kFrom = "peers remove";
  NamedPeer peer;
  static constexpr void fields(auto list) { list(field("peer", &Unnamed::peer)); }
};

struct Names {
  static constexpr const char* kName = "names";
  static constexpr const char* kFrom = "peers names";
  std::vector<NamedPeer> peers;
  static constexpr void fields(auto list) { list(field("peers", &Names::peers)); }
};

}  // namespace hsfwd::cli::events
