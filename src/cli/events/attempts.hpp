// SPDX-License-Identifier: Apache-2.0
// Attempts to reach peers, step by step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/events/event.hpp"

namespace hsfwd::cli::events {

struct Attempt {
  static constexpr const char* kName = "attempt";
  static constexpr const char* kFrom = "why; connect, up with -v";
  Omittable<std::uint64_t> id;
  double millis;
  std::string step;
  std::string text;
  static constexpr void fields(auto list) {
    list(field("id", &Attempt::id), field("millis", &Attempt::millis),
         field("step", &Attempt::step), field("text", &Attempt::text));
  }
};

struct AttemptStepState {
  double millis = 0;  // since it began
  std::string step;
  std::string text;
  static constexpr void fields(auto list) {
    list(field("millis", &AttemptStepState::millis), field("step", &AttemptStepState::step),
         field("text", &AttemptStepState::text));
  }
};

struct AttemptState {
  Omittable<std::uint64_t> id;  // of the connection that it was for
  std::string peer;
  std::string key;
  Omittable<std::string> name;
  std::string service;
  std::string at;
  std::uint64_t seconds = 0;
  std::string outcome;          // reached, failed, under way, given up
  Omittable<double> millis;     // until it was reached
  Omittable<std::string> code;  // of one that has failed, as are these
  Omittable<std::string> reason;
  Omittable<std::string> advice;
  std::vector<AttemptStepState> steps;
  static constexpr void fields(auto list) {
    list(field("id", &AttemptState::id), field("peer", &AttemptState::peer),
         field("key", &AttemptState::key), field("name", &AttemptState::name),
         field("service", &AttemptState::service), field("at", &AttemptState::at),
         field("seconds", &AttemptState::seconds), field("outcome", &AttemptState::outcome),
         field("millis", &AttemptState::millis), field("code", &AttemptState::code),
         field("reason", &AttemptState::reason), field("advice", &AttemptState::advice),
         field("steps", &AttemptState::steps));
  }
};

/// The last of a running `up`, the newest first.
struct Attempts {
  static constexpr const char* kName = "attempts";
  static constexpr const char* kFrom = "why";
  std::string command;  // up, expose, ...
  std::uint64_t pid = 0;
  std::vector<AttemptState> attempts;
  static constexpr void fields(auto list) {
    list(newer_field("command", &Attempts::command), newer_field("pid", &Attempts::pid),
         field("attempts", &Attempts::attempts));
  }
};

struct Verdict {
  static constexpr const char* kName = "verdict";
  static constexpr const char* kFrom = "why";
  bool reached;
  // Of one that was reached
  Omittable<std::string> path;
  Omittable<std::string> remote;
  Omittable<std::uint64_t> millis;
  // Of one that was not
  Omittable<std::string> code;
  Omittable<std::string> own_nat;
  Omittable<std::string> peer_nat;
  std::string verdict;
  std::string advice;
  static constexpr void fields(auto list) {
    list(field("reached", &Verdict::reached), field("path", &Verdict::path),
         field("remote", &Verdict::remote), field("millis", &Verdict::millis),
         field("code", &Verdict::code), field("ownNat", &Verdict::own_nat),
         field("peerNat", &Verdict::peer_nat), field("verdict", &Verdict::verdict),
         field("advice", &Verdict::advice));
  }
};

}  // namespace hsfwd::cli::events
