// SPDX-License-Identifier: Apache-2.0
// By systemd-resolved, where it runs. It is told by its own program, so that nothing of D-Bus is in this process;
// /etc/resolv.conf is nobody's to change here.
#include "platform/split_dns.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/linux/spawned.hpp"

namespace hsfwd::platform {

namespace {

constexpr const char* kRuntimeFolder = "/run/systemd/resolve";  // there as long as it runs

using Words = std::vector<std::string>;

Words resolvectl(const char* verb, const std::string& interface, const Words& values = {}) {
  // Behind "--" no name is taken for an option. It asks for no password, as its input is no terminal.
  Words words{"resolvectl", "--", verb, interface};
  words.insert(words.end(), values.begin(), values.end());
  return words;
}

class LinuxSplitDns;

/// All that is told, one after the other, whoever wants it: what is taken back is so before it is set again.
class ResolvedQueue {
 public:
  explicit ResolvedQueue(Loop& loop) : loop_(loop) {}

  struct Command {
    Words words;
    bool must_work = false;
    LinuxSplitDns* owner = nullptr;  // who is told; nobody any more
  };

  void push(Command command) {
    waiting_.push_back(std::move(command));
    if (!running_) next();
  }
  /// What has begun goes on, and nobody is told.
  void forget(const LinuxSplitDns* owner) {
    std::erase_if(waiting_, [owner](const Command& command) { return command.owner == owner; });
    if (running_ && current_.owner == owner) current_.owner = nullptr;
  }
  Loop& loop() { return loop_; }

 private:
  void next() {
    if (waiting_.empty()) return;
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = std::make_unique<Spawned>(loop_, current_.words,
                                         [this](const std::string& problem) { on_done(problem); });
  }
  void on_done(const std::string& problem);

  Loop& loop_;
  std::deque<Command> waiting_;
  Command current_;
  std::unique_ptr<Spawned> running_;
};

class LinuxSplitDns final : public net::SplitDns {
 public:
  LinuxSplitDns(ResolvedQueue& queue, const net::SplitDnsSettings& settings,
                net::SplitDnsFactory::Told told)
      : queue_(queue),
        interface_(settings.interface),
        told_(std::move(told)),
        absent_(queue.loop().scheduler(), [this] { tell("systemd-resolved does not run here"); }) {
    if (access(kRuntimeFolder, F_OK) != 0) {
      absent_.post();
      return;
    }
    Words routing;
    for (const std::string& domain : settings.domains) routing.push_back("~" + domain);
    // The servers are ours, behind a seal of their own, and sign nothing; and nobody else on the link is
    // asked. Some versions have no such settings, and need none then.
    push(resolvectl("llmnr", interface_, {"no"}), false);
    push(resolvectl("dnsovertls", interface_, {"no"}), false);
    push(resolvectl("dnssec", interface_, {"no"}), false);
    push(resolvectl("dns", interface_, settings.servers), true);
    push(resolvectl("domain", interface_, routing), true);
  }

  ~LinuxSplitDns() override {
    queue_.forget(this);
    if (begun_) queue_.push({resolvectl("revert", interface_)});
  }

  void cancel() override {
    told_ = nullptr;
    absent_.cancel();
  }

  void on_done(const ResolvedQueue::Command& command, const std::string& problem) {
    --left_;
    if (!problem.empty() && command.must_work) {
      queue_.forget(this);
      return tell(problem);
    }
    if (left_ == 0) tell("");
  }

 private:
  void push(Words words, bool must_work) {
    begun_ = true;
    ++left_;
    queue_.push({std::move(words), must_work, this});
  }

  void tell(const std::string& problem) {
    if (const auto told = std::exchange(told_, nullptr)) told(problem);
  }

  ResolvedQueue& queue_;
  const std::string interface_;
  net::SplitDnsFactory::Told told_;
  bool begun_ = false;
  int left_ = 0;  // commands that are not done
  Task absent_;
};

void ResolvedQueue::on_done(const std::string& problem) {
  const Command done = std::exchange(current_, {});
  loop_.scheduler().delete_later(std::move(running_));
  if (done.owner != nullptr) done.owner->on_done(done, problem);
  if (!running_) next();
}

class LinuxSplitDnsFactory final : public net::SplitDnsFactory {
 public:
  explicit LinuxSplitDnsFactory(Loop& loop) : queue_(loop) {}

  std::unique_ptr<net::SplitDns> open(const net::SplitDnsSettings& settings, Told told) override {
    return std::make_unique<LinuxSplitDns>(queue_, settings, std::move(told));
  }

 private:
  ResolvedQueue queue_;
};

}  // namespace

std::unique_ptr<net::SplitDnsFactory> make_split_dns_factory(Loop& loop) {
  return std::make_unique<LinuxSplitDnsFactory>(loop);
}

}  // namespace hsfwd::platform
