// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/self_test.hpp"

#include <algorithm>

#include "hyperdht/announcer.hpp"
#include "hyperdht/dht.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kFirstWait = 500_ms;  // after an announcement
constexpr Duration kInterval = 60_s;
constexpr Duration kHeardLately = 5_s;
constexpr int kHandshakes = 2;  // a trial
constexpr int kProbeRepeats = 1;  // of each of them
// The answer takes the relay's way to the server and back as well.
constexpr Duration kServerLeg = 1_s;
}  // namespace

SelfTest::SelfTest(Dht& dht, Announcer& announcer, const crypto::PublicKey& server,
                   OnReport on_report)
    : dht_(dht),
      announcer_(announcer),
      server_(server),
      keys_(crypto::KeyPair::generate(dht.env().random)),
      on_report_(std::move(on_report)),
      timer_(dht.env().scheduler, [this] { begin(); }),
      conclude_task_(dht.env().scheduler, [this] { conclude(); }) {}

SelfTest::~SelfTest() = default;

void SelfTest::on_announced() {
  if (running_) return;
  const auto& relays = announcer_.relays();
  const bool untested = std::any_of(relays.begin(), relays.end(), [this](const RelayInfo& relay) {
    return !tested_.contains(relay.relay_address);
  });
  if (untested) {
    timer_.start(kFirstWait);
  } else if (!timer_.armed()) {
    timer_.start(kInterval);
  }
}

void SelfTest::cancel() {
  timer_.stop();
  conclude_task_.cancel();
  running_ = false;
  for (auto& trial : trials_) dht_.env().scheduler.retire(std::move(trial));
  trials_.clear();
  dht_.env().scheduler.retire(std::move(search_));
}

void SelfTest::begin() {
  cancel();
  // Without a network nothing is learnt of relays, and without relays the announcer is at work.
  // Either way nobody gets through, and whatever is announced next is to be tested at once.
  if (!online() || announcer_.relays().empty()) {
    tested_.clear();
    timer_.start(kInterval);
    on_report_({});
    return;
  }
  running_ = true;
  tested_.clear();
  found_.clear();
  open_ = announcer_.relays().size() + 1;
  for (const RelayInfo& relay : announcer_.relays()) {
    tested_.insert(relay.relay_address);
    trials_.push_back(std::make_unique<Trial>());
    trials_.back()->relay = relay.relay_address;
  }
  for (const auto& trial : trials_) try_relay(*trial);
  search_ = std::make_unique<FindPeer>(
      dht_.node(), server_,
      [this](const Address& relay, const PeerRecord&) { found_.insert(relay); },
      [this](std::size_t) { settle(); });
  search_->start();
}

/// A line that is back is heard of before the next tick judges it.
bool SelfTest::online() const {
  rpc::Node& node = dht_.node();
  return node.health().online() || node.calls().heard_since(dht_.env().now() - kHeardLately);
}

void SelfTest::try_relay(Trial& trial) {
  ++trial.handshakes;
  Random& random = dht_.env().random;
  trial.handshake = std::make_unique<noise::Initiator>(
      keys_, server_, name_space_of(Command::kPeerHandshake).view());
  const auto message =
      trial.handshake->write_message1(crypto::KeyPair::generate(random), NoisePayload{}.encode());
  if (!trial.call) {
    trial.call = std::make_unique<rpc::Call>(
        dht_.node().calls(),
        [this, &trial](const rpc::CallResult& result) { on_result(trial, result); });
  }
  rpc::RequestSpec spec;
  spec.to = trial.relay;
  spec.command = static_cast<std::uint64_t>(Command::kPeerHandshake);
  spec.target = target_of_peer(server_);
  spec.value = HandshakeMessage{.mode = Mode::kFromClient, .noise = *message}.encode();
  spec.retries = kProbeRepeats;
  spec.extra_timeout = kServerLeg;
  spec.socket = &dht_.node().client_socket();
  trial.call->start(std::move(spec));
}

void SelfTest::on_result(Trial& trial, const rpc::CallResult& result) {
  trial.passed = result && proves(trial, *result);
  if (!trial.passed && trial.handshakes < kHandshakes) {
    try_relay(trial);
  } else {
    settle();
  }
}

/// Only the server itself can answer so that this opens.
bool SelfTest::proves(Trial& trial, const rpc::Reply& reply) const {
  if (!reply.message.value || reply.from != trial.relay) return false;
  const auto message = HandshakeMessage::decode(*reply.message.value);
  return message && message->mode == Mode::kReply &&
         trial.handshake->read_message2(message->noise).ok();
}

void SelfTest::settle() {
  if (--open_ == 0) conclude_task_.post();
}

void SelfTest::conclude() {
  running_ = false;
  Reachability report;
  for (const auto& trial : trials_) {
    (trial->passed ? report.passed : report.failed).push_back(trial->relay);
    report.found += found_.contains(trial->relay);
  }
  timer_.start(kInterval);
  replace(report);
  on_report_(report);
}

/// When nothing gets through the fault is likelier on this side, where announcing anew may help;
/// only if it did not are the relays given up on.
void SelfTest::replace(const Reachability& report) {
  const bool repeated = std::exchange(all_failed_, report.passed.empty());
  if (report.passed.empty() && !repeated) {
    announcer_.refresh();
    return;
  }
  for (const Address& relay : report.failed) {
    dht_.env().log.info("self-test", "relay {} does not pass handshakes on; replacing it",
                        relay.to_string());
    announcer_.avoid(relay);
  }
  if (report.failed.empty() && report.found == 0) announcer_.refresh();
}

}  // namespace hsfwd::hyperdht
