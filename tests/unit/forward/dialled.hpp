// SPDX-License-Identifier: Apache-2.0
// Services that answer when the test says so, and names that a test knows.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "net/env.hpp"
#include "net/stream_factory.hpp"

namespace hsfwd::forward {

class Services final : public net::StreamFactory {
 public:
  struct UnderWay final : net::Dial {
    explicit UnderWay(std::shared_ptr<Dialled> d) : done(std::move(d)) {}
    void cancel() override { *done = nullptr; }
    std::shared_ptr<Dialled> done;
  };
  std::unique_ptr<net::Dial> dial(const net::StreamAddress& to, Dialled done) override {
    dialled.push_back({to.to_string(), std::make_shared<Dialled>(std::move(done))});
    return std::make_unique<UnderWay>(dialled.back().done);
  }
  Result<std::unique_ptr<net::StreamListener>, std::string> listen(const net::StreamAddress&,
                                                                   Accepted) override {
    return Err(std::string("no listening here"));
  }

  struct Dialling {
    std::string to;
    std::shared_ptr<Dialled> done;
  };
  std::deque<Dialling> dialled;
};

class Names final : public net::Resolver {
 public:
  explicit Names(Scheduler& scheduler) : scheduler_(scheduler) {}
  std::unique_ptr<net::Lookup> resolve(const std::string& host, Done done) override {
    ++asked;
    const auto found = known.find(host);
    Result<net::Ipv4> answer = Err(Errc::kUnavailable);
    if (found != known.end()) {
      const auto& [a, b, c, d] = found->second;
      answer = net::Ipv4::of(a, b, c, d);
    }
    auto out =
        std::make_unique<Asked>(scheduler_, [done = std::move(done), answer] { done(answer); });
    if (!silent) out->task.post();
    return out;
  }

  std::map<std::string, std::array<std::uint8_t, 4>> known;
  bool silent = false;
  int asked = 0;

 private:
  struct Asked final : net::Lookup {
    Asked(Scheduler& scheduler, std::function<void()> answer)
        : task(scheduler, std::move(answer)) {}
    void cancel() override { task.cancel(); }
    Task task;
  };

  Scheduler& scheduler_;
};

}  // namespace hsfwd::forward
