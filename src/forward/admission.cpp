// SPDX-License-Identifier: Apache-2.0
#include "forward/admission.hpp"

#include <fmt/format.h>

#include "util/check.hpp"
#include "util/metrics.hpp"

namespace hsfwd::forward {

Admission::~Admission() {
  HSFWD_CHECK(connections_ == 0);
}

Result<Admission::Ticket, std::string> Admission::admit(const crypto::PublicKey& key) {
  if (connections_ >= limits_.connections) {
    return Err(fmt::format("too many connections ({})", connections_));
  }
  const auto found = by_key_.find(key);
  if (found != by_key_.end() && found->second >= limits_.per_key) {
    return Err(fmt::format("too many connections from this key ({})", found->second));
  }
  ++by_key_[key];
  ++connections_;
  return Ticket(*this, key);
}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  release();
  admission_ = std::exchange(other.admission_, nullptr);
  key_ = other.key_;
  dialling_ = std::exchange(other.dialling_, false);
  return *this;
}

Result<void, std::string> Admission::Ticket::start_dial() {
  if (admission_ == nullptr || dialling_) return {};
  if (admission_->dialling_ >= admission_->limits_.dialling()) {
    return Err(fmt::format("too many connections are waiting for their services ({})",
                           admission_->dialling_));
  }
  dialling_ = true;
  ++admission_->dialling_;
  return {};
}

void Admission::Ticket::end_dial() {
  if (std::exchange(dialling_, false)) --admission_->dialling_;
}

void Admission::Ticket::release() {
  if (admission_ == nullptr) return;
  end_dial();
  --admission_->connections_;
  const auto found = admission_->by_key_.find(key_);
  if (--found->second == 0) admission_->by_key_.erase(found);
  admission_ = nullptr;
}

void Admission::collect(MetricSink& sink) const {
  sink.gauge("hsfwd_exposed_connections", "Connections of peers to all that is exposed",
             connections_);
  sink.gauge("hsfwd_exposed_connections_limit", "The most that there may be", limits_.connections);
  sink.gauge("hsfwd_exposed_dialling", "Of these, waiting for their service to answer", dialling_);
}

}  // namespace hsfwd::forward
