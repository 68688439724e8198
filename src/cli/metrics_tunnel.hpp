// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/local_address.hpp"
#include "cli/tunnel.hpp"
#include "http/server.hpp"

namespace hsfwd::cli {

/// Answers collectors with what the running command counts.
class MetricsTunnel final : public Tunnel {
 public:
  static constexpr const char* kPath = "/metrics";

  MetricsTunnel(App& app, net::StreamAddress listen);

  void prepare(Unavailable unavailable) override;
  std::optional<Problem> problem() const override;
  void start() override { report(); }
  std::optional<Problem> change(const TunnelSpec&) override { return std::nullopt; }
  void report() override;
  std::string listens_at() const override { return address_.to_string(); }
  void close(const std::string& reason, std::function<void()> done) override;
  void leave(std::function<void()> done) override;
  std::vector<Trouble> health() const override;
  Json status() const override;
  void collect(MetricSink& sink) const override;
  std::vector<forward::OpenConnection> connections() const override { return {}; }

 private:
  http::Response answer(const http::Request& request) const;
  void report_ready() const;

  App& app_;
  const net::StreamAddress listen_;
  http::Server server_;
  LocalAddress address_;
};

}  // namespace hsfwd::cli
