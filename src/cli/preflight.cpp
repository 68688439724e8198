// SPDX-License-Identifier: Apache-2.0
#include "cli/preflight.hpp"

#include <fmt/format.h>

#include <utility>

#include "cli/targets.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {
// A service that takes longer to answer may work; whoever checks a file waits for the answer.
constexpr Duration kPatience = 3_s;
constexpr const char* kUnitUser = "; the user of the systemd unit cannot open it";
}  // namespace

Preflight::Preflight(App& app, const Plan& plan, Done done)
    : app_(app), plan_(plan), done_(std::move(done)), patience_timer_(app.scheduler(), [this] {
        for (const auto& probe : probes_) {
          if (!probe->over) probe->doubt = "no answer in time";
        }
        conclude();
      }) {}

void Preflight::start() {
  patience_timer_.start(kPatience);
  // The user of the unit has another default.
  if (!plan_.default_identity) check_access("identity", plan_.identity, platform::Access::kRead);
  for (const auto& tunnel : plan_.tunnels) tunnel->check(*this);
  for (const BootstrapNode& node : plan_.node.bootstrap) {
    if (!node.suggested && !net::Ipv4::parse(node.host))
      look_up("bootstrap " + node.host, node.host);
  }
  if (--open_ == 0) conclude();
}

void Preflight::check_identity(const std::string& path) {
  if (path != plan_.identity) check_access("identity", path, platform::Access::kRead);
}

void Preflight::check_service(const forward::Service& service) {
  if (service.target.udp) {
    if (!service.target.ipv4()) look_up("service " + service.name, service.target.host);
    return;
  }
  dial(service);
  if (!service.target.is_unix()) return;
  check_access("service " + service.name, service.target.path, platform::Access::kConnect);
}

/// Only root can tell what others may.
void Preflight::check_access(const std::string& subject, const std::string& path,
                             platform::Access access) {
  if (!platform::is_root() || path == platform::kIdentityVariable) return;
  const std::string why = platform::kept_from_others(path, access);
  if (!why.empty()) known_.push_back(fmt::format("{}: {}{}", subject, why, kUnitUser));
}

Preflight::Probe& Preflight::add(std::string subject) {
  ++open_;
  probes_.push_back(std::make_unique<Probe>());
  probes_.back()->subject = std::move(subject);
  return *probes_.back();
}

void Preflight::dial(const forward::Service& service) {
  Probe& probe = add(fmt::format("service {}: {}", service.name, service.target.to_string()));
  std::string hint = name_hint(service);
  if (!hint.empty()) hint = "; " + hint;
  probe.dial = app_.streams().dial(service.target, [this, &probe, hint](const auto& stream) {
    if (stream) return settle(probe, "");
    const bool unresolved = stream.error() == net::StreamFactory::kUnresolved;
    settle(probe,
           stream.error() + "; peers cannot use it at the moment" + (unresolved ? hint : ""));
  });
}

void Preflight::look_up(std::string subject, const std::string& name) {
  Probe& probe = add(std::move(subject));
  probe.lookup = app_.env().resolver.resolve(name, [this, &probe](const Result<net::Ipv4>& host) {
    settle(probe, host ? "" : "the name does not resolve");
  });
}

void Preflight::settle(Probe& probe, std::string doubt) {
  if (concluded_) return;
  probe.over = true;
  probe.doubt = std::move(doubt);
  app_.scheduler().retire(std::move(probe.dial));
  app_.scheduler().retire(std::move(probe.lookup));
  if (--open_ == 0) conclude();
}

void Preflight::conclude() {
  concluded_ = true;
  patience_timer_.stop();
  std::vector<std::string> doubts = plan_.warnings;
  doubts.insert(doubts.end(), known_.begin(), known_.end());
  for (const auto& probe : probes_) {
    if (!probe->doubt.empty()) {
      doubts.push_back(printable(fmt::format("{}: {}", probe->subject, probe->doubt)));
    }
  }
  done_(doubts);
}

}  // namespace hsfwd::cli
