// SPDX-License-Identifier: Apache-2.0
// What a persistent node keeps for others: announcements, and mutable and immutable values. Requests
// that are incomplete or do not verify get no answer.
#pragma once

#include <vector>

#include "hyperdht/generation_cache.hpp"
#include "hyperdht/router.hpp"
#include "hyperdht/signatures.hpp"

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
  /// Announced under targets that are not the announcers' own.
  std::size_t records() const { return records_.size(); }

 private:
  using Key = rpc::Target;
  struct RecordSet {
    std::vector<std::pair<crypto::PublicKey, Bytes>> entries;
  };
  /// Records of a target by public key, in two generations as the other caches. Reading does not
  /// make them younger, and one that is announced again while it is young stays as it is. Where a
  /// target has too many, a newcomer takes the place of any.
  class Records {
   public:
    Records(Scheduler& scheduler, SeededHash hash);
    void add(const Key& target, const crypto::PublicKey& key, Bytes record, Random& random);
    void remove(const Key& target, const crypto::PublicKey& key);
    /// Up to `count`, drawn at random.
    std::vector<Bytes> sample(const Key& target, std::size_t count, Random& random) const;
    std::size_t size() const { return young_.size + old_.size; }

   private:
    struct Generation {
      explicit Generation(SeededHash hash) : sets(0, hash) {}
      std::unordered_map<Key, RecordSet, SeededHash> sets;
      std::size_t size = 0;
    };
    static void remove(Generation& from, const Key& target, const crypto::PublicKey& key);

    SeededHash hash_;
    Generation young_;
    Generation old_;
    GenerationClock clock_;
  };
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
  void on_mutable_get(const rpc::IncomingRequest& request);
  void on_mutable_put(const rpc::IncomingRequest& request);
  void on_immutable_get(const rpc::IncomingRequest& request);
  void on_immutable_put(const rpc::IncomingRequest& request);

  void store_announcement(const Key& target, const crypto::PublicKey& key, const Bytes& record,
                          bool self, const Address& from);

  rpc::Node& node_;
  Router& router_;
  SeededHash hash_;
  Records records_;
  GenerationCache<Key, std::uint64_t, SeededHash> bumps_;
  GenerationCache<crypto::Hash32, Refresh, SeededHash> refreshes_;
  GenerationCache<Key, Bytes, SeededHash> mutables_;
  GenerationCache<Key, Bytes, SeededHash> immutables_;
};

}  // namespace hsfwd::hyperdht
