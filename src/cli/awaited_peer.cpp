// SPDX-License-Identifier: Apache-2.0
#include "cli/awaited_peer.hpp"

#include <fmt/format.h>

#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
constexpr Duration kAgain = 5_s;
}

void add_wait_option(CommandLine& line) {
  line.options().add_options()("wait", po::bool_switch(),
                               "wait for the peer or the network if it is not up yet");
}

AwaitedPeer::AwaitedPeer(App& app, const PeerReference& peer, bool wait,
                         std::function<void(ConnectError)> done)
    : app_(app),
      peer_(peer),
      wait_(wait),
      done_(std::move(done)),
      again_timer_(app.scheduler(), [this] { start(); }) {
  if (wait_) app_.on_no_answer([this] { wait_after(ConnectError::kNoNetwork); });
}

AwaitedPeer::~AwaitedPeer() = default;

void AwaitedPeer::start() {
  again_timer_.stop();
  found_ = false;
  if (!told_) await_peer(app_, peer_, kLookingFor);
  app_.scheduler().retire(std::move(find_));
  find_ = std::make_unique<FindPeer>(
      app_.node(), peer_.key, [this](const net::Address&) { on_result(ConnectError::kNone); },
      [this](std::size_t) {
        on_result(app_.node().online() ? ConnectError::kPeerNotFound : ConnectError::kNoNetwork);
      });
  find_->start();
}

void AwaitedPeer::on_result(ConnectError error) {
  if (std::exchange(found_, found_ || error == ConnectError::kNone)) return;
  app_.waiting().end();
  if (error == ConnectError::kNone || !wait_after(error)) done_(error);
}

bool AwaitedPeer::wait_after(ConnectError error) {
  if (!wait_ || app_.quitting()) return false;
  if (!std::exchange(told_, true)) {
    app_.waiting().end();
    app_.log().warning("wait", "still trying: {}{}{}", connect_error(error, peer_.name).message,
                       meanwhile_.empty() ? "" : "; ", meanwhile_);
  }
  again_timer_.start(kAgain);
  return true;
}

}  // namespace hsfwd::cli
