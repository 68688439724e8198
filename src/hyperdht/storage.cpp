// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/storage.hpp"

#include <algorithm>

namespace hsfwd::hyperdht {

namespace {
constexpr std::size_t kMaxRecords = 65536;
// So that neither an announcement nor a lookup has more than these to go through.
constexpr std::size_t kMaxRecordsOfTarget = 1024;
constexpr std::size_t kMaxValues = 32768;
constexpr Duration kRecordAge = 20_min;
constexpr Duration kValueAge = 48_h;
constexpr std::size_t kMaxPeersPerReply = 20;
constexpr std::size_t kMaxRelayAddresses = 3;
constexpr std::uint64_t kMaxBumpDrift = 60'000;  // ms that a bump may lie in the future
}  // namespace

Storage::Records::Records(Scheduler& scheduler, SeededHash hash)
    : hash_(hash), young_(hash), old_(hash), clock_(scheduler, kRecordAge, [this] {
        old_ = std::move(young_);
        young_ = Generation(hash_);
      }) {}

void Storage::Records::remove(Generation& from, const Key& target, const crypto::PublicKey& key) {
  const auto found = from.sets.find(target);
  if (found == from.sets.end()) return;
  auto& entries = found->second.entries;
  from.size -= std::erase_if(entries, [&](const auto& entry) { return entry.first == key; });
  if (entries.empty()) from.sets.erase(found);
}

void Storage::Records::remove(const Key& target, const crypto::PublicKey& key) {
  remove(young_, target, key);
  remove(old_, target, key);
}

void Storage::Records::add(const Key& target, const crypto::PublicKey& key, Bytes record,
                           Random& random) {
  remove(old_, target, key);
  auto& entries = young_.sets[target].entries;
  const bool known = std::any_of(entries.begin(), entries.end(),
                                 [&](const auto& entry) { return entry.first == key; });
  if (known) return;
  if (entries.size() == kMaxRecordsOfTarget) {
    entries[random.below(kMaxRecordsOfTarget)] = {key, std::move(record)};
    return;
  }
  entries.emplace_back(key, std::move(record));
  if (++young_.size > kMaxRecords) clock_.turn_now();
}

std::vector<Bytes> Storage::Records::sample(const Key& target, std::size_t count,
                                            Random& random) const {
  std::vector<const Bytes*> all;
  for (const Generation* generation : {&young_, &old_}) {
    const auto found = generation->sets.find(target);
    if (found == generation->sets.end()) continue;
    for (const auto& [key, record] : found->second.entries) all.push_back(&record);
  }
  std::vector<Bytes> out;
  while (out.size() < count && !all.empty()) {
    const std::size_t i = random.below(static_cast<std::uint32_t>(all.size()));
    out.push_back(*all[i]);
    all[i] = all.back();
    all.pop_back();
  }
  return out;
}

Storage::Storage(rpc::Node& node, Router& router)
    : node_(node),
      router_(router),
      hash_{node.env().random.u64()},
      records_(node.env().scheduler, hash_),
      bumps_(node.env().scheduler, kMaxRecords, kRecordAge, hash_),
      refreshes_(node.env().scheduler, kMaxRecords, kRecordAge, hash_),
      mutables_(node.env().scheduler, kMaxValues, kValueAge, hash_),
      immutables_(node.env().scheduler, kMaxValues, kValueAge, hash_) {}

bool Storage::on_request(const rpc::IncomingRequest& request) {
  // Every one of these names a target; without one there is nothing to say.
  const bool complete = request.origin.target.has_value();
  switch (static_cast<Command>(request.origin.command)) {
    case Command::kFindPeer:
      if (complete) on_find_peer(request);
      return true;
    case Command::kLookup:
      if (complete) on_lookup(request);
      return true;
    case Command::kAnnounce:
      if (complete && request.token) on_announce(request);
      return true;
    case Command::kUnannounce:
      if (complete && request.token) on_unannounce(request);
      return true;
    case Command::kMutablePut:
      if (complete && request.token && request.value) on_mutable_put(request);
      return true;
    case Command::kMutableGet:
      if (complete && request.value) on_mutable_get(request);
      return true;
    case Command::kImmutablePut:
      if (complete && request.token && request.value) on_immutable_put(request);
      return true;
    case Command::kImmutableGet:
      if (complete) on_immutable_get(request);
      return true;
    case Command::kPlugin:
      return true;  // none is registered here, and an unknown one is answered by silence
    case Command::kPeerHandshake:
    case Command::kPeerHolepunch:
      break;
  }
  return false;
}

void Storage::on_find_peer(const rpc::IncomingRequest& request) {
  const Bytes* record = router_.record_for(*request.origin.target);
  node_.reply(request.origin,
              record != nullptr ? std::optional<ByteView>(*record) : std::nullopt);
}

void Storage::on_lookup(const rpc::IncomingRequest& request) {
  const Key& target = *request.origin.target;
  std::vector<Bytes> records =
      records_.sample(target, kMaxPeersPerReply, node_.env().random);
  const Bytes* self = router_.record_for(target);
  if (self != nullptr && records.size() < kMaxPeersPerReply) records.push_back(*self);
  if (records.empty()) {
    node_.reply(request.origin, std::nullopt);
    return;
  }
  const std::uint64_t* bump = bumps_.get(target);
  node_.reply(request.origin, LookupReply::encode(records, bump != nullptr ? *bump : 0));
}

void Storage::on_announce(const rpc::IncomingRequest& request) {
  if (!request.value || !node_.id()) return;
  const auto decoded = AnnounceMessage::decode(*request.value);
  if (!decoded) return;
  const AnnounceMessage& message = *decoded;
  if (!message.peer) {
    if (message.refresh) on_refresh(*message.refresh, request);
    return;
  }
  const Key& target = *request.origin.target;
  if (!verify_announce(Command::kAnnounce, target, *node_.id(), *request.token, message)) return;

  // The signature covers all addresses as sent; only the first few are kept.
  PeerRecord peer = *message.peer;
  if (peer.relay_addresses.size() > kMaxRelayAddresses) {
    peer.relay_addresses.resize(kMaxRelayAddresses);
  }
  const bool self = target_of_peer(peer.public_key) == target;
  const Bytes record = peer.encode();
  store_announcement(target, peer.public_key, record, self, request.origin.from);
  if (!self) {
    const std::uint64_t* current = bumps_.get(target);
    const std::uint64_t latest = node_.env().wall_clock.unix_millis() + kMaxBumpDrift;
    if (message.bump > (current != nullptr ? *current : 0) && message.bump <= latest) {
      bumps_.set(target, message.bump);
    }
  }
  if (message.refresh) refreshes_.set(*message.refresh, {target, record, self});
  node_.reply(request.origin, std::nullopt, rpc::kBareReply);
}

void Storage::store_announcement(const Key& target, const crypto::PublicKey& key,
                                 const Bytes& record, bool self, const Address& from) {
  if (self) {
    router_.set_forward(target, from, record);
    records_.remove(target, key);
  } else {
    records_.add(target, key, record, node_.env().random);
  }
}

/// Each refresh reveals the preimage of the one before, so that only the announcer can send it.
void Storage::on_refresh(const crypto::Hash32& preimage, const rpc::IncomingRequest& request) {
  const crypto::Hash32 active = crypto::blake2b_256(preimage.view());
  const Refresh* found = refreshes_.get(active);
  if (found == nullptr) return;
  const Refresh refresh = *found;
  store_announcement(refresh.target, crypto::PublicKey::from(refresh.record), refresh.record,
                     refresh.self, request.origin.from);
  refreshes_.erase(active);
  refreshes_.set(preimage, refresh);
  node_.reply(request.origin, std::nullopt, rpc::kBareReply);
}

void Storage::on_unannounce(const rpc::IncomingRequest& request) {
  if (!request.value || !node_.id()) return;
  const auto message = AnnounceMessage::decode(*request.value);
  const Key& target = *request.origin.target;
  if (!message ||
      !verify_announce(Command::kUnannounce, target, *node_.id(), *request.token, *message)) {
    return;
  }
  unannounce(target, message->peer->public_key);
  node_.reply(request.origin, std::nullopt, rpc::kBareReply);
}

void Storage::unannounce(const Key& target, const crypto::PublicKey& key) {
  if (target_of_peer(key) == target) router_.remove_forward(target);
  records_.remove(target, key);
}

void Storage::on_mutable_get(const rpc::IncomingRequest& request) {
  codec::Reader reader(*request.value);
  const std::uint64_t wanted = reader.uint();
  if (!reader.ok()) return;
  const Bytes* value = mutables_.get(*request.origin.target);
  if (value == nullptr || codec::Reader(*value).uint() < wanted) {
    node_.reply(request.origin, std::nullopt);
  } else {
    node_.reply(request.origin, *value);
  }
}

void Storage::on_mutable_put(const rpc::IncomingRequest& request) {
  const auto put = MutablePut::decode(*request.value);
  const Key& target = *request.origin.target;
  if (!put || target_of_peer(put->public_key) != target ||
      !verify_mutable(put->content, put->public_key)) {
    return;
  }
  if (const Bytes* stored = mutables_.get(target)) {
    const auto existing = MutableValue::decode(*stored);
    HSFWD_CHECK(existing.ok());
    if (existing->seq == put->content.seq && existing->value != put->content.value) {
      node_.reply_error(request.origin, kErrorSeqReused);
      return;
    }
    if (put->content.seq < existing->seq) {
      node_.reply_error(request.origin, kErrorSeqTooLow);
      return;
    }
  }
  mutables_.set(target, put->content.encode());
  node_.reply(request.origin, std::nullopt);
}

void Storage::on_immutable_get(const rpc::IncomingRequest& request) {
  const Bytes* value = immutables_.get(*request.origin.target);
  node_.reply(request.origin, value != nullptr ? std::optional<ByteView>(*value) : std::nullopt);
}

void Storage::on_immutable_put(const rpc::IncomingRequest& request) {
  const Key& target = *request.origin.target;
  if (rpc::target_of(crypto::blake2b_256(*request.value)) != target) return;
  immutables_.set(target, to_bytes(*request.value));
  node_.reply(request.origin, std::nullopt);
}

}  // namespace hsfwd::hyperdht
