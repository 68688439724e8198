// SPDX-License-Identifier: Apache-2.0
// Somebody who needs a server and dials it all day long.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <list>

#include "lab.hpp"

namespace hsfwd::scenarios {

class Dial final : public SocketRecorder {
 public:
  Dial(sim::World& world, std::unique_ptr<hyperdht::PeerSocket> socket)
      : SocketRecorder(std::move(socket)), began(world.now()), world_(world) {}
  void on_readable() override {
    SocketRecorder::on_readable();
    if (!heard_at && !received.empty()) heard_at = world_.now();
  }

  const Instant began;
  std::optional<Instant> heard_at;  // the server's first byte

 private:
  sim::World& world_;
};

struct DialRecord {
  Instant began;
  std::optional<Instant> heard_at;  // the server's first byte, if it came within the patience
  std::string timeline;             // of those that failed
};

class Watcher {
 public:
  /// Whoever waits longer has given up.
  static constexpr Duration kPatience = 10_s;

  Watcher(Lab& lab, Peer& from, const crypto::PublicKey& server)
      : world_(lab.world), from_(from), server_(server) {}

  /// Dials every `interval` for `span`; every other time as one who has never been connected.
  void watch(Duration span, Duration interval) {
    const Instant end = world_.now() + span;
    while (world_.now() < end) {
      dial();
      world_.run_for(std::min(interval, end - world_.now()));
      collect();
    }
  }
  /// Waits for the dials that are out.
  void settle() {
    while (!dials_.empty()) {
      world_.run_for(1_s);
      collect();
    }
  }

  const std::vector<DialRecord>& records() const { return records_; }
  /// From `event` until a dial that began later was answered.
  Duration dark_after(Instant event) const {
    Duration dark = Duration::max();
    for (const DialRecord& record : records_) {
      if (record.began >= event && record.heard_at) {
        dark = std::min(dark, *record.heard_at - event);
      }
    }
    return dark;
  }
  int failed_between(Instant from, Instant to) const {
    return static_cast<int>(std::count_if(records_.begin(), records_.end(), [&](const auto& r) {
      return r.began >= from && r.began < to && !r.heard_at;
    }));
  }
  /// The timeline of the last dial that failed.
  std::string last_failure() const {
    const auto failed = std::find_if(records_.rbegin(), records_.rend(),
                                     [](const auto& record) { return !record.heard_at; });
    return failed == records_.rend() ? "" : failed->timeline;
  }

 private:
  void dial() {
    hyperdht::ConnectOptions options;
    options.extension = hyperdht::Extension{};
    options.reusable_socket = ++dialled_ % 2 == 0;
    auto timeline = std::make_shared<std::string>();
    options.timeline = [timeline, began = world_.now()](const hyperdht::AttemptEvent& event) {
      *timeline += fmt::format("  {:>6.3f} {}\n", (event.at - began).to_seconds(), event.text);
    };
    from_.host().freeze();
    dials_.push_back(
        {std::make_unique<Dial>(world_, from_.dht().connect(server_, std::move(options))),
         timeline});
  }
  void collect() {
    std::erase_if(dials_, [this](const Open& open) {
      const Dial& dial = *open.dial;
      const bool late = world_.now() - dial.began > kPatience;
      if (!dial.heard_at && !dial.reset && !late) return false;
      DialRecord record{dial.began, dial.heard_at, {}};
      if (record.heard_at && *record.heard_at - dial.began > kPatience) record.heard_at.reset();
      if (!record.heard_at) record.timeline = *open.timeline;
      records_.push_back(std::move(record));
      return true;
    });
  }

  struct Open {
    std::unique_ptr<Dial> dial;
    std::shared_ptr<std::string> timeline;
  };
  sim::World& world_;
  Peer& from_;
  const crypto::PublicKey server_;
  int dialled_ = 0;
  std::list<Open> dials_;
  std::vector<DialRecord> records_;
};

}  // namespace hsfwd::scenarios
