// SPDX-License-Identifier: Apache-2.0
// What commands of any kind report beside their own events.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/events/event.hpp"

namespace hsfwd::cli::events {

struct Warning {
  static constexpr const char* kName = "warning";
  static constexpr const char* kFrom = "all but keygen, lookup, netcheck, pipe, run";
  std::string message;
  Omittable<std::string> component;  // that says it; none of those of check
  static constexpr void fields(auto list) {
    list(field("message", &Warning::message), field("component", &Warning::component));
  }
};

struct Waiting {
  static constexpr const char* kName = "waiting";
  static constexpr const char* kFrom = "all but check, keygen, lookup, netcheck, pipe";
  std::string what;
  std::string text = {};                          // as people are told
  Omittable<std::vector<std::string>> bootstrap;  // of "network"
  Omittable<std::string> peer;                    // of "peer"
  Omittable<std::uint64_t> size;                  // of "nodes"
  static constexpr void fields(auto list) {
    list(field("for", &Waiting::what), field("text", &Waiting::text),
         field("bootstrap", &Waiting::bootstrap), field("peer", &Waiting::peer),
         field("size", &Waiting::size));
  }
};

struct Dropped {
  static constexpr const char* kName = "dropped";
  static constexpr const char* kFrom = "expose, connect, node, testnet, up";
  std::uint64_t lines;
  static constexpr void fields(auto list) { list(field("lines", &Dropped::lines)); }
};

struct Error {
  static constexpr const char* kName = "error";
  static constexpr const char* kFrom = "all";
  std::string code;
  std::string message;
  static constexpr void fields(auto list) {
    list(field("code", &Error::code), field("message", &Error::message));
  }
};

}  // namespace hsfwd::cli::events
