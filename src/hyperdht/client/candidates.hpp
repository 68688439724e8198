// SPDX-License-Identifier: Apache-2.0
// The client's ways to a peer that has answered, but for the probe of its own addresses (HostProbe)
// and a relay (RelayCandidate).
#pragma once

#include <memory>
#include <optional>

#include "hyperdht/nat/client_punch.hpp"
#include "hyperdht/peer/path_race.hpp"

namespace hsfwd::hyperdht {

/// An address at which the peer takes packets from anybody, or has just been heard.
class KnownPath final : public PathCandidate {
 public:
  KnownPath(PathRace& race, const PeerPath& path) : race_(race), path_(path) {}
  bool start() override {
    race_.won(path_);
    return true;
  }
  bool active() const override { return false; }
  void cancel() override {}

 private:
  PathRace& race_;
  const PeerPath path_;
};

/// The peer was told that we take packets from anybody; it is to come to us, which on_path says.
class PassiveWait final : public PathCandidate {
 public:
  PassiveWait(PathRace& race, Scheduler& scheduler)
      : timer_(scheduler, [this, &race] { race.lost(*this); }) {}
  bool start() override;
  bool active() const override { return timer_.armed(); }
  void cancel() override { timer_.stop(); }
  void on_carried() override { timer_.stop(); }

 private:
  Timer timer_;
};

class PunchCandidate final : public PathCandidate, private ClientPunch::Observer {
 public:
  PunchCandidate(PathRace& race, const Context& context, PunchTerms terms, const AttemptLog& log);

  // PathCandidate
  bool start() override;
  bool active() const override { return punch_ && punch_->running(); }
  void cancel() override;
  void explain(AttemptFailure& failure) const override;

 private:
  // ClientPunch::Observer
  void on_punched(net::UdpSocket& socket, const Address& from) override;
  void on_open_server(const Address& address) override;
  void on_punch_failed(PunchFailure failure) override;

  PathRace& race_;
  const Context& context_;
  PunchTerms terms_;
  const AttemptLog& log_;
  std::unique_ptr<ClientPunch> punch_;
  std::optional<PunchFailure> failure_;
};

}  // namespace hsfwd::hyperdht
