// SPDX-License-Identifier: Apache-2.0
// HTTP over connections that somebody else accepts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "http/message.hpp"
#include "net/byte_stream.hpp"
#include "util/scheduler.hpp"

namespace hsfwd::http {

class Server {
 public:
  /// Called at most once for each request, now or later; a client that is gone is no matter.
  using Reply = std::function<void(Response response)>;
  /// Gets GET and HEAD alone.
  using Handler = std::function<void(const Request& request, const Reply& reply)>;

  /// Connections at once. A further one takes the place of that which has asked for nothing longest; if
  /// all of them ask, it is turned away.
  static constexpr std::size_t kMaxConnections = 16;
  /// For a head to come in whole, and for an answer to be taken.
  static constexpr Duration kPatience = 10_s;
  /// Between requests of a connection.
  static constexpr Duration kIdlePatience = 60_s;

  Server(Scheduler& scheduler, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void add(std::unique_ptr<net::ByteStream> stream);
  /// Ends all connections at once.
  void close();

  std::size_t connections() const { return connections_.size(); }
  std::uint64_t requests() const { return requests_; }
  /// Of these and what was no request.
  std::uint64_t refused() const { return refused_; }

 private:
  class Connection;

  bool make_room();
  void on_request(std::uint64_t id, const Request& request);
  void forget(std::uint64_t id);

  Scheduler& scheduler_;
  const Handler handler_;
  std::uint64_t next_id_ = 1;
  std::uint64_t requests_ = 0;
  std::uint64_t refused_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
};

}  // namespace hsfwd::http
