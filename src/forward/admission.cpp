// SPDX-License-Identifier: Apache-2.0
#include "forward/admission.hpp"

#include <fmt/format.h>

#include "util/check.hpp"
#include "util/metrics.hpp"

namespace hsfwd::forward {

Admission::~Admission() {
  HSFWD_CHECK(all_.connections == 0);
}

struct Admission::Kind {
  std::size_t Held::*count;
  const char* name;
  const char* state;
};
constexpr Admission::Kind Admission::kConnections = {&Held::connections, "connections", ""};
constexpr Admission::Kind Admission::kDialling = {&Held::dialling, "connections",
                                                  " are waiting for their services"};
constexpr Admission::Kind Admission::kLookups = {&Held::lookups, "names", " are being looked up"};

Result<void, std::string> Admission::take(const crypto::PublicKey& key, const Kind& kind,
                                          std::size_t limit, std::size_t limit_of_key) {
  const auto too_many = [&](const char* whose, std::size_t count) {
    return Err(fmt::format("too many {}{}{} ({})", kind.name, whose, kind.state, count));
  };
  const auto found = by_key_.find(key);
  const std::size_t of_key = found != by_key_.end() ? found->second.*kind.count : 0;
  if (all_.*kind.count >= limit) return too_many("", all_.*kind.count);
  if (of_key >= limit_of_key) return too_many(" from this key", of_key);
  ++(by_key_[key].*kind.count);
  ++(all_.*kind.count);
  return {};
}

void Admission::give_back(const crypto::PublicKey& key, const Kind& kind) {
  --(by_key_.at(key).*kind.count);
  --(all_.*kind.count);
}

Result<Admission::Ticket, std::string> Admission::admit(const crypto::PublicKey& key) {
  auto taken = take(key, kConnections, limits_.connections, limits_.per_key);
  if (!taken) return Err(taken.error());
  return Ticket(*this, key);
}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  release();
  admission_ = std::exchange(other.admission_, nullptr);
  key_ = other.key_;
  dialling_ = std::exchange(other.dialling_, false);
  looking_up_ = std::exchange(other.looking_up_, false);
  return *this;
}

Result<void, std::string> Admission::Ticket::start_dial() {
  if (admission_ == nullptr || dialling_) return {};
  const std::size_t limit = admission_->limits_.dialling();
  auto taken = admission_->take(key_, kDialling, limit, Limits::share_of_key(limit));
  dialling_ = taken.ok();
  return taken;
}

void Admission::Ticket::end_dial() {
  if (std::exchange(dialling_, false)) admission_->give_back(key_, kDialling);
}

Result<void, std::string> Admission::Ticket::start_lookup() {
  if (admission_ == nullptr || looking_up_) return {};
  constexpr std::size_t kLimit = Limits::kMaxLookups;
  auto taken = admission_->take(key_, kLookups, kLimit, Limits::share_of_key(kLimit));
  looking_up_ = taken.ok();
  return taken;
}

void Admission::Ticket::end_lookup() {
  if (std::exchange(looking_up_, false)) admission_->give_back(key_, kLookups);
}

void Admission::Ticket::release() {
  if (admission_ == nullptr) return;
  end_dial();
  end_lookup();
  admission_->give_back(key_, kConnections);
  const auto found = admission_->by_key_.find(key_);
  if (found->second.connections == 0) admission_->by_key_.erase(found);
  admission_ = nullptr;
}

void Admission::collect(MetricSink& sink) const {
  sink.gauge("hsfwd_exposed_connections", "Connections of peers to all that is exposed",
             all_.connections);
  sink.gauge("hsfwd_exposed_connections_limit", "The most that there may be", limits_.connections);
  sink.gauge("hsfwd_exposed_dialling", "Of these, waiting for their service to answer",
             all_.dialling);
}

}  // namespace hsfwd::forward
