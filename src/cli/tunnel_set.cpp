// SPDX-License-Identifier: Apache-2.0
#include "cli/tunnel_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "cli/plan_diff.hpp"

namespace hsfwd::cli {

namespace {
// For an announcement to be taken back.
constexpr Duration kLeaveTime = 3_s;
constexpr const char* kRemoved = "it was removed from the configuration";
}  // namespace

/// What is new, ready to be started; if it is not, it goes without a trace.
struct TunnelSet::Fresh {
  std::vector<std::unique_ptr<Exposure>> exposures;
  std::vector<std::unique_ptr<PeerTunnel>> tunnels;
};

TunnelSet::TunnelSet(App& app)
    : app_(app),
      leave_timer_(app.scheduler(), [this] { finish_change(); }),
      done_task_(app.scheduler(), [this] {
        if (const auto done = std::exchange(done_, nullptr)) done(changes_);
      }) {
  app_.on_goodbye([this](const std::function<void()>& done) { say_goodbye(done); });
}

TunnelSet::~TunnelSet() = default;

void TunnelSet::change_to(Plan plan, Unavailable unavailable,
                          std::function<void(const Changes&)> done) {
  HSFWD_CHECK(!done_);
  const PlanDiff changes = diff(plan_, plan);
  Fresh fresh = prepare(plan, changes.exposes.added, changes.connects.added, unavailable);

  // From here on nothing fails.
  for (const std::string& warning : plan.warnings) app_.log().warning("config", "{}", warning);
  app_.admission().set_limits(plan.limits);
  done_ = std::move(done);
  changes_ = {.kept = changes.exposes.kept.size() + changes.connects.kept.size(),
              .changed = changes.exposes.changed.size() + changes.connects.changed.size(),
              .started = fresh.exposures.size() + fresh.tunnels.size(),
              .stopped = changes.exposes.removed.size() + changes.connects.removed.size()};
  std::vector<std::unique_ptr<Exposure>> exposures(plan.exposes.size());
  std::vector<std::unique_ptr<PeerTunnel>> tunnels(plan.connects.size());
  for (const auto [now, wanted] : changes.exposes.kept) {
    exposures[wanted] = std::move(exposures_[now]);
  }
  for (const auto [now, wanted] : changes.exposes.changed) {
    const Plan::Expose& expose = plan.exposes[wanted];
    exposures[wanted] = std::move(exposures_[now]);
    exposures[wanted]->change(expose.services, expose.allow, expose.client_relays);
    if (!exposures[wanted]->relays().empty()) exposures[wanted]->report_listening();
  }
  for (std::size_t i = 0; i < fresh.exposures.size(); ++i) {
    start(*fresh.exposures[i]);
    exposures[changes.exposes.added[i]] = std::move(fresh.exposures[i]);
  }
  // A peer may have got another name where all else is the same.
  for (const auto* matches : {&changes.connects.kept, &changes.connects.changed}) {
    for (const auto [now, wanted] : *matches) {
      const Plan::Connect& connect = plan.connects[wanted];
      tunnels[wanted] = std::move(tunnels_[now]);
      tunnels[wanted]->change(connect.peer, connect.forward.service);
    }
  }
  for (const auto [now, wanted] : changes.connects.changed) tunnels[wanted]->report_ready();
  // Local ports work from now on: clients wait for the network if necessary.
  for (std::size_t i = 0; i < fresh.tunnels.size(); ++i) {
    fresh.tunnels[i]->report_ready();
    tunnels[changes.connects.added[i]] = std::move(fresh.tunnels[i]);
  }
  for (const std::size_t now : changes.connects.removed) {
    tunnels_[now]->close(kRemoved);
    app_.scheduler().delete_later(std::move(tunnels_[now]));
  }
  std::erase(exposures_, nullptr);
  std::swap(exposures_, exposures);
  std::swap(tunnels_, tunnels);
  plan_ = std::move(plan);
  let_go(std::move(exposures));
}

/// Somebody who starts it by hand should not have to look twice to see that nothing has started.
void TunnelSet::refuse_if_idle(const Fresh& fresh) {
  std::string code;
  std::string problems;
  const auto add = [&](const std::string& problem, const char* its_code) {
    problems += (problems.empty() ? "" : "; ") + problem;
    if (code.empty()) code = its_code;
    return !problem.empty();
  };
  for (const auto& exposure : fresh.exposures) {
    if (!add(exposure->problem(), "IDENTITY_IN_USE")) return;
  }
  for (const auto& tunnel : fresh.tunnels) {
    if (!add(tunnel->problem(), "LISTEN_FAILED")) return;
  }
  throw UserError{kFailed, code, problems};
}

TunnelSet::Fresh TunnelSet::prepare(const Plan& plan, const std::vector<std::size_t>& exposes,
                                    const std::vector<std::size_t>& connects,
                                    Unavailable unavailable) {
  Fresh out;
  std::set<PublicKey> keys;
  for (const auto& exposure : exposures_) keys.insert(exposure->public_key());
  for (const std::size_t i : exposes) {
    out.exposures.push_back(prepare(plan.exposes[i], keys, unavailable));
  }
  for (const std::size_t i : connects) {
    const Plan::Connect& connect = plan.connects[i];
    out.tunnels.push_back(std::make_unique<PeerTunnel>(
        app_, connect.peer, std::vector<forward::LocalForward>{connect.forward}));
    if (unavailable == Unavailable::kRefused) {
      out.tunnels.back()->listen();
    } else {
      out.tunnels.back()->listen_if_possible();
    }
  }
  if (!out.exposures.empty() || !out.tunnels.empty()) refuse_if_idle(out);
  return out;
}

std::unique_ptr<Exposure> TunnelSet::prepare(const Plan::Expose& expose, std::set<PublicKey>& keys,
                                             Unavailable unavailable) {
  const platform::Identity identity = require_identity(expose.identity, app_.loop().random());
  if (!keys.insert(identity.keys.public_key).second) {
    throw UserError{kFailed, "KEY_IN_USE",
                    fmt::format("the key of identity {} is exposed already", expose.identity)};
  }
  auto lock =
      platform::IdentityLock::acquire(identity.keys.public_key, expose.identity, app_.log());
  if (!lock && unavailable == Unavailable::kRefused) {
    throw UserError{kFailed, "IDENTITY_IN_USE", lock.error().why};
  }
  return std::make_unique<Exposure>(
      app_, Exposure::Settings{.keys = identity.keys,
                               .identity = expose.identity,
                               .lock = lock ? std::optional(std::move(*lock)) : std::nullopt,
                               .services = expose.services,
                               .allow = expose.allow,
                               .client_relays = expose.client_relays});
}

void TunnelSet::start(Exposure& exposure) {
  exposure.start([&exposure, reported = false](std::size_t relays) mutable {
    if (relays > 0 && !std::exchange(reported, true)) exposure.report_listening();
  });
}

void TunnelSet::let_go(std::vector<std::unique_ptr<Exposure>> exposures) {
  leaving_ = std::move(exposures);
  std::vector<Exposure*> all;
  for (const auto& exposure : leaving_) all.push_back(exposure.get());
  for (Exposure* exposure : all) {
    exposure->end_connections(kRemoved);
    exposure->close([this, exposure] { on_closed(*exposure); });
  }
  if (leaving_.empty()) {
    finish_change();
  } else {
    leave_timer_.start(kLeaveTime);
  }
}

void TunnelSet::on_closed(const Exposure& exposure) {
  const auto found = std::find_if(leaving_.begin(), leaving_.end(),
                                  [&](const auto& entry) { return entry.get() == &exposure; });
  app_.scheduler().delete_later(std::move(*found));
  leaving_.erase(found);
  if (leaving_.empty()) finish_change();
}

void TunnelSet::finish_change() {
  leave_timer_.stop();
  for (auto& exposure : leaving_) app_.scheduler().delete_later(std::move(exposure));
  leaving_.clear();
  done_task_.post();
}

void TunnelSet::say_goodbye(const std::function<void()>& done) {
  const auto all = when_all(tunnels_.size() + exposures_.size() + 1, done);
  for (const auto& tunnel : tunnels_) tunnel->leave(all);
  for (const auto& exposure : exposures_) exposure->leave(all);
  all();  // there may be none of either
}

}  // namespace hsfwd::cli
