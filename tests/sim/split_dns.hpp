// SPDX-License-Identifier: Apache-2.0
// A host's resolver that takes what it is told, or says why not.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/split_dns.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::sim {

class SplitDnsResolver final : public net::SplitDnsFactory {
 public:
  explicit SplitDnsResolver(Scheduler& scheduler) : scheduler_(scheduler) {}

  std::unique_ptr<net::SplitDns> open(const net::SplitDnsSettings& settings, Told told) override {
    return std::make_unique<Entry>(*this, settings, std::move(told));
  }

  /// Why it takes nothing from here on; empty if it does.
  void refuse(const std::string& problem) { problem_ = problem; }
  /// What it goes by now.
  std::vector<net::SplitDnsSettings> entries() const {
    std::vector<net::SplitDnsSettings> out;
    for (const Entry* entry : entries_) out.push_back(entry->settings);
    return out;
  }

 private:
  struct Entry final : net::SplitDns {
    Entry(SplitDnsResolver& r, const net::SplitDnsSettings& s, Told t)
        : resolver(r), settings(s), told(std::move(t)), task(r.scheduler_, [this] { take(); }) {
      task.post();
    }
    ~Entry() override { std::erase(resolver.entries_, this); }
    void cancel() override { task.cancel(); }
    void take() {
      if (resolver.problem_.empty()) resolver.entries_.push_back(this);
      if (const auto tell = std::exchange(told, nullptr)) tell(resolver.problem_);
    }

    SplitDnsResolver& resolver;
    const net::SplitDnsSettings settings;
    Told told;
    Task task;
  };

  Scheduler& scheduler_;
  std::string problem_;
  std::vector<const Entry*> entries_;
};

}  // namespace hsfwd::sim
