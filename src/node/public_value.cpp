// SPDX-License-Identifier: Apache-2.0
#include "node/public_value.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "hyperdht/dht.hpp"
#include "hyperdht/store/operations.hpp"
#include "node/internals.hpp"

namespace hsfwd {

namespace {

// As holesail has it; nodes keep values for 32 hours at least, and go by themselves.
constexpr Duration kRefresh = 50_min;
constexpr Duration kFirstRetry = 2_s;
constexpr Duration kMaxRetry = 60_s;

using FoundValue = Result<hyperdht::MutableValue, hyperdht::OperationError>;

}  // namespace

struct FindValue::Impl {
  Impl(Node& node, const PublicKey& key, Done done)
      : get(Internals::dht(node).node(), key, 0, [done = std::move(done)](const FoundValue& found) {
          done(found ? std::optional(found->value) : std::nullopt);
        }) {}
  hyperdht::GetMutable get;
};

FindValue::FindValue(Node& node, const PublicKey& key, Done done)
    : impl_(std::make_unique<Impl>(node, key, std::move(done))) {}

FindValue::~FindValue() = default;

void FindValue::start() {
  impl_->get.start();
}

void FindValue::cancel() {
  impl_->get.cancel();
}

/// A cycle: read what is there ─► write under the same number, or the next ─► rest.
class KeptValue::Impl {
 public:
  Impl(Node& node, const KeyPair& keys, Bytes value, OnStored on_stored)
      : node_(Internals::dht(node).node()),
        keys_(keys),
        value_(std::move(value)),
        on_stored_(std::move(on_stored)),
        timer_(node_.env().scheduler, [this] { read(); }) {}

  void cancel() {
    timer_.stop();
    if (get_) get_->cancel();
    if (put_) put_->cancel();
  }

  Scheduler& scheduler() { return node_.env().scheduler; }

  void read() {
    scheduler().retire(std::move(get_));
    get_ = std::make_unique<hyperdht::GetMutable>(
        node_, keys_.public_key, 0, [this](const FoundValue& found) {
          // A number names one value: another one under it is refused, as is an older number.
          if (found) return write(found->value == value_ ? found->seq : found->seq + 1);
          write(0);
        });
    get_->start();
  }

 private:
  void write(std::uint64_t seq) {
    scheduler().retire(std::move(put_));
    put_ = std::make_unique<hyperdht::PutMutable>(
        node_, keys_, seq, value_,
        [this](const Result<void, hyperdht::OperationError>& result) { rest(result.ok()); });
    put_->start();
  }

  void rest(bool stored) {
    if (stored) {
      retry_ = kFirstRetry;
      timer_.start(kRefresh);
    } else {
      timer_.start(std::exchange(retry_, std::min(retry_ * 2, kMaxRetry)));
    }
    on_stored_(stored);
  }

  rpc::Node& node_;
  const KeyPair keys_;
  const Bytes value_;
  const OnStored on_stored_;
  std::unique_ptr<hyperdht::GetMutable> get_;
  std::unique_ptr<hyperdht::PutMutable> put_;
  Duration retry_ = kFirstRetry;
  Timer timer_;  // the next cycle
};

KeptValue::KeptValue(Node& node, const KeyPair& keys, Bytes value, OnStored on_stored)
    : impl_(std::make_unique<Impl>(node, keys, std::move(value), std::move(on_stored))) {}

/// Maybe from inside its callback.
KeptValue::~KeptValue() {
  Scheduler& scheduler = impl_->scheduler();
  scheduler.retire(std::move(impl_));
}

void KeptValue::start() {
  impl_->read();
}

}  // namespace hsfwd
