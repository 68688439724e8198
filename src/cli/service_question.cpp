// SPDX-License-Identifier: Apache-2.0
#include "cli/service_question.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "forward/service.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

std::string missing_service(const std::optional<Extension>& extension, const std::string& service) {
  if (!extension) return "the peer is a plain one, without named services";
  if (extension->services.empty()) return "the peer has no services for this key";
  return fmt::format("the peer has no service '{}'; it has {}", service,
                     fmt::join(extension->services, ", "));
}

/// Nothing but what is a name there, since people paste it into a shell.
std::string in_command(const std::string& service) {
  return forward::is_service_name(service) ? ":" + service : "";
}

}  // namespace

std::string service_problem(const PeerInfo& peer, const std::string& service) {
  const auto& extension = peer.extension;
  const bool served = extension ? !extension->service.empty() : service.empty();
  if (!served) return missing_service(extension, service);
  if (!extension || !extension->has_udp_flows()) return "";
  return fmt::format("the peer's service {} is UDP; connect with -L udp:PORT{}",
                     in_quotes(extension->service), in_command(extension->service));
}

std::string udp_service_problem(const PeerStream& peer, const std::string& service) {
  const auto extension = peer.info().extension;
  const bool served = extension ? !extension->service.empty() : service.empty();
  if (!served) return missing_service(extension, service);
  // Who is reset at once takes none any more.
  if (!extension || peer.takes_datagrams() || extension->has_udp_flows()) return "";
  return fmt::format("the peer's service {} is TCP; leave out udp:", in_quotes(extension->service));
}

ServiceQuestion::ServiceQuestion(App& app, const PeerReference& peer,
                                 std::set<std::string> services)
    : app_(app), peer_(peer), services_(std::move(services)) {}

ServiceQuestion::~ServiceQuestion() {
  if (connection_) connection_->set_observer(nullptr);
}

void ServiceQuestion::ask() {
  if (services_.empty()) return;
  ConnectOptions options;
  options.key_pair = peer_.identity;
  options.extension = Extension{.features = Extension::kNoService, .service = {}, .services = {}};
  connection_ = app_.node().connect_stream(peer_.key, std::move(options));
  connection_->set_observer(&asking_);
  connection_->set_on_open([this] { on_told(); });
}

/// The announcement of a peer outlives it, and a refused client hears nothing.
void ServiceQuestion::on_not_answered() {
  const UserError error = connect_error(connection_->info().error, peer_.name);
  app_.scheduler().delete_later(std::move(connection_));
  app_.output().error(error.code, error.message + "; listening anyway");
}

void ServiceQuestion::on_told() {
  const std::optional<Extension> extension = connection_->info().extension;
  connection_->reset();
  app_.scheduler().delete_later(std::move(connection_));
  for (const std::string& service : services_) {
    const bool there =
        extension && std::find(extension->services.begin(), extension->services.end(), service) !=
                         extension->services.end();
    if (there) continue;
    app_.output().error("NO_SUCH_SERVICE",
                        missing_service(extension, service) + "; listening anyway");
  }
}

}  // namespace hsfwd::cli
