// SPDX-License-Identifier: Apache-2.0
#include "cli/local_address.hpp"

#include <fmt/format.h>

#include <utility>

namespace hsfwd::cli {

namespace {

constexpr const char* kListenFailed = "LISTEN_FAILED";

/// Whether a name server may have to be asked for it.
bool is_looked_up(const net::StreamAddress& at) {
  if (at.is_unix() || at.host == "localhost" || net::Ipv4::parse(at.host)) return false;
  return at.host.find(':') == std::string::npos;
}

/// By what the system says.
std::string listen_advice(const std::string& problem) {
  const auto says = [&](const char* words) { return problem.find(words) != std::string::npos; };
  if (says("in use")) {
    return "another program has it: end that one (sudo ss -lntup shows which), or choose another";
  }
  if (says("ermission") || says("not permitted")) {
    return "choose a port above 1023 or another path, or run hsfwd as a user who may listen there";
  }
  if (says("not available") || says("assign requested")) {
    return "no interface of this machine has that address: it is opened as soon as one has it";
  }
  return "hsfwd keeps trying every few seconds";
}

LocalAddress::Listener listener_of(net::StreamFactory& streams,
                                   forward::Acceptor::Accepted accepted) {
  const auto acceptor = std::make_shared<forward::Acceptor>(streams, std::move(accepted));
  return {.listen = [acceptor](const net::StreamAddress& at) { return acceptor->listen(at); },
          .close = [acceptor] { acceptor->close(); },
          .address = [acceptor]() -> std::optional<net::StreamAddress> {
            if (!acceptor->listening()) return std::nullopt;
            return acceptor->address();
          }};
}

}  // namespace

LocalAddress::LocalAddress(App& app, net::StreamAddress wanted, Listener listener)
    : app_(app),
      wanted_(std::move(wanted)),
      listener_(std::move(listener)),
      again_timer_(app.scheduler(), [this] { try_again(); }) {}

LocalAddress::LocalAddress(App& app, net::StreamAddress wanted,
                           forward::Acceptor::Accepted accepted)
    : LocalAddress(app, std::move(wanted), listener_of(app.streams(), std::move(accepted))) {}

void LocalAddress::prepare(Unavailable unavailable) {
  open();
  const auto why = tunnel_problem();
  if (why && unavailable == Unavailable::kRefused) throw UserError{kFailed, why->code, why->text};
}

std::optional<Tunnel::Problem> LocalAddress::tunnel_problem() const {
  if (problem_.empty()) return std::nullopt;
  return Tunnel::Problem{kListenFailed,
                         fmt::format("cannot listen on {}: {}", to_string(), problem_)};
}

void LocalAddress::open() {
  const auto listened = listener_.listen(wanted_);
  if (problem_.empty()) problem_since_ = app_.scheduler().now();
  problem_ = listened ? std::string() : listened.error();
}

void LocalAddress::report(const std::string& purpose, std::function<void()> opened) {
  if (problem_.empty()) return opened();
  app_.output().error(kListenFailed, fmt::format("cannot listen on {} ({}): {}; trying again",
                                                 to_string(), purpose, problem_));
  opened_ = std::move(opened);
  again_timer_.start(kTunnelTryAgain);
}

void LocalAddress::close() {
  again_timer_.stop();
  app_.scheduler().retire(std::move(lookup_));
  listener_.close();
}

std::vector<Trouble> LocalAddress::troubles() const {
  if (problem_.empty()) return {};
  return {{.code = kListenFailed,
           .thing = to_string(),
           .state = "not open",
           .why = problem_,
           .advice = listen_advice(problem_),
           .since = problem_since_}};
}

std::string LocalAddress::to_string() const {
  return listener_.address().value_or(wanted_).to_string();
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
