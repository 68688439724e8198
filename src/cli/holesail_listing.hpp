// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "cli/app.hpp"
#include "cli/holesail_record.hpp"
#include "node/public_value.hpp"

namespace hsfwd::cli {

/// The record of an exposed service, kept in the DHT for clients of holesail.
class HolesailListing {
 public:
  HolesailListing(App& app, const KeyPair& keys) : app_(app), keys_(keys) {}

  /// Another record from now on, or none. What is stored already stays until nodes forget it, as holesail's does.
  void set(std::optional<HolesailRecord> record);
  /// Stores it, and again from then on. `told` is called the first time that this has succeeded or failed;
  /// at once where there is none, or that time is over.
  void keep(std::function<void()> told);
  void stop() { kept_.reset(); }
  bool wanted() const { return record_.has_value(); }

 private:
  void store();
  void on_stored(bool stored);

  App& app_;
  const KeyPair keys_;
  std::optional<HolesailRecord> record_;
  std::unique_ptr<KeptValue> kept_;
  bool settled_ = false;
  std::function<void()> told_;
};

}  // namespace hsfwd::cli
