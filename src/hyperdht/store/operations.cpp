// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/store/operations.hpp"

#include "hyperdht/wire/signatures.hpp"

namespace hsfwd::hyperdht {

namespace {

rpc::QueryOptions query_for(Command command, const rpc::Target& target,
                            std::optional<Bytes> value = std::nullopt) {
  return {.target = target, .command = command, .value = std::move(value), .start_nodes = {}};
}

/// An update for one of the closest nodes; nothing without its token.
std::optional<rpc::RequestSpec> update(Command command, const rpc::Target& target,
                                       const rpc::ClosestReply& reply, Bytes value) {
  if (!reply.token) return std::nullopt;
  rpc::RequestSpec spec;
  spec.to = reply.from;
  spec.to_id = reply.id;
  spec.command = command;
  spec.target = target;
  spec.token = reply.token;
  spec.value = std::move(value);
  return spec;
}

OperationError operation_error(rpc::QueryError error) {
  return error == rpc::QueryError::kTooFewNodes ? OperationError::kNoNodes
                                                : OperationError::kNotStored;
}

Bytes encoded_uint(std::uint64_t value) {
  return codec::encode([&](codec::Writer& w) { w.uint(value); });
}

}  // namespace

const char* to_string(OperationError error) {
  switch (error) {
    case OperationError::kNotFound:
      return "not found";
    case OperationError::kNoNodes:
      return "too few nodes responded";
    case OperationError::kNotStored:
      return "no node stored it";
    case OperationError::kSeqReused:
      return "sequence number is in use for another value";
    case OperationError::kSeqTooLow:
      return "a newer value is stored";
  }
  return "unknown error";
}

FindPeer::FindPeer(rpc::Node& node, const crypto::PublicKey& peer, OnRecord on_record,
                   OnDone on_done)
    : on_record_(std::move(on_record)),
      on_done_(std::move(on_done)),
      query_(
          node, query_for(Command::kFindPeer, target_of_peer(peer)),
          [this, peer](const rpc::Reply& reply) {
            if (!reply.message.value) return;
            const auto record = PeerRecord::decode(*reply.message.value);
            if (!record || record->public_key != peer) return;
            ++records_;
            on_record_(reply.from, *record);
          },
          [this](const auto&) { on_done_(records_); }) {}

LookupTopic::LookupTopic(rpc::Node& node, const rpc::Target& topic, OnReply on_reply,
                         OnDone on_done)
    : on_reply_(std::move(on_reply)),
      on_done_(std::move(on_done)),
      query_(
          node, query_for(Command::kLookup, topic),
          [this](const rpc::Reply& reply) {
            if (!reply.message.value) return;
            if (const auto found = LookupReply::decode(*reply.message.value)) on_reply_(*found);
          },
          [this](const auto&) { on_done_(); }) {}

AnnounceTopic::AnnounceTopic(rpc::Node& node, Command command, const rpc::Target& topic,
                             const crypto::KeyPair& keys, std::vector<Address> relay_addresses,
                             std::uint64_t bump, OnDone on_done)
    : command_(command),
      topic_(topic),
      keys_(keys),
      relay_addresses_(std::move(relay_addresses)),
      bump_(bump),
      on_done_(std::move(on_done)),
      query_(
          node, query_for(Command::kLookup, topic), [](const rpc::Reply&) {},
          [this](const Result<void, rpc::QueryError>& result) {
            if (result) {
              on_done_({});
            } else {
              on_done_(Err(operation_error(result.error())));
            }
          }) {
  query_.set_commit([this](const rpc::ClosestReply& reply) { return commit(reply); });
}

std::optional<rpc::RequestSpec> AnnounceTopic::commit(const rpc::ClosestReply& reply) const {
  if (!reply.token) return std::nullopt;
  AnnounceMessage message;
  message.peer = PeerRecord{.public_key = keys_.public_key, .relay_addresses = relay_addresses_};
  message.signature = sign_announce(command_, topic_, reply.id, *reply.token, message, keys_);
  if (command_ == Command::kAnnounce) message.bump = bump_;
  return update(command_, topic_, reply, message.encode());
}

PutImmutable::PutImmutable(rpc::Node& node, Bytes value, OnDone on_done)
    : value_(std::move(value)),
      target_(rpc::target_of(crypto::blake2b_256(value_))),
      on_done_(std::move(on_done)),
      query_(
          node, query_for(Command::kImmutableGet, target_), [](const rpc::Reply&) {},
          [this](const Result<void, rpc::QueryError>& result) {
            if (result) {
              on_done_(target_);
            } else {
              on_done_(Err(operation_error(result.error())));
            }
          }) {
  query_.set_commit([this](const rpc::ClosestReply& reply) {
    return update(Command::kImmutablePut, target_, reply, value_);
  });
}

GetImmutable::GetImmutable(rpc::Node& node, const rpc::Target& target, OnDone on_done)
    : target_(target),
      on_done_(std::move(on_done)),
      query_(
          node, query_for(Command::kImmutableGet, target),
          [this](const rpc::Reply& reply) { on_reply(reply); },
          [this](const auto&) {
            if (!std::exchange(told_, true)) on_done_(Err(OperationError::kNotFound));
          }) {}

void GetImmutable::on_reply(const rpc::Reply& reply) {
  if (told_ || !reply.message.value) return;
  if (rpc::target_of(crypto::blake2b_256(*reply.message.value)) != target_) return;
  told_ = true;
  on_done_(to_bytes(*reply.message.value));
}

PutMutable::PutMutable(rpc::Node& node, const crypto::KeyPair& keys, std::uint64_t seq, Bytes value,
                       OnDone on_done)
    : target_(target_of_peer(keys.public_key)),
      on_done_(std::move(on_done)),
      query_(
          node, query_for(Command::kMutableGet, target_, encoded_uint(0)), [](const rpc::Reply&) {},
          [this](const Result<void, rpc::QueryError>& result) {
            if (result) {
              on_done_({});
            } else {
              on_done_(Err(operation_error(result.error())));
            }
          }) {
  MutablePut put;
  put.public_key = keys.public_key;
  put.content.signature = sign_mutable(seq, value, keys);
  put.content.seq = seq;
  put.content.value = std::move(value);
  request_ = put.encode();
  query_.set_commit([this](const rpc::ClosestReply& reply) {
    return update(Command::kMutablePut, target_, reply, request_);
  });
}

GetMutable::GetMutable(rpc::Node& node, const crypto::PublicKey& key, std::uint64_t seq,
                       OnDone on_done)
    : key_(key),
      seq_(seq),
      on_done_(std::move(on_done)),
      query_(
          node, query_for(Command::kMutableGet, target_of_peer(key), encoded_uint(seq)),
          [this](const rpc::Reply& reply) { on_reply(reply); },
          [this](const auto&) {
            if (best_) {
              on_done_(*best_);
            } else {
              on_done_(Err(OperationError::kNotFound));
            }
          }) {}

void GetMutable::on_reply(const rpc::Reply& reply) {
  if (!reply.message.value) return;
  auto value = MutableValue::decode(*reply.message.value);
  if (!value || value->seq < seq_ || (best_ && value->seq <= best_->seq)) return;
  if (verify_mutable(*value, key_)) best_ = std::move(*value);
}

}  // namespace hsfwd::hyperdht
