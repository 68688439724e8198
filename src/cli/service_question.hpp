// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>

#include "cli/app.hpp"

namespace hsfwd::cli {

/// Why a peer does not have the service that was asked for; empty if it does.
std::string service_problem(const PeerInfo& peer, const std::string& service);
/// The same of a UDP service, once the connection is open. Whether that of a plain peer is one nobody can tell.
std::string udp_service_problem(const PeerStream& peer, const std::string& service);

/// Asks a peer whether it has certain services, and reports those that it lacks, or that it does not
/// answer.
class ServiceQuestion {
 public:
  /// `peer` outlives it.
  ServiceQuestion(App& app, const PeerReference& peer, std::set<std::string> services);
  ~ServiceQuestion();

  /// Unless there is none to ask for.
  void ask();

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

  App& app_;
  const PeerReference& peer_;
  const std::set<std::string> services_;
  Asking asking_{*this};
  std::unique_ptr<PeerStream> connection_;
};

}  // namespace hsfwd::cli
