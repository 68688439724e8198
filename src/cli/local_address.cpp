// SPDX-License-Identifier: Apache-2.0
#include "cli/local_address.hpp"

#include "cli/tunnel.hpp"

namespace hsfwd::cli {

namespace {

/// Whether a name server may have to be asked for it.
bool is_looked_up(const net::StreamAddress& at) {
  if (at.is_unix() || at.host == "localhost" || net::Ipv4::parse(at.host)) return false;
  return at.host.find(':') == std::string::npos;
}

}  // namespace

LocalAddress::LocalAddress(App& app, net::StreamAddress wanted,
                           forward::Acceptor::Accepted accepted)
    : app_(app),
      wanted_(std::move(wanted)),
      acceptor_(app.streams(), std::move(accepted)),
      again_timer_(app.scheduler(), [this] { try_again(); }) {}

void LocalAddress::open() {
  const auto listened = acceptor_.listen(wanted_);
  problem_ = listened ? std::string() : listened.error();
}

void LocalAddress::keep_trying(std::function<void()> opened) {
  opened_ = std::move(opened);
  again_timer_.start(kTunnelTryAgain);
}

void LocalAddress::close() {
  again_timer_.stop();
  app_.scheduler().retire(std::move(lookup_));
  acceptor_.close();
}

std::string LocalAddress::to_string() const {
  return (acceptor_.listening() ? acceptor_.address() : wanted_).to_string();
}

/// To listen on a name waits for its addresses, and nothing else goes on meanwhile. At the start
/// that may be; now it has to be known that there are some.
void LocalAddress::try_again() {
  if (is_looked_up(wanted_)) {
    app_.scheduler().retire(std::move(lookup_));
    lookup_ = app_.env().resolver.resolve(wanted_.host, [this](const Result<net::Ipv4>& found) {
      if (found) try_now();
    });
  } else {
    try_now();
  }
  if (!problem_.empty()) again_timer_.start(kTunnelTryAgain);
}

void LocalAddress::try_now() {
  open();
  if (!problem_.empty()) return;
  again_timer_.stop();
  opened_();
}

}  // namespace hsfwd::cli
