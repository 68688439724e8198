// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cli/app.hpp"
#include "cli/tunnel.hpp"

namespace hsfwd::cli {

/// What is wrong with what was not asked for yet, as far as the peer's answer to a question tells.
std::string problem_told(const std::optional<Extension>& answer, const PeerWish::Wanted& wanted);
/// Why a peer does not have the service that was asked for; empty if it does.
std::string service_problem(const PeerInfo& peer, const std::string& service);
/// The same of a UDP service, once the connection is open. Whether that of a plain peer is one nobody can tell.
std::string udp_service_problem(const PeerStream& peer, const std::string& service);

/// Asks a peer once whether it answers this key, and has certain services.
class ServiceQuestion {
 public:
  using Wanted = PeerWish::Wanted;
  /// Of what of it the problem is, such as services that the peer lacks.
  using OnProblem = std::function<void(const std::set<Wanted>& wanted, const UserError&)>;

  ServiceQuestion(App& app, PeerReference peer, std::set<Wanted> wanted);
  ~ServiceQuestion();

  /// `on_problem` is told of each problem, then `done` is called. A stock peer is not asked further than whether it
  /// answers: it has but one service, and takes who connects for a client of that.
  void ask(OnProblem on_problem, std::function<void()> done);

 private:
  /// Of a connection that only asks.
  struct Asking final : net::ByteStreamObserver {
    explicit Asking(ServiceQuestion& q) : question(q) {}
    void on_readable() override {}
    void on_writable() override {}
    void on_reset(const std::string&) override { question.on_not_answered(); }
    ServiceQuestion& question;
  };
  void on_told();
  void on_not_answered();
  void judge(const std::optional<Extension>& answer) const;

  App& app_;
  const PeerReference peer_;
  const std::set<Wanted> wanted_;
  OnProblem on_problem_;
  std::function<void()> done_;
  Asking asking_{*this};
  std::unique_ptr<PeerStream> connection_;
};

}  // namespace hsfwd::cli
