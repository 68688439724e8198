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

namespace hsfwd::cli {

/// What is shown by HTTP, and to whom.
class WebContent {
 public:
  virtual ~WebContent() = default;
  /// In messages: "page".
  virtual const char* name() const = 0;
  virtual void add(std::unique_ptr<net::ByteStream> client) = 0;
  /// Ends all clients at once.
  virtual void close() = 0;
  /// The settings are now those of `spec`, at the same address.
  virtual void change(const TunnelSpec& spec) = 0;
  /// It is shown at `address`, which has the port that was picked.
  virtual void report_ready(const std::string& address) const = 0;
  /// Its entry in TunnelKind::list. `problem` keeps it from being shown.
  virtual Json status(const std::string& address, Omittable<std::string> problem) const = 0;
  virtual void collect(MetricSink& sink) const = 0;
};

/// A local address at which something is shown to browsers or collectors.
class WebTunnel final : public Tunnel {
 public:
  WebTunnel(App& app, net::StreamAddress listen, std::unique_ptr<WebContent> content);

  void prepare(Unavailable unavailable) override { address_.prepare(unavailable); }
  std::optional<Problem> problem() const override { return address_.tunnel_problem(); }
  void start() override { report(); }
  std::optional<Problem> change(const TunnelSpec& spec) override;
  void report() override;
  std::string listens_at() const override { return address_.to_string(); }
  void close(const std::string& reason, std::function<void()> done) override;
  void leave(std::function<void()> done) override { close("", std::move(done)); }
  std::vector<Trouble> health() const override { return address_.troubles(); }
  Json status() const override;
  void collect(MetricSink& sink) const override { content_->collect(sink); }
  std::vector<forward::OpenConnection> connections() const override { return {}; }

 private:
  const std::unique_ptr<WebContent> content_;
  LocalAddress address_;
};

}  // namespace hsfwd::cli
