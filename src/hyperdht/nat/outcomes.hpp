// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "hyperdht/nat/connect_error.hpp"
#include "hyperdht/nat/holepuncher.hpp"
#include "hyperdht/nat/path_kind.hpp"
#include "hyperdht/nat/punch_failure.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::hyperdht {

/// What came of all attempts of a node to reach peers, and of all its punches, on either side.
class Outcomes {
 public:
  void note_reached(PathKind first_path) { ++reached_[index(first_path)]; }
  void note_failure(ConnectError error) { ++failed_[index(error)]; }
  void note_punch(Holepuncher::Role role, PunchStrategy strategy) {
    ++punches_[index(role)][index(strategy)].begun;
  }
  /// Behind a punch of that kind there is a path. kNone: the first packets opened it, and none was begun.
  void note_punched(Holepuncher::Role role, PunchStrategy strategy) {
    if (strategy == PunchStrategy::kNone) note_punch(role, strategy);
    ++punches_[index(role)][index(strategy)].opened;
  }
  /// Of a client's, whether it had begun or not.
  void note_failure(PunchFailure failure) { ++punch_failed_[index(failure)]; }

  void collect(MetricSink& sink) const;

 private:
  struct Punches {
    std::uint64_t begun = 0;
    std::uint64_t opened = 0;
  };
  template <class Enum>
  static constexpr std::size_t index(Enum value) {
    return static_cast<std::size_t>(value);
  }
  template <class Value, auto kLast>
  using PerEach = std::array<Value, static_cast<std::size_t>(kLast) + 1>;

  PerEach<std::uint64_t, PathKind::kRelayed> reached_{};
  PerEach<std::uint64_t, ConnectError::kNoMemory> failed_{};
  PerEach<PerEach<Punches, PunchStrategy::kBirthday>, Holepuncher::Role::kServer> punches_{};
  PerEach<std::uint64_t, PunchFailure::kExhausted> punch_failed_{};
};

}  // namespace hsfwd::hyperdht
