// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/app.hpp"
#include "cli/local_address.hpp"
#include "cli/page_kind.hpp"
#include "cli/page_server.hpp"
#include "cli/tunnel.hpp"

namespace hsfwd::cli {

/// A local address at which there is the page.
class PageTunnel final : public Tunnel {
 public:
  PageTunnel(App& app, const PageSpec& spec);

  void prepare(Unavailable unavailable) override;
  std::optional<Problem> problem() const override;
  void start() override { report(); }
  std::optional<Problem> change(const TunnelSpec& spec) override;
  void report() override;
  std::string listens_at() const override { return address_.to_string(); }
  void close(const std::string& reason, std::function<void()> done) override;
  void leave(std::function<void()> done) override { close("", std::move(done)); }
  std::vector<Trouble> health() const override;
  Json status() const override;
  void collect(MetricSink& sink) const override;
  std::vector<forward::OpenConnection> connections() const override { return {}; }

 private:
  void report_ready() const;

  App& app_;
  const net::StreamAddress listen_;
  bool has_secret_;
  PageServer server_;
  LocalAddress address_;
};

}  // namespace hsfwd::cli
