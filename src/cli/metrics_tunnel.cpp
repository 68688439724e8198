// SPDX-License-Identifier: Apache-2.0
#include "cli/metrics_tunnel.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "cli/events/tunnels.hpp"
#include "cli/metrics_kind.hpp"
#include "cli/openmetrics.hpp"
#include "cli/overview.hpp"
#include "cli/web_address.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

MetricsTunnel::MetricsTunnel(App& app, net::StreamAddress listen)
    : app_(app),
      listen_(std::move(listen)),
      server_(app.scheduler(),
              [this](const http::Request& request, const http::Server::Reply& reply) {
                reply(answer(request));
              }),
      address_(app, listen_, [this](std::unique_ptr<net::ByteStream> client) {
        server_.add(std::move(client));
      }) {}

void MetricsTunnel::prepare(Unavailable unavailable) {
  address_.open();
  const auto why = problem();
  if (why && unavailable == Unavailable::kRefused) throw UserError{kFailed, why->code, why->text};
}

std::optional<Tunnel::Problem> MetricsTunnel::problem() const {
  if (address_.problem().empty()) return std::nullopt;
  return Problem{"LISTEN_FAILED",
                 fmt::format("cannot listen on {}: {}", address_.to_string(), address_.problem())};
}

http::Response MetricsTunnel::answer(const http::Request& request) const {
  if (!is_asked_for_itself(listen_, request)) {
    http::Response out = http::Response::of(http::kMisdirected);
    out.body = "ask for it by its address, or as localhost\n";
    return out;
  }
  if (request.path != kPath) {
    http::Response out = http::Response::of(http::kNotFound);
    out.body = fmt::format("what is counted is at {}\n", kPath);
    return out;
  }
  if (app_.overview() == nullptr) return http::Response::of(http::kUnavailable);
  OpenMetrics text;
  app_.overview()->collect(text);
  const auto format = OpenMetrics::wanted(request.accept.value_or(""));
  return {.type = OpenMetrics::content_type(format), .body = text.to_string(format)};
}

void MetricsTunnel::report() {
  if (address_.problem().empty()) return report_ready();
  app_.output().error("LISTEN_FAILED",
                      fmt::format("cannot listen on {} (metrics): {}; trying again",
                                  address_.to_string(), address_.problem()));
  address_.keep_trying([this] { report_ready(); });
}

void MetricsTunnel::report_ready() const {
  net::StreamAddress at = listen_;
  const events::WebReady event{.listen = address_.to_string(), .serves = kMetricsKind.list};
  app_.output().event(
      event,
      printable(fmt::format("ready: metrics at {}{}", at.is_unix() ? "" : "http://",
                            at.is_unix() ? address_.to_string() : address_.to_string() + kPath)));
}

void MetricsTunnel::close(const std::string&, std::function<void()> done) {
  address_.close();
  server_.close();
  done();
}

void MetricsTunnel::leave(std::function<void()> done) {
  close("", std::move(done));
}

void MetricsTunnel::collect(MetricSink& sink) const {
  sink.counter("hsfwd_metrics_requests", "Requests of collectors, this one included",
               server_.requests());
  sink.counter("hsfwd_metrics_refused", "What was no request for metrics, or too much",
               server_.refused());
}

std::vector<Trouble> MetricsTunnel::health() const {
  auto closed = address_.trouble();
  return closed ? std::vector<Trouble>{std::move(*closed)} : std::vector<Trouble>();
}

Json MetricsTunnel::status() const {
  MetricsStatus out{
      .listen = address_.to_string(), .requests = server_.requests(), .refused = server_.refused()};
  if (!address_.problem().empty()) out.problem = told(address_.problem());
  return encode(out);
}

}  // namespace hsfwd::cli
