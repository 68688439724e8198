// SPDX-License-Identifier: Apache-2.0
#include "cli/tunnel_set.hpp"

#include <algorithm>
#include <utility>

namespace hsfwd::cli {

namespace {
// For an announcement to be taken back.
constexpr Duration kLeaveTime = 3_s;
constexpr const char* kRemoved = "it was removed from the configuration";
}  // namespace

TunnelSet::TunnelSet(App& app)
    : app_(app),
      leave_timer_(app.scheduler(), [this] { finish_change(); }),
      done_task_(app.scheduler(), [this] {
        if (const auto done = std::exchange(done_, nullptr)) done(changes_);
      }) {
  app_.on_goodbye([this](std::function<void()> done) { leave(std::move(done)); });
  app_.on_network_change([this] { on_network_change(); });
}

TunnelSet::~TunnelSet() = default;

void TunnelSet::change_to(Plan plan, Unavailable unavailable,
                          std::function<void(const Changes&)> done) {
  HSFWD_CHECK(!done_);
  const PlanDiff changes = diff(plan_, plan);
  // If they are not ready to be started, they go without a trace.
  Tunnels fresh = prepare(plan, changes.added, unavailable);

  // From here on nothing stops it.
  for (const std::string& warning : plan.warnings) app_.log().warning("config", "{}", warning);
  app_.admission().set_limits(plan.limits);
  app_.set_names(plan.names);
  done_ = std::move(done);
  changes_ = {.kept = changes.kept.size(),
              .changed = changes.changed.size(),
              .started = changes.added.size(),
              .stopped = changes.removed.size()};
  Tunnels next = keep(plan, changes);
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    add_wish(*fresh[i]);
    fresh[i]->start();
    next[changes.added[i]] = std::move(fresh[i]);
  }
  Tunnels removed = std::exchange(tunnels_, std::move(next));
  std::erase(removed, nullptr);
  plan_ = std::move(plan);
  let_go(std::move(removed));
}

TunnelSet::Tunnels TunnelSet::keep(const Plan& plan, const PlanDiff& diff) {
  Tunnels out(plan.tunnels.size());
  std::vector<Tunnel*> changed;
  // What is the same may still be called otherwise.
  for (const auto* matches : {&diff.kept, &diff.changed}) {
    for (const auto [now, wanted] : *matches) {
      out[wanted] = std::move(tunnels_[now]);
      auto failed = out[wanted]->change(*plan.tunnels[wanted]);
      if (failed) {
        changes_.failed.push_back(std::move(*failed));
      } else if (matches == &diff.changed) {
        changed.push_back(out[wanted].get());
      }
    }
  }
  for (Tunnel* tunnel : changed) {
    add_wish(*tunnel);
    tunnel->report();
  }
  return out;
}

void TunnelSet::add_wish(const Tunnel& tunnel) {
  if (auto wish = tunnel.wish()) changes_.wishes.push_back(std::move(*wish));
}

/// Somebody who starts it by hand should not have to look twice to see that nothing has started.
void TunnelSet::refuse_if_idle(const Tunnels& fresh) {
  std::string code;
  std::string problems;
  for (const auto& tunnel : fresh) {
    const auto problem = tunnel->problem();
    if (!problem) return;
    if (code.empty()) code = problem->code;
    problems += (problems.empty() ? "" : "; ") + problem->text;
  }
  if (!fresh.empty()) throw UserError{kFailed, code, problems};
}

TunnelSet::Tunnels TunnelSet::prepare(const Plan& plan, const std::vector<std::size_t>& added,
                                      Unavailable unavailable) const {
  Claims claims;
  for (const auto& tunnel : tunnels_) tunnel->claim(claims);
  Tunnels out;
  for (const std::size_t i : added) {
    out.push_back(plan.tunnels[i]->make(app_));
    out.back()->claim(claims);
    out.back()->prepare(unavailable);
  }
  refuse_if_idle(out);
  return out;
}

void TunnelSet::on_network_change() {
  for (const auto& tunnel : tunnels_) tunnel->on_network_change();
}

void TunnelSet::let_go(Tunnels removed) {
  leaving_ = std::move(removed);
  std::vector<Tunnel*> all;
  for (const auto& tunnel : leaving_) all.push_back(tunnel.get());
  if (all.empty()) return finish_change();
  leave_timer_.start(kLeaveTime);
  for (Tunnel* tunnel : all) {
    tunnel->close(kRemoved, [this, tunnel] { on_closed(*tunnel); });
  }
}

void TunnelSet::on_closed(const Tunnel& tunnel) {
  const auto found = std::find_if(leaving_.begin(), leaving_.end(),
                                  [&](const auto& entry) { return entry.get() == &tunnel; });
  if (found == leaving_.end()) return;  // it was not waited for any longer
  app_.scheduler().delete_later(std::move(*found));
  leaving_.erase(found);
  if (leaving_.empty()) finish_change();
}

void TunnelSet::finish_change() {
  leave_timer_.stop();
  for (auto& tunnel : leaving_) app_.scheduler().delete_later(std::move(tunnel));
  leaving_.clear();
  done_task_.post();
}

void TunnelSet::leave(std::function<void()> done) {
  left_.start(tunnels_.size() + 1, std::move(done));
  for (const auto& tunnel : tunnels_) tunnel->leave([this] { left_.step(); });
  left_.step();  // there may be none
}

}  // namespace hsfwd::cli
