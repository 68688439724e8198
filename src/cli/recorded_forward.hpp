// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "cli/app.hpp"
#include "cli/peer_reference.hpp"
#include "forward/service.hpp"
#include "node/public_value.hpp"

namespace hsfwd::cli {

/// The local address that a holesail server's record leads to, for who names none.
class RecordedForward {
 public:
  /// May throw UserError, with which the program then ends.
  using Found = std::function<void(const forward::LocalForward&)>;

  /// `peer` outlives it.
  RecordedForward(App& app, const PeerReference& peer, Found found);

  /// Reads the record; without one it is the port that holesail takes then. One that makes no sense
  /// ends the program.
  void start();

 private:
  void on_record(const std::optional<Bytes>& value);

  App& app_;
  const PeerReference& peer_;
  const Found found_;
  FindValue record_;
};

}  // namespace hsfwd::cli
