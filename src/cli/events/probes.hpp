// SPDX-License-Identifier: Apache-2.0
// What is found out by asking for a peer once: whether it is announced, and whether it answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/events/event.hpp"

namespace hsfwd::cli::events {

struct RelayAnswer {
  std::string relay;
  std::optional<double> millis;
  static constexpr void fields(auto list) {
    list(field("relay", &RelayAnswer::relay), field("millis", &RelayAnswer::millis));
  }
};

struct Found {
  static constexpr const char* kName = "found";
  static constexpr const char* kFrom = "lookup";
  std::string peer;
  std::vector<std::string> relays;
  std::vector<RelayAnswer> answers;
  std::uint64_t millis;
  std::uint64_t hops;
  std::uint64_t asked;
  static constexpr void fields(auto list) {
    list(field("peer", &Found::peer), field("relays", &Found::relays),
         field("answers", &Found::answers), field("millis", &Found::millis),
         field("hops", &Found::hops), field("asked", &Found::asked));
  }
};

struct PingConnection {
  static constexpr const char* kName = "connection";
  static constexpr const char* kFrom = "ping";
  std::string peer;
  std::string path;
  std::string remote;
  double millis;
  std::optional<std::vector<std::string>> services;
  static constexpr void fields(auto list) {
    list(field("peer", &PingConnection::peer), field("path", &PingConnection::path),
         field("remote", &PingConnection::remote), field("millis", &PingConnection::millis),
         field("services", &PingConnection::services));
  }
};

struct Direct {
  static constexpr const char* kName = "direct";
  static constexpr const char* kFrom = "ping --until-direct";
  std::string peer;
  std::string path;
  std::string remote;
  double millis;
  static constexpr void fields(auto list) {
    list(field("peer", &Direct::peer), field("path", &Direct::path),
         field("remote", &Direct::remote), field("millis", &Direct::millis));
  }
};

struct Pong {
  static constexpr const char* kName = "pong";
  static constexpr const char* kFrom = "ping";
  std::uint64_t seq;
  double millis;
  std::string path;
  std::string remote;
  static constexpr void fields(auto list) {
    list(field("seq", &Pong::seq), field("millis", &Pong::millis), field("path", &Pong::path),
         field("remote", &Pong::remote));
  }
};

struct Silence {
  static constexpr const char* kName = "silence";
  static constexpr const char* kFrom = "ping";
  std::uint64_t seq;
  static constexpr void fields(auto list) { list(field("seq", &Silence::seq)); }
};

struct Statistics {
  static constexpr const char* kName = "statistics";
  static constexpr const char* kFrom = "ping";
  std::uint64_t sent;
  std::uint64_t answered;
  // If there was an answer
  Omittable<double> min;
  Omittable<double> mean;
  Omittable<double> max;
  Omittable<double> deviation;
  Omittable<std::uint64_t> repeated;
  Omittable<std::uint64_t> mtu;
  static constexpr void fields(auto list) {
    list(field("sent", &Statistics::sent), field("answered", &Statistics::answered),
         field("min", &Statistics::min), field("mean", &Statistics::mean),
         field("max", &Statistics::max), field("deviation", &Statistics::deviation),
         field("repeated", &Statistics::repeated), field("mtu", &Statistics::mtu));
  }
};

}  // namespace hsfwd::cli::events
