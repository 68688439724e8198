// SPDX-License-Identifier: Apache-2.0
// What clients do with the DHT besides connecting: look up and announce topics, read and write
// values. Each operation is a query that belongs to its object; destroying it cancels it. Callbacks
// may not delete the operation, only retire it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "hyperdht/wire/messages.hpp"
#include "rpc/node.hpp"

namespace hsfwd::hyperdht {

enum class OperationError {
  kNotFound,   // nobody has it
  kNoNodes,    // nobody to store it
  kNotStored,  // no node took it
  kSeqReused,  // that number has another value already
  kSeqTooLow,  // a newer value is stored
};
const char* to_string(OperationError error);

/// The records of a peer's relays, as they come in.
class FindPeer {
 public:
  using OnRecord = std::function<void(const Address& relay, const PeerRecord& record)>;
  using OnDone = std::function<void(std::size_t records)>;

  FindPeer(rpc::Node& node, const crypto::PublicKey& peer, OnRecord on_record, OnDone on_done);
  void start() { query_.start(); }
  void cancel() { query_.cancel(); }
  const rpc::Query& query() const { return query_; }

 private:
  OnRecord on_record_;
  OnDone on_done_;
  std::size_t records_ = 0;
  rpc::Query query_;
};

/// The peers announced on a topic, as they come in; the same peer may come several times.
class LookupTopic {
 public:
  using OnReply = std::function<void(const LookupReply&)>;
  using OnDone = std::function<void()>;

  LookupTopic(rpc::Node& node, const rpc::Target& topic, OnReply on_reply, OnDone on_done);
  void start() { query_.start(); }

 private:
  OnReply on_reply_;
  OnDone on_done_;
  rpc::Query query_;
};

/// Announces a key on a topic, or takes it back, at the nodes closest to the topic.
class AnnounceTopic {
 public:
  using OnDone = std::function<void(Result<void, OperationError>)>;

  /// `command` is kAnnounce or kUnannounce. `bump`: Unix ms, 0 for none.
  AnnounceTopic(rpc::Node& node, Command command, const rpc::Target& topic,
                const crypto::KeyPair& keys, std::vector<Address> relay_addresses,
                std::uint64_t bump, OnDone on_done);
  void start() { query_.start(); }

 private:
  std::optional<rpc::RequestSpec> commit(const rpc::ClosestReply& reply) const;

  Command command_;
  rpc::Target topic_;
  crypto::KeyPair keys_;
  std::vector<Address> relay_addresses_;
  std::uint64_t bump_;
  OnDone on_done_;
  rpc::Query query_;
};

class PutImmutable {
 public:
  using OnDone = std::function<void(Result<rpc::Target, OperationError>)>;

  PutImmutable(rpc::Node& node, Bytes value, OnDone on_done);
  void start() { query_.start(); }
  const rpc::Target& target() const { return target_; }

 private:
  Bytes value_;
  rpc::Target target_;
  OnDone on_done_;
  rpc::Query query_;
};

class GetImmutable {
 public:
  using OnDone = std::function<void(Result<Bytes, OperationError>)>;

  GetImmutable(rpc::Node& node, const rpc::Target& target, OnDone on_done);
  void start() { query_.start(); }

 private:
  void on_reply(const rpc::Reply& reply);

  rpc::Target target_;
  OnDone on_done_;
  bool told_ = false;
  rpc::Query query_;
};

class PutMutable {
 public:
  using OnDone = std::function<void(Result<void, OperationError>)>;

  PutMutable(rpc::Node& node, const crypto::KeyPair& keys, std::uint64_t seq, Bytes value,
             OnDone on_done);
  void start() { query_.start(); }
  void cancel() { query_.cancel(); }

 private:
  Bytes request_;
  rpc::Target target_;
  OnDone on_done_;
  rpc::Query query_;
};

/// The newest value of a key that verifies, of at least `seq`.
class GetMutable {
 public:
  using OnDone = std::function<void(Result<MutableValue, OperationError>)>;

  GetMutable(rpc::Node& node, const crypto::PublicKey& key, std::uint64_t seq, OnDone on_done);
  void start() { query_.start(); }
  void cancel() { query_.cancel(); }

 private:
  void on_reply(const rpc::Reply& reply);

  crypto::PublicKey key_;
  std::uint64_t seq_;
  OnDone on_done_;
  std::optional<MutableValue> best_;
  rpc::Query query_;
};

}  // namespace hsfwd::hyperdht
