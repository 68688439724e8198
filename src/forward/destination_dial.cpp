// SPDX-License-Identifier: Apache-2.0
#include "forward/destination_dial.hpp"

#include <fmt/format.h>

#include <utility>

namespace hsfwd::forward {

namespace {

DestinationAnswer answer_to(const std::string& error) {
  if (error == net::StreamFactory::kRefused) return DestinationAnswer::kRefused;
  if (error == net::StreamFactory::kTimedOut) return DestinationAnswer::kTimedOut;
  if (error == net::StreamFactory::kNetworkUnreachable) {
    return DestinationAnswer::kNetworkUnreachable;
  }
  return DestinationAnswer::kHostUnreachable;
}

}  // namespace

DestinationDial::DestinationDial(Scheduler& scheduler, net::Resolver& resolver,
                                 net::StreamFactory& streams, Destination to, Permission permission,
                                 Done done)
    : scheduler_(scheduler),
      streams_(streams),
      to_(std::move(to)),
      permission_(std::move(permission)),
      done_(std::move(done)),
      literal_task_(scheduler, [this] { on_address(*to_.address()); }) {
  if (to_.address()) {
    literal_task_.post();
    return;
  }
  lookup_ = std::make_unique<TimedLookup>(
      scheduler, resolver, to_.host(), [this](const Result<net::Ipv4>& found) { on_found(found); });
}

void DestinationDial::cancel() {
  literal_task_.cancel();
  if (lookup_) lookup_->cancel();
  if (dial_) dial_->cancel();
}

void DestinationDial::on_found(const Result<net::Ipv4>& found) {
  scheduler_.retire(std::move(lookup_));
  if (found) return on_address(*found);
  const bool late = found.error() == Errc::kTimeout;
  // To others a name that there is not is answered as one that leads where they may not go.
  const DestinationAnswer answer =
      late ? DestinationAnswer::kTimedOut : DestinationAnswer::kHostUnreachable;
  fail(permission_.know_name() ? answer : DestinationAnswer::kNotAllowed,
       late ? "its name is not resolved in time" : net::StreamFactory::kUnresolved);
}

void DestinationDial::on_address(net::Ipv4 address) {
  if (!permission_.reach(address)) {
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
