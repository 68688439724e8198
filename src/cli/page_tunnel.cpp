// SPDX-License-Identifier: Apache-2.0
#include "cli/page_tunnel.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "cli/events/tunnels.hpp"
#include "cli/overview.hpp"
#include "cli/timeline.hpp"
#include "util/metrics.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

PageTunnel::PageTunnel(App& app, const PageSpec& spec)
    : app_(app),
      listen_(spec.listen),
      has_secret_(spec.secret != nullptr),
      server_(
          app.scheduler(), listen_,
          [this](const PageServer::Answered& answered) {
            const Overview* const overview = app_.overview();
            if (overview == nullptr) {
              return answered(Err(UserError{kFailed, "ENDING", kEnding}));
            }
            answered(page_state(overview->status(), overview->peers(),
                                tagged(attempts_event(app_, "up"))));
          },
          spec.secret),
      address_(app, spec.listen, [this](std::unique_ptr<net::ByteStream> client) {
        server_.add(std::move(client));
      }) {}

void PageTunnel::prepare(Unavailable unavailable) {
  address_.open();
  const auto why = problem();
  if (why && unavailable == Unavailable::kRefused) throw UserError{kFailed, why->code, why->text};
}

std::optional<Tunnel::Problem> PageTunnel::problem() const {
  if (address_.problem().empty()) return std::nullopt;
  return Problem{"LISTEN_FAILED",
                 fmt::format("cannot listen on {}: {}", address_.to_string(), address_.problem())};
}

std::optional<Tunnel::Problem> PageTunnel::change(const TunnelSpec& spec) {
  const auto& page = static_cast<const PageSpec&>(spec);
  has_secret_ = page.secret != nullptr;
  server_.set_secret(page.secret);
  return std::nullopt;
}

void PageTunnel::close(const std::string&, std::function<void()> done) {
  address_.close();
  server_.close();
  done();
}

void PageTunnel::report() {
  if (address_.problem().empty()) return report_ready();
  app_.output().error("LISTEN_FAILED", fmt::format("cannot listen on {} (page): {}; trying again",
                                                   address_.to_string(), address_.problem()));
  address_.keep_trying([this] { report_ready(); });
}

void PageTunnel::report_ready() const {
  events::PageReady event{.listen = address_.to_string()};
  if (const std::string at = page_url(listen_, address_.to_string()); !at.empty()) event.url = at;
  app_.output().event(
      event, printable(fmt::format("ready: page at {}", event.url.value_or(event.listen))));
}

void PageTunnel::collect(MetricSink& sink) const {
  sink.counter("hsfwd_page_requests", "Requests of the page, those included that were refused",
               server_.requests());
  sink.counter("hsfwd_page_refused", "Requests of the page that were refused", server_.refused());
}

std::vector<Trouble> PageTunnel::health() const {
  auto closed = address_.trouble();
  return closed ? std::vector<Trouble>{std::move(*closed)} : std::vector<Trouble>();
}

Json PageTunnel::status() const {
  PageStatus out{.listen = address_.to_string(),
                 .secret = has_secret_,
                 .requests = server_.requests(),
                 .refused = server_.refused()};
  if (const std::string at = page_url(listen_, address_.to_string()); !at.empty()) out.url = at;
  if (!address_.problem().empty()) out.problem = told(address_.problem());
  return encode(out);
}

}  // namespace hsfwd::cli
