// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/peer_reference.hpp"
#include "cli/tunnel.hpp"
#include "forward/reverse_forward.hpp"
#include "forward/service_host.hpp"

namespace hsfwd::cli {

/// An address of a peer, at which it listens for this machine as long as it is asked to.
///
///   asking ──► listening
///     ▲  │        │
///     └──┴─ rest ─┘
class ReverseTunnel final : public Tunnel, net::ByteStreamObserver {
 public:
  ReverseTunnel(App& app, PeerReference peer, forward::ReverseForward forward);
  ~ReverseTunnel() override;

  /// What comes of it is told to these ahead of anybody else, until they are set to nothing.
  struct Outcomes {
    std::function<void()> listening;  // in place of a report
    // True: that is all, and the peer is not asked again
    std::function<bool(const UserError&)> failed;
  };
  void set_outcomes(std::optional<Outcomes> outcomes) { outcomes_ = std::move(outcomes); }

  void prepare(Unavailable) override {}
  std::optional<Problem> problem() const override;
  void start() override;
  /// Leads to another target from now on. Connections to the previous one end.
  std::optional<Problem> change(const TunnelSpec& spec) override;
  void report() override;
  void close(const std::string& reason, std::function<void()> done) override;
  void leave(std::function<void()> done) override;
  std::vector<Trouble> health() const override;
  Json status() const override;
  void collect(MetricSink& sink) const override;
  std::vector<forward::OpenConnection> connections() const override;

 private:
  // net::ByteStreamObserver, of the stream that asks
  void on_readable() override;
  void on_writable() override {}
  void on_reset(const std::string& reason) override;

  void ask();
  void on_open();
  void on_answer(const forward::ListenAnswer& answer);
  void on_back(std::unique_ptr<PeerStream> stream);
  /// It is asked for again, after a rest. `why`: one clause for people.
  void fail(Duration rest, const char* code, const std::string& why) {
    fail(rest, UserError{kFailed, code, why});
  }
  void fail(Duration rest, const UserError& error);
  std::string not_allowed() const;
  void stop_asking(const std::string& reason);
  bool listening() const { return !address_.empty(); }

  App& app_;
  const PeerReference peer_;
  forward::ReverseForward forward_;
  forward::ServiceHost host_;  // of its one target
  std::unique_ptr<PeerStream> asking_;
  Bytes heard_;          // of the answer, until it is whole
  std::string address_;  // of the peer's, while it listens
  std::optional<Problem> problem_;
  Instant problem_since_;  // if there is one
  std::optional<Outcomes> outcomes_;
  Duration rest_;
  Timer again_timer_;
  Timer answer_timer_;
};

}  // namespace hsfwd::cli
