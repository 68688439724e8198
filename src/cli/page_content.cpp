// SPDX-License-Identifier: Apache-2.0
#include "cli/page_content.hpp"

#include <fmt/format.h>

#include "cli/events/tunnels.hpp"
#include "cli/overview.hpp"
#include "cli/timeline.hpp"
#include "util/metrics.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

PageContent::PageContent(App& app, const PageSpec& spec)
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
          spec.secret) {}

void PageContent::change(const TunnelSpec& spec) {
  const auto& page = static_cast<const PageSpec&>(spec);
  has_secret_ = page.secret != nullptr;
  server_.set_secret(page.secret);
}

void PageContent::report_ready(const std::string& address) const {
  events::PageReady event{.listen = address};
  if (const std::string at = page_url(listen_, address); !at.empty()) event.url = at;
  app_.output().event(
      event, printable(fmt::format("ready: page at {}", event.url.value_or(event.listen))));
}

Json PageContent::status(const std::string& address, Omittable<std::string> problem) const {
  PageStatus out{.listen = address,
                 .secret = has_secret_,
                 .requests = server_.requests(),
                 .refused = server_.refused(),
                 .problem = std::move(problem)};
  if (const std::string at = page_url(listen_, address); !at.empty()) out.url = at;
  return encode(out);
}

void PageContent::collect(MetricSink& sink) const {
  sink.counter("hsfwd_page_requests", "Requests of the page, those included that were refused",
               server_.requests());
  sink.counter("hsfwd_page_refused", "Requests of the page that were refused", server_.refused());
}

}  // namespace hsfwd::cli
