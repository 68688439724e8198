// SPDX-License-Identifier: Apache-2.0
// What a persistent node keeps for others: announcements, and mutable and immutable values. Requests
// that are incomplete or do not verify get no answer.
#pragma once

#include <unordered_map>
#include <vector>

#include "hyperdht/store/generation_cache.hpp"
#include "hyperdht/store/router.hpp"
#include "hyperdht/wire/signatures.hpp"

namespace hsfwd {
class MetricSink;
}

namespace hsfwd::hyperdht {

class Storage {
 public:
  /// To be offered requests only while `node` is persistent.
  Storage(rpc::Node& node, Router& router);

  /// True for the commands of storing nodes; the request is dealt with then.
  bool on_request(const rpc::IncomingRequest& request);

  /// Forgets an announcement of an identity of this node.
  void unannounce(const rpc::Target& target, const crypto::PublicKey& key);

  std::size_t values() const { return mutables_.size() + immutables_.size(); }
  /// Of everything, as it is counted against the limits.
  std::size_t bytes() const;
  /// Announced under targets that are not the announcers' own.
  std::size_t records() const { return records_.size(); }
  void collect(MetricSink& sink) const;

 private:
  using Key = rpc::Target;
  struct Record {
    crypto::PublicKey key;
    Bytes bytes;
    net::Ipv4 owner;

    std::size_t cost() const { return sizeof(Record) + bytes.size() + kEntryOverhead; }
  };
  /// Records of a target by public key, in two generations as the other caches. Reading does not
  /// make them younger, and one that is announced again while it is young stays as it is. Where a
  /// target has too many, a newcomer takes the place of any, or of one of his own host if that has
  /// many of them.
  class Records {
   public:
    Records(Scheduler& scheduler, SeededHash hash);
    /// False if the host has its share already.
    bool add(const Key& target, Record record, Random& random);
    void remove(const Key& target, const crypto::PublicKey& key);
    /// Up to `count`, drawn at random.
    std::vector<Bytes> sample(const Key& target, std::size_t count, Random& random) const;
    std::size_t size() const { return young_.size + old_.size; }
    std::size_t bytes() const { return young_.shares.used() + old_.shares.used(); }

   private:
    using RecordSet = std::vector<Record>;
    struct Generation {
      explicit Generation(SeededHash hash);
      std::unordered_map<Key, RecordSet, SeededHash> sets;
      Shares shares;
      std::size_t size = 0;
    };
    static void remove(Generation& from, const Key& target, const crypto::PublicKey& key);
    static Record& make_room(RecordSet& records, net::Ipv4 newcomer, Random& random);

    SeededHash hash_;
    Generation young_;
    Generation old_;
    GenerationClock clock_;
  };
  using Values = GenerationCache<Key, Bytes, SeededHash>;
  struct Refresh {
    Key target;
    Bytes record;
    bool self = false;
  };

  void on_find_peer(const rpc::IncomingRequest& request);
  void on_lookup(const rpc::IncomingRequest& request);
  void on_announce(const rpc::IncomingRequest& request);
  void on_refresh(const crypto::Hash32& preimage, const rpc::IncomingRequest& request);
  void on_unannounce(const rpc::IncomingRequest& request);
  template <class Verify>
  bool is_signed(const rpc::IncomingRequest& request, Verify&& verify);
  void on_mutable_get(const rpc::IncomingRequest& request);
  void on_mutable_put(const rpc::IncomingRequest& request);
  void on_immutable_get(const rpc::IncomingRequest& request);
  void on_immutable_put(const rpc::IncomingRequest& request);

  bool store_announcement(const Key& target, const crypto::PublicKey& key, const Bytes& record,
                          bool self, const Address& from);
  void store_value(Values& values, const rpc::IncomingRequest& request, Bytes value);

  rpc::Node& node_;
  Router& router_;
  SeededHash hash_;
  TokenBuckets forgeries_;  // by host: wrong signatures
  Records records_;
  GenerationCache<Key, std::uint64_t, SeededHash> bumps_;
  GenerationCache<crypto::Hash32, Refresh, SeededHash> refreshes_;
  Values mutables_;
  Values immutables_;
};

}  // namespace hsfwd::hyperdht
