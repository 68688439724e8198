// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "cli/app.hpp"
#include "cli/page_kind.hpp"
#include "cli/page_server.hpp"
#include "cli/web_tunnel.hpp"

namespace hsfwd::cli {

/// The page of the running command itself.
class PageContent final : public WebContent {
 public:
  PageContent(App& app, const PageSpec& spec);

  const char* name() const override { return "page"; }
  void add(std::unique_ptr<net::ByteStream> client) override { server_.add(std::move(client)); }
  void close() override { server_.close(); }
  void change(const TunnelSpec& spec) override;
  void report_ready(const std::string& address) const override;
  Json status(const std::string& address, Omittable<std::string> problem) const override;
  void collect(MetricSink& sink) const override;

 private:
  App& app_;
  const net::StreamAddress listen_;
  bool has_secret_;
  PageServer server_;
};

}  // namespace hsfwd::cli
