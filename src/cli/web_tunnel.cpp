// SPDX-License-Identifier: Apache-2.0
#include "cli/web_tunnel.hpp"

#include <utility>

#include "cli/output.hpp"

namespace hsfwd::cli {

WebTunnel::WebTunnel(App& app, net::StreamAddress listen, std::unique_ptr<WebContent> content)
    : content_(std::move(content)),
      address_(app, std::move(listen), [this](std::unique_ptr<net::ByteStream> client) {
        content_->add(std::move(client));
      }) {}

std::optional<Tunnel::Problem> WebTunnel::change(const TunnelSpec& spec) {
  content_->change(spec);
  return std::nullopt;
}

void WebTunnel::report() {
  address_.report(content_->name(), [this] { content_->report_ready(address_.to_string()); });
}

void WebTunnel::close(const std::string&, std::function<void()> done) {
  address_.close();
  content_->close();
  done();
}

Json WebTunnel::status() const {
  Omittable<std::string> problem;
  if (!address_.problem().empty()) problem = told(address_.problem());
  return content_->status(address_.to_string(), std::move(problem));
}

}  // namespace hsfwd::cli
