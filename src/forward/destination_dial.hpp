// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "forward/destination.hpp"
#include "net/env.hpp"
#include "net/stream_factory.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::forward {

/// A destination under way: its name is looked up, once, the address it has is asked for permission, and that
/// very address is dialled. Destroying it cancels it.
class DestinationDial {
 public:
  /// `why` is for people of this side: what the address is, is none of the peer's business.
  struct Failure {
    DestinationAnswer answer;
    std::string why;
  };
  using Allows = std::function<bool(net::Ipv4)>;
  using Done = std::function<void(Result<std::unique_ptr<net::ByteStream>, Failure>)>;

  /// `done` is called once, later, never from inside this call.
  DestinationDial(Scheduler& scheduler, net::Resolver& resolver, net::StreamFactory& streams,
                  Destination to, Allows allows, Done done);

  void cancel();
  /// Once it is known and allowed.
  const std::optional<net::Ipv4>& address() const { return address_; }

  /// For the name; the dial has limits of its own.
  static constexpr Duration kLookupTime = Duration::seconds(10);

 private:
  void on_address(net::Ipv4 address);
  void on_dialled(Result<std::unique_ptr<net::ByteStream>, std::string> result);
  void fail(DestinationAnswer answer, std::string why);

  Scheduler& scheduler_;
  net::StreamFactory& streams_;
  const Destination to_;
  const Allows allows_;
  const Done done_;
  std::optional<net::Ipv4> address_;
  Task literal_task_;
  Timer lookup_timer_;
  std::unique_ptr<net::Lookup> lookup_;
  std::unique_ptr<net::Dial> dial_;
};

}  // namespace hsfwd::forward
