// SPDX-License-Identifier: Apache-2.0
#include "cli/holesail_listing.hpp"

#include <utility>

namespace hsfwd::cli {

void HolesailListing::set(std::optional<HolesailRecord> record) {
  if (record == record_) return;
  record_ = record;
  const bool kept = std::exchange(kept_, nullptr) != nullptr;
  if (kept && record_) store();
}

void HolesailListing::keep(std::function<void()> told) {
  if (record_ && !kept_) store();
  if (!record_ || settled_) return told();
  told_ = std::move(told);
}

void HolesailListing::store() {
  kept_ = std::make_unique<KeptValue>(app_.node(), keys_, to_bytes(as_bytes(record_->encode())),
                                      [this](bool stored) { on_stored(stored); });
  kept_->start();
}

void HolesailListing::on_stored(bool stored) {
  if (!stored) {
    app_.log().warning("holesail",
                       "no node has stored the record of {} for clients of holesail; trying again",
                       key_text(keys_.public_key));
  }
  settled_ = true;
  if (const auto told = std::exchange(told_, nullptr)) told();
}

}  // namespace hsfwd::cli
