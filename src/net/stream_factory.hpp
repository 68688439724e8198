// SPDX-License-Identifier: Apache-2.0
// Where local byte streams come from: connections dialled to a service, connections accepted on a
// port or socket.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/address.hpp"
#include "net/byte_stream.hpp"
#include "util/result.hpp"

namespace hsfwd::net {

/// A TCP port of a host, or the path of a unix socket; or a UDP port, which no streams lead to.
struct StreamAddress {
  static constexpr std::size_t kMaxPath = 107;  // what a unix socket's address has room for

  std::string host;  // name or literal; empty for a unix socket
  std::uint16_t port = 0;
  std::string path;
  // Of a unix socket that is listened on, what it has from the first moment that somebody can
  // connect; the system's choice where there is none. Who may write to it may connect.
  std::optional<std::uint32_t> mode = std::nullopt;   // permissions
  std::optional<std::uint32_t> group = std::nullopt;  // number

  bool udp = false;

  bool is_unix() const { return !path.empty(); }
  /// "host:port", "[v6]:port", "unix:path" or "udp:host:port".
  std::string to_string() const;
  /// The IPv4 address that its host is, if nobody has to be asked for it: "localhost" is one, and 0.0.0.0 as
  /// something to send to is this machine.
  std::optional<Ipv4> ipv4() const;

  /// The same port or path, whoever may connect.
  bool same_place(const StreamAddress& other) const;
  bool operator==(const StreamAddress&) const = default;
};

/// A dial under way; destroying it cancels it, too.
class Dial {
 public:
  virtual ~Dial() = default;
  /// `done` is not called any more.
  virtual void cancel() = 0;
};

/// Takes connections as long as it lives.
class StreamListener {
 public:
  virtual ~StreamListener() = default;
  /// Takes no more: Scheduler::retire() asks for that at once, so that a listener can be given up
  /// inside its own callback.
  virtual void cancel() = 0;
  /// Where it listens, with the port that was picked.
  virtual StreamAddress address() const = 0;
};

class StreamFactory {
 public:
  /// There is no such host, or nobody to ask.
  static constexpr const char* kUnresolved = "cannot be resolved";
  /// Nobody listens there.
  static constexpr const char* kRefused = "Connection refused";
  static constexpr const char* kTimedOut = "timed out";
  /// There is no way there.
  static constexpr const char* kNetworkUnreachable = "Network is unreachable";
  virtual ~StreamFactory() = default;

  /// The error is one clause for people, one of the above where it says the same.
  using Dialled = std::function<void(Result<std::unique_ptr<ByteStream>, std::string>)>;
  using Accepted = std::function<void(std::unique_ptr<ByteStream>)>;

  /// `done` is called once, later, never from inside this call.
  virtual std::unique_ptr<Dial> dial(const StreamAddress& to, Dialled done) = 0;
  virtual Result<std::unique_ptr<StreamListener>, std::string> listen(const StreamAddress& at,
                                                                      Accepted accepted) = 0;
};

}  // namespace hsfwd::net
