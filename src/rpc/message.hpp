// SPDX-License-Identifier: Apache-2.0
// The two datagrams of dht-rpc. All integers little endian; ?x: present if that flag is set.
//
//   request    03 | flags | tid u16 | to (6) | id (32) ?01 | token (32) ?02 | command uint
//              | target (32) ?08 | value buffer ?10                      flag 04: internal command
//   response   13 | flags | tid u16 | to (6) | id (32) ?01 | token (32) ?02
//              | closer nodes array(6) ?04 | error uint ?08 | value buffer ?10
//
// `to` is always the receiver as the sender sees it. Trailing bytes are ignored, that is how messages
// grow. Views point into the datagram.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "net/udp.hpp"
#include "rpc/node_id.hpp"
#include "util/result.hpp"

namespace hsfwd::rpc {

/// Internal commands, which every node answers by itself.
enum class InternalCommand : std::uint64_t {
  kPing = 0,
  kPingNat = 1,  // answer to another port of mine
  kFindNode = 2,
  kDownHint = 3,  // a node you told me of does not answer
  kDelayedPing = 4,
};

/// What a request asks for: a command of this layer, or a number that means something to the layer
/// above. There may be any number in a message that comes in.
class CommandCode {
 public:
  constexpr CommandCode() = default;
  constexpr explicit CommandCode(std::uint64_t number, bool internal = false)
      : number_(number), internal_(internal) {}
  constexpr CommandCode(InternalCommand command)
      : CommandCode(static_cast<std::uint64_t>(command), true) {}
  /// Of the layer above.
  template <class Enum>
  requires std::is_enum_v<Enum>
  constexpr CommandCode(Enum command) : CommandCode(static_cast<std::uint64_t>(command)) {}

  constexpr bool internal() const { return internal_; }
  constexpr std::uint64_t number() const { return number_; }
  /// The number as whoever has looked at internal() knows it.
  template <class Enum>
  constexpr Enum as() const {
    return static_cast<Enum>(number_);
  }
  constexpr bool operator==(const CommandCode&) const = default;
  /// For the log: the name of an internal command, the number of any other.
  std::string to_string() const;

 private:
  std::uint64_t number_ = 0;
  bool internal_ = false;
};

/// Codes of the response's error field that this layer knows.
inline constexpr std::uint64_t kErrorNone = 0;
inline constexpr std::uint64_t kErrorUnknownCommand = 1;
inline constexpr std::uint64_t kErrorInvalidToken = 2;

struct RequestMessage {
  std::uint16_t tid = 0;
  net::Address to;
  std::optional<NodeId> id;
  std::optional<Token> token;
  CommandCode command;
  std::optional<Target> target;
  std::optional<ByteView> value;

  Bytes encode() const;
};

struct ResponseMessage {
  std::uint16_t tid = 0;
  net::Address to;
  std::optional<NodeId> id;
  std::optional<Token> token;
  std::vector<net::Address> closer_nodes;
  std::uint64_t error = kErrorNone;
  std::optional<ByteView> value;

  Bytes encode() const;
  /// Bytes it has at most, with so many closer nodes instead of its own.
  std::size_t max_size(std::size_t closer) const;
};

enum class MessageKind { kNone, kRequest, kResponse };

/// By the first byte; kNone is nothing of ours.
MessageKind message_kind(ByteView datagram);

/// Errors: kTruncated or kMalformed; the datagram is then dropped without an answer.
Result<RequestMessage> decode_request(ByteView datagram);
Result<ResponseMessage> decode_response(ByteView datagram);
/// Of a response that is not decoded yet, and may not have to be.
std::optional<std::uint16_t> response_tid(ByteView datagram);

/// A value may make a message larger than paths are wide. Then it comes in fragments, as upstream's
/// do; nothing here would find out the width.
/// `uncut`: in one piece or not at all.
void send_message(net::UdpSocket& socket, const net::Address& to, ByteView datagram,
                  bool uncut = false);

/// `id` if it belongs to `from`, as a claimed id only counts then.
std::optional<NodeId> verified_id(const std::optional<NodeId>& id, const net::Address& from);

}  // namespace hsfwd::rpc
