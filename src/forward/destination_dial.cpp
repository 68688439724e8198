// SPDX-License-Identifier: Apache-2.0
#include "forward/destination_dial.hpp"

#include <fmt/format.h>

#include <utility>

namespace hsfwd::forward {

namespace {

DestinationAnswer answer_to(const std::string& error) {
  if (error == net::StreamFactory::kRefused) return DestinationAnswer::kRefused;
  if (error == net::StreamFactory::kTimedOut) return DestinationAnswer::kTimedOut;
  return DestinationAnswer::kHostUnreachable;
}

}  // namespace

DestinationDial::DestinationDial(Scheduler& scheduler, net::Resolver& resolver,
                                 net::StreamFactory& streams, Destination to, Allows allows,
                                 Done done)
    : scheduler_(scheduler),
      streams_(streams),
      to_(std::move(to)),
      allows_(std::move(allows)),
      done_(std::move(done)),
      literal_task_(scheduler, [this] { on_address(*to_.address()); }),
      lookup_timer_(scheduler, [this] {
        scheduler_.retire(std::move(lookup_));
        fail(DestinationAnswer::kTimedOut, "its name is not resolved in time");
      }) {
  if (to_.address()) {
    literal_task_.post();
    return;
  }
  lookup_timer_.start(kLookupTime);
  lookup_ = resolver.resolve(to_.host(), [this](const Result<net::Ipv4>& found) {
    lookup_timer_.stop();
    scheduler_.retire(std::move(lookup_));
    if (found) return on_address(*found);
    fail(DestinationAnswer::kHostUnreachable, net::StreamFactory::kUnresolved);
  });
}

void DestinationDial::cancel() {
  literal_task_.cancel();
  lookup_timer_.stop();
  if (lookup_) lookup_->cancel();
  if (dial_) dial_->cancel();
}

void DestinationDial::on_address(net::Ipv4 address) {
  if (!allows_(address)) {
    return fail(DestinationAnswer::kNotAllowed,
                to_.address() ? "not allowed"
                              : fmt::format("it is {}, which is not allowed", address.to_string()));
  }
  address_ = address;
  dial_ = streams_.dial({.host = address.to_string(), .port = to_.port(), .path = {}},
                        [this](auto result) { on_dialled(std::move(result)); });
}

void DestinationDial::on_dialled(Result<std::unique_ptr<net::ByteStream>, std::string> result) {
  scheduler_.retire(std::move(dial_));
  if (result) return done_(std::move(*result));
  fail(answer_to(result.error()), result.error());
}

void DestinationDial::fail(DestinationAnswer answer, std::string why) {
  done_(Err(Failure{answer, std::move(why)}));
}

}  // namespace hsfwd::forward
