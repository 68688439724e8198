// SPDX-License-Identifier: Apache-2.0
#include "cli/metrics_content.hpp"

#include <fmt/format.h>

#include "cli/events/tunnels.hpp"
#include "cli/metrics_kind.hpp"
#include "cli/openmetrics.hpp"
#include "cli/overview.hpp"
#include "cli/web_address.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

MetricsContent::MetricsContent(App& app, net::StreamAddress listen)
    : app_(app),
      listen_(std::move(listen)),
      server_(app.scheduler(),
              [this](const http::Request& request, const http::Server::Reply& reply) {
                reply(answer(request));
              }) {}

http::Response MetricsContent::answer(const http::Request& request) const {
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

void MetricsContent::report_ready(const std::string& address) const {
  const events::WebReady event{.listen = address, .serves = kMetricsKind.list};
  app_.output().event(
      event, printable(fmt::format("ready: metrics at {}{}", listen_.is_unix() ? "" : "http://",
                                   listen_.is_unix() ? address : address + kPath)));
}

Json MetricsContent::status(const std::string& address, Omittable<std::string> problem) const {
  return encode(MetricsStatus{.listen = address,
                              .requests = server_.requests(),
                              .refused = server_.refused(),
                              .problem = std::move(problem)});
}

void MetricsContent::collect(MetricSink& sink) const {
  sink.counter("hsfwd_metrics_requests", "Requests of collectors, this one included",
               server_.requests());
  sink.counter("hsfwd_metrics_refused", "What was no request for metrics, or too much",
               server_.refused());
}

}  // namespace hsfwd::cli
