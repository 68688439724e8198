// SPDX-License-Identifier: Apache-2.0
#include "rpc/message.hpp"

#include <fmt/format.h>

#include "codec/writer.hpp"

namespace hsfwd::rpc {

namespace {

constexpr std::uint8_t kRequestByte = 0x03;   // version 3 in the low nibble
constexpr std::uint8_t kResponseByte = 0x13;  // and bit 4 for responses
constexpr std::size_t kMinDatagram = 2;
constexpr std::size_t kMaxUncut = 1200;  // bytes that pass on every path

constexpr std::uint64_t kFlagId = 0x01;
constexpr std::uint64_t kFlagToken = 0x02;
constexpr std::uint64_t kFlagInternal = 0x04;  // requests
constexpr std::uint64_t kFlagCloser = 0x04;    // responses
constexpr std::uint64_t kFlagTarget = 0x08;    // requests
constexpr std::uint64_t kFlagError = 0x08;     // responses
constexpr std::uint64_t kFlagValue = 0x10;

std::uint8_t flag_if(bool present, std::uint64_t flag) {
  return static_cast<std::uint8_t>(present ? flag : 0);
}

}  // namespace

std::string CommandCode::to_string() const {
  if (internal_) {
    switch (as<InternalCommand>()) {
      case InternalCommand::kPing:
        return "ping";
      case InternalCommand::kPingNat:
        return "ping to another port";
      case InternalCommand::kFindNode:
        return "find node";
      case InternalCommand::kDownHint:
        return "down hint";
      case InternalCommand::kDelayedPing:
        return "delayed ping";
    }
  }
  return fmt::format("{}command {}", internal_ ? "internal " : "", number_);
}

Bytes RequestMessage::encode() const {
  return codec::encode([this](codec::Writer& w) {
    w.u8(kRequestByte);
    w.u8(static_cast<std::uint8_t>(
        flag_if(id.has_value(), kFlagId) | flag_if(token.has_value(), kFlagToken) |
        flag_if(command.internal(), kFlagInternal) | flag_if(target.has_value(), kFlagTarget) |
        flag_if(value.has_value(), kFlagValue)));
    w.u16(tid);
    w.ipv4(to);
    if (id) w.fixed(*id);
    if (token) w.fixed(*token);
    w.uint(command.number());
    if (target) w.fixed(*target);
    if (value) w.buffer(*value);
  });
}

Bytes ResponseMessage::encode() const {
  return codec::encode([this](codec::Writer& w) {
    w.u8(kResponseByte);
    w.u8(static_cast<std::uint8_t>(
        flag_if(id.has_value(), kFlagId) | flag_if(token.has_value(), kFlagToken) |
        flag_if(!closer_nodes.empty(), kFlagCloser) | flag_if(error != kErrorNone, kFlagError) |
        flag_if(value.has_value(), kFlagValue)));
    w.u16(tid);
    w.ipv4(to);
    if (id) w.fixed(*id);
    if (token) w.fixed(*token);
    if (!closer_nodes.empty()) w.ipv4_array(closer_nodes);
    if (error != kErrorNone) w.uint(error);
    if (value) w.buffer(*value);
  });
}

std::size_t ResponseMessage::max_size(std::size_t closer) const {
  constexpr std::size_t kHeader = 10;
  constexpr std::size_t kMaxLength = 3;  // of a number that counts what fits into a datagram
  std::size_t size = kHeader + kMaxLength + closer * net::Address::kWireSize;
  if (id) size += sizeof(NodeId);
  if (token) size += sizeof(Token);
  if (error != kErrorNone) size += kMaxLength;
  if (value) size += kMaxLength + value->size();
  return size;
}

MessageKind message_kind(ByteView datagram) {
  if (datagram.size() < kMinDatagram) return MessageKind::kNone;
  if (datagram[0] == kRequestByte) return MessageKind::kRequest;
  if (datagram[0] == kResponseByte) return MessageKind::kResponse;
  return MessageKind::kNone;
}

Result<RequestMessage> decode_request(ByteView datagram) {
  if (message_kind(datagram) != MessageKind::kRequest) return Err(Errc::kMalformed);
  codec::Reader r(datagram.subspan(1));
  const std::uint64_t flags = r.uint();
  RequestMessage out;
  out.tid = r.u16();
  out.to = r.ipv4();
  if ((flags & kFlagId) != 0) out.id = r.fixed<NodeId>();
  if ((flags & kFlagToken) != 0) out.token = r.fixed<Token>();
  out.command = CommandCode(r.uint(), (flags & kFlagInternal) != 0);
  if ((flags & kFlagTarget) != 0) out.target = r.fixed<Target>();
  if ((flags & kFlagValue) != 0) out.value = r.buffer();
  if (!r.ok()) return Err(Errc::kTruncated);
  return out;
}

Result<ResponseMessage> decode_response(ByteView datagram) {
  if (message_kind(datagram) != MessageKind::kResponse) return Err(Errc::kMalformed);
  codec::Reader r(datagram.subspan(1));
  const std::uint64_t flags = r.uint();
  ResponseMessage out;
  out.tid = r.u16();
  out.to = r.ipv4();
  if ((flags & kFlagId) != 0) out.id = r.fixed<NodeId>();
  if ((flags & kFlagToken) != 0) out.token = r.fixed<Token>();
  if ((flags & kFlagCloser) != 0) out.closer_nodes = r.ipv4_array();
  if ((flags & kFlagError) != 0) out.error = r.uint();
  if ((flags & kFlagValue) != 0) out.value = r.buffer();
  if (!r.ok()) return Err(Errc::kTruncated);
  return out;
}

std::optional<std::uint16_t> response_tid(ByteView datagram) {
  if (message_kind(datagram) != MessageKind::kResponse) return std::nullopt;
  codec::Reader r(datagram.subspan(1));
  r.uint();  // flags
  const std::uint16_t tid = r.u16();
  return r.ok() ? std::optional(tid) : std::nullopt;
}

void send_message(net::UdpSocket& socket, const net::Address& to, ByteView datagram, bool uncut) {
  const net::OutboundDatagram message{
      .to = to, .parts = {datagram, {}, {}}, .may_fragment = !uncut && datagram.size() > kMaxUncut};
  socket.send({&message, 1});
}

std::optional<NodeId> verified_id(const std::optional<NodeId>& id, const net::Address& from) {
  if (!id || *id != node_id_of(from)) return std::nullopt;
  return id;
}

}  // namespace hsfwd::rpc
