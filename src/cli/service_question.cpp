// SPDX-License-Identifier: Apache-2.0
#include "cli/service_question.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>

#include "forward/service.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

std::string missing_service(const std::optional<Extension>& extension, const std::string& service) {
  if (!extension) return "the peer is a plain one, without named services; leave the name out";
  if (extension->services.empty()) {
    return "the peer has no services for this key; destinations that it may permit are reached "
           "with "
           "connect -D PORT";
  }
  return fmt::format("the peer has no service '{}'; it has {}", service,
                     fmt::join(extension->service_names(), ", "));
}

/// Nothing but what is a name there, since people paste it into a shell.
std::string in_command(const std::string& service) {
  return forward::is_service_name(service) ? ":" + service : "";
}

std::string is_udp_text(const std::string& service) {
  return fmt::format("the peer's service {} is UDP; connect with -L udp:PORT{}", in_quotes(service),
                     in_command(service));
}

std::string is_tcp_text(const std::string& service) {
  return fmt::format("the peer's service {} is TCP; leave out udp:", in_quotes(service));
}

/// Of a peer whose answer says which services it has. Which destinations it permits it does not say.
std::string destinations_problem(const std::optional<Extension>& answer) {
  if (answer) return "";
  return "the peer is a plain one, and leads to its one service only: SOCKS clients get nowhere "
         "else "
         "through it";
}

}  // namespace

std::string service_problem(const PeerInfo& peer, const std::string& service) {
  const auto& extension = peer.extension;
  const bool served = extension ? !extension->service.empty() : service.empty();
  if (!served) return missing_service(extension, service);
  return extension && extension->has_udp_flows() ? is_udp_text(extension->service) : "";
}

std::string udp_service_problem(const PeerStream& peer, const std::string& service) {
  const auto extension = peer.info().extension;
  const bool served = extension ? !extension->service.empty() : service.empty();
  if (!served) return missing_service(extension, service);
  // Who is reset at once takes none any more.
  if (!extension || peer.takes_datagrams() || extension->has_udp_flows()) return "";
  return is_tcp_text(extension->service);
}

std::string problem_told(const std::optional<Extension>& answer, const PeerWish::Wanted& wanted) {
  if (wanted.kind == PeerWish::Kind::kDestinations) return destinations_problem(answer);
  const std::string& service = wanted.service;
  const bool udp = wanted.kind == PeerWish::Kind::kUdp;
  if (!answer && service.empty()) return "";
  if (!answer || answer->services.empty()) return missing_service(answer, service);
  const std::string name = service.empty() ? answer->services.front()
                                           : forward::service_meant(answer->services, service);
  if (name.empty()) return missing_service(answer, service);
  const auto is_udp = answer->is_udp(name);
  if (!is_udp || *is_udp == udp) return "";
  return udp ? is_tcp_text(name) : is_udp_text(name);
}

ServiceQuestion::ServiceQuestion(App& app, PeerReference peer, std::set<Wanted> wanted)
    : app_(app), peer_(std::move(peer)), wanted_(std::move(wanted)) {}

ServiceQuestion::~ServiceQuestion() {
  if (connection_) connection_->set_observer(nullptr);
}

void ServiceQuestion::ask(OnProblem on_problem, std::function<void()> done) {
  on_problem_ = std::move(on_problem);
  done_ = std::move(done);
  ConnectOptions options;
  options.key_pair = peer_.identity;
  options.extension = Extension{.features = Extension::kNoService, .service = {}, .services = {}};
  options.leave_plain = true;
  options.timeline = app_.attempts().record(0, peer_.key, "");
  connection_ = app_.node().connect_stream(peer_.key, std::move(options));
  connection_->set_observer(&asking_);
  connection_->set_on_open([this] { on_told(); });
}

/// The announcement of a peer outlives it, and a refused client hears nothing.
void ServiceQuestion::on_not_answered() {
  const ConnectError error = connection_->info().error;
  app_.scheduler().delete_later(std::move(connection_));
  if (error == ConnectError::kPlainPeer) {
    judge(std::nullopt);
  } else {
    on_problem_(wanted_, connect_error(error, peer_.name));
  }
  done_();
}

void ServiceQuestion::on_told() {
  const std::optional<Extension> extension = connection_->info().extension;
  connection_->reset();
  app_.scheduler().delete_later(std::move(connection_));
  judge(extension);
  done_();
}

void ServiceQuestion::judge(const std::optional<Extension>& answer) const {
  std::map<std::string, std::set<Wanted>> problems;  // several may have the same one
  for (const Wanted& wanted : wanted_) problems[problem_told(answer, wanted)].insert(wanted);
  for (const auto& [problem, wanted] : problems) {
    if (!problem.empty()) on_problem_(wanted, {kFailed, "NO_SUCH_SERVICE", problem});
  }
}

}  // namespace hsfwd::cli
