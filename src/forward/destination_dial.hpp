// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "forward/destination.hpp"
#include "forward/timed_lookup.hpp"
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
  /// What the peer may, asked when it matters: it may be taken away meanwhile.
  struct Permission {
    std::function<bool(net::Ipv4)> reach;
    /// Learn that the name has no address.
    std::function<bool()> know_name;
  };
  using Done = std::function<void(Result<std::unique_ptr<net::ByteStream>, Failure>)>;

  /// `done` is called once, later, never from inside this call.
  DestinationDial(Scheduler& scheduler, net::Resolver& resolver, net::StreamFactory& streams,
                  Destination to, Permission permission, Done done);

  void cancel();
  /// Once it is known and allowed.
  const std::optional<net::Ipv4>& address() const { return address_; }

 private:
  void on_found(const Result<net::Ipv4>& found);
  void on_address(net::Ipv4 address);
  void on_dialled(Result<std::unique_ptr<net::ByteStream>, std::string> result);
  void fail(DestinationAnswer answer, std::string why);

  Scheduler& scheduler_;
  net::StreamFactory& streams_;
  const Destination to_;
  const Permission permission_;
  const Done done_;
  std::optional<net::Ipv4> address_;
  Task literal_task_;
  std::unique_ptr<TimedLookup> lookup_;
  std::unique_ptr<net::Dial> dial_;
};

}  // namespace hsfwd::forward
