// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/store/storage.hpp"

#include <algorithm>
#include <optional>

#include "util/metrics.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr std::size_t kMiB = 1024 * 1024;
// Of each generation, and there are two: 40 MiB in all, with the forwards of the router. The nodes
// of the public network hold some hundreds of records each.
constexpr std::size_t kRecordBytes = 4 * kMiB;
constexpr std::size_t kBumpBytes = 1 * kMiB;
constexpr std::size_t kRefreshBytes = 1 * kMiB;
constexpr std::size_t kMutableBytes = 6 * kMiB;
constexpr std::size_t kImmutableBytes = 6 * kMiB;
// So that neither an announcement nor a lookup has more than these to go through.
constexpr std::size_t kMaxRecordsOfTarget = 1024;
// Beyond these of them, a newcomer's host makes room for him itself, and so does its /24.
constexpr std::size_t kRecordsOfHost = kMaxRecordsOfTarget / Shares::kOfHost;
constexpr std::size_t kRecordsOfNetwork = kMaxRecordsOfTarget / Shares::kOfNetwork;
constexpr Duration kRecordAge = 20_min;
constexpr Duration kValueAge = 48_h;
// Nobody sends any by mistake. Each takes 0.1 ms to see through.
constexpr TokenRate kForgeries{.per_second = 2, .capacity = 20};
constexpr std::size_t kForgers = 1024;
constexpr std::size_t kMaxPeersPerReply = 20;
constexpr std::size_t kMaxRelayAddresses = 3;
// Bytes that an answer has room for, beside its header, the id and a token, with no closer nodes. A
// request to store is longer by at least as much, so that all that comes is stored.
constexpr std::size_t kMaxValue = net::kMaxDatagram - 77;
constexpr std::uint64_t kMaxBumpDrift = 60'000;  // ms that a bump may lie in the future
}  // namespace

Storage::Records::Generation::Generation(SeededHash hash) : sets(0, hash), shares(kRecordBytes) {}

Storage::Records::Records(Scheduler& scheduler, SeededHash hash)
    : hash_(hash), young_(hash), old_(hash), clock_(scheduler, kRecordAge, [this] {
        old_ = std::move(young_);
        young_ = Generation(hash_);
      }) {}

void Storage::Records::remove(Generation& from, const Key& target, const crypto::PublicKey& key) {
  const auto found = from.sets.find(target);
  if (found == from.sets.end()) return;
  RecordSet& records = found->second;
  const auto record = std::find_if(records.begin(), records.end(),
                                   [&](const Record& other) { return other.key == key; });
  if (record == records.end()) return;
  from.shares.give_back(record->owner, record->cost());
  --from.size;
  records.erase(record);
  if (records.empty()) from.sets.erase(found);
}

void Storage::Records::remove(const Key& target, const crypto::PublicKey& key) {
  remove(young_, target, key);
  remove(old_, target, key);
}

bool Storage::Records::add(const Key& target, Record record, Random& random) {
  const auto found = young_.sets.find(target);
  if (found != young_.sets.end()) {
    RecordSet& records = found->second;
    const bool known = std::any_of(records.begin(), records.end(),
                                   [&](const Record& other) { return other.key == record.key; });
    if (known) return true;
  }
  if (!young_.shares.take(record.owner, record.cost())) return false;
  remove(old_, target, record.key);
  RecordSet& records = young_.sets[target];
  if (records.size() == kMaxRecordsOfTarget) {
    Record& place = make_room(records, record.owner, random);
    young_.shares.give_back(place.owner, place.cost());
    place = std::move(record);
    return true;
  }
  records.push_back(std::move(record));
  ++young_.size;
  if (young_.shares.full()) clock_.turn_now();
  return true;
}

Storage::Record& Storage::Records::make_room(RecordSet& records, net::Ipv4 newcomer,
                                             Random& random) {
  std::vector<Record*> of_host;
  std::vector<Record*> of_network;
  for (Record& record : records) {
    if (record.owner == newcomer) of_host.push_back(&record);
    if (record.owner.value >> 8 == newcomer.value >> 8) of_network.push_back(&record);
  }
  const auto any = [&](auto count) { return random.below(static_cast<std::uint32_t>(count)); };
  if (of_host.size() >= kRecordsOfHost) return *of_host[any(of_host.size())];
  if (of_network.size() >= kRecordsOfNetwork) return *of_network[any(of_network.size())];
  return records[any(records.size())];
}

std::vector<Bytes> Storage::Records::sample(const Key& target, std::size_t count,
                                            Random& random) const {
  std::vector<const Bytes*> all;
  for (const Generation* generation : {&young_, &old_}) {
    const auto found = generation->sets.find(target);
    if (found == generation->sets.end()) continue;
    for (const Record& record : found->second) all.push_back(&record.bytes);
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
      forgeries_(kForgeries, kForgers, node.env().random.u64()),
      records_(node.env().scheduler, hash_),
      bumps_(node.env().scheduler, kBumpBytes, kRecordAge, hash_),
      refreshes_(node.env().scheduler, kRefreshBytes, kRecordAge, hash_),
      mutables_(node.env().scheduler, kMutableBytes, kValueAge, hash_),
      immutables_(node.env().scheduler, kImmutableBytes, kValueAge, hash_) {}

bool Storage::on_request(const rpc::IncomingRequest& request) {
  // Every one of these names a target; without one there is nothing to say.
  const bool complete = request.origin.target.has_value();
  switch (request.origin.command.as<Command>()) {
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

/// Looks at no more signatures of who has sent a number of wrong ones lately. His token shows that
/// it is him.
template <class Verify>
bool Storage::is_signed(const rpc::IncomingRequest& request, Verify&& verify) {
  const std::uint64_t host = request.origin.from.host.value;
  const Instant now = node_.env().now();
  if (forgeries_.level(host, now) < 1) return false;
  if (verify()) return true;
  forgeries_.take(host, now, 1);
  return false;
}

std::size_t Storage::bytes() const {
  return records_.bytes() + bumps_.bytes() + refreshes_.bytes() + mutables_.bytes() +
         immutables_.bytes() + router_.forward_bytes();
}

void Storage::on_find_peer(const rpc::IncomingRequest& request) {
  const Bytes* record = router_.record_for(*request.origin.target);
  node_.answer(request, record != nullptr ? std::optional<ByteView>(*record) : std::nullopt);
}

void Storage::on_lookup(const rpc::IncomingRequest& request) {
  const Key& target = *request.origin.target;
  std::vector<Bytes> records = records_.sample(target, kMaxPeersPerReply, node_.env().random);
  const Bytes* self = router_.record_for(target);
  if (self != nullptr && records.size() < kMaxPeersPerReply) records.push_back(*self);
  if (records.empty()) {
    node_.reply(request.origin, std::nullopt);
    return;
  }
  const std::uint64_t* bump = bumps_.get(target);
  node_.answer(request, LookupReply::encode(records, bump != nullptr ? *bump : 0));
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
  if (!is_signed(request, [&] {
        return verify_announce(Command::kAnnounce, target, *node_.id(), *request.token, message);
      })) {
    return;
  }

  // The signature covers all addresses as sent; only the first few are kept.
  PeerRecord peer = *message.peer;
  if (peer.relay_addresses.size() > kMaxRelayAddresses) {
    peer.relay_addresses.resize(kMaxRelayAddresses);
  }
  const bool self = target_of_peer(peer.public_key) == target;
  const Bytes record = peer.encode();
  const Address& from = request.origin.from;
  if (!store_announcement(target, peer.public_key, record, self, from)) {
    node_.reply_error(request.origin, kErrorNotStored, rpc::kBareReply);
    return;
  }
  if (!self) {
    const std::uint64_t* current = bumps_.get(target);
    const std::uint64_t latest = node_.env().wall_clock.unix_millis() + kMaxBumpDrift;
    if (message.bump > (current != nullptr ? *current : 0) && message.bump <= latest) {
      bumps_.set(target, message.bump, from.host, 0);
    }
  }
  if (message.refresh) {
    refreshes_.set(*message.refresh, {target, record, self}, from.host, record.size());
  }
  node_.reply(request.origin, std::nullopt, rpc::kBareReply);
}

bool Storage::store_announcement(const Key& target, const crypto::PublicKey& key,
                                 const Bytes& record, bool self, const Address& from) {
  if (self) {
    if (!router_.set_forward(target, from, record)) return false;
    records_.remove(target, key);
    return true;
  }
  return records_.add(target, {key, record, from.host}, node_.env().random);
}

/// Each refresh reveals the preimage of the one before, so that only the announcer can send it.
void Storage::on_refresh(const crypto::Hash32& preimage, const rpc::IncomingRequest& request) {
  const crypto::Hash32 active = crypto::blake2b_256(preimage.view());
  const Refresh* found = refreshes_.get(active);
  if (found == nullptr) return;
  const Refresh refresh = *found;
  const Address& from = request.origin.from;
  if (!store_announcement(refresh.target, crypto::PublicKey::from(refresh.record), refresh.record,
                          refresh.self, from)) {
    node_.reply_error(request.origin, kErrorNotStored, rpc::kBareReply);
    return;
  }
  refreshes_.erase(active);
  refreshes_.set(preimage, refresh, from.host, refresh.record.size());
  node_.reply(request.origin, std::nullopt, rpc::kBareReply);
}

void Storage::on_unannounce(const rpc::IncomingRequest& request) {
  if (!request.value || !node_.id()) return;
  const auto message = AnnounceMessage::decode(*request.value);
  const Key& target = *request.origin.target;
  if (!message || !is_signed(request, [&] {
        return verify_announce(Command::kUnannounce, target, *node_.id(), *request.token, *message);
      })) {
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
    node_.answer(request, *value);
  }
}

void Storage::on_mutable_put(const rpc::IncomingRequest& request) {
  const auto put = MutablePut::decode(*request.value);
  const Key& target = *request.origin.target;
  if (!put || target_of_peer(put->public_key) != target ||
      !is_signed(request, [&] { return verify_mutable(put->content, put->public_key); })) {
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
  store_value(mutables_, request, put->content.encode());
}

void Storage::on_immutable_get(const rpc::IncomingRequest& request) {
  const Bytes* value = immutables_.get(*request.origin.target);
  node_.answer(request, value != nullptr ? std::optional<ByteView>(*value) : std::nullopt);
}

void Storage::on_immutable_put(const rpc::IncomingRequest& request) {
  const Key& target = *request.origin.target;
  if (rpc::target_of(crypto::blake2b_256(*request.value)) != target) return;
  store_value(immutables_, request, to_bytes(*request.value));
}

void Storage::store_value(Values& values, const rpc::IncomingRequest& request, Bytes value) {
  const std::size_t size = value.size();
  const bool stored = size <= kMaxValue && values.set(*request.origin.target, std::move(value),
                                                      request.origin.from.host, size);
  if (stored) {
    node_.reply(request.origin, std::nullopt);
  } else {
    node_.reply_error(request.origin, kErrorNotStored, rpc::kBareReply);
  }
}

void Storage::collect(MetricSink& sink) const {
  sink.gauge("hsfwd_store_values", "Values kept for others", values());
  sink.gauge("hsfwd_store_records", "Announcements kept for others", records());
  sink.gauge("hsfwd_store_bytes", "What all of that takes", bytes());
}

}  // namespace hsfwd::hyperdht
