// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "cli/app.hpp"
#include "cli/web_tunnel.hpp"
#include "http/server.hpp"
#include "net/stream_factory.hpp"

namespace hsfwd::cli {

/// What the running command counts, for collectors.
class MetricsContent final : public WebContent {
 public:
  static constexpr const char* kPath = "/metrics";

  MetricsContent(App& app, net::StreamAddress listen);

  const char* name() const override { return "metrics"; }
  void add(std::unique_ptr<net::ByteStream> client) override { server_.add(std::move(client)); }
  void close() override { server_.close(); }
  void change(const TunnelSpec&) override {}
  void report_ready(const std::string& address) const override;
  Json status(const std::string& address, Omittable<std::string> problem) const override;
  void collect(MetricSink& sink) const override;

 private:
  http::Response answer(const http::Request& request) const;

  App& app_;
  const net::StreamAddress listen_;
  http::Server server_;
};

}  // namespace hsfwd::cli
