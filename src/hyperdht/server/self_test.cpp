// SPDX-License-Identifier: Apache-2.0
#include "hyperdht/server/self_test.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "hyperdht/nat/context.hpp"
#include "hyperdht/server/announcer.hpp"

namespace hsfwd::hyperdht {

namespace {
constexpr Duration kFirstWait = 500_ms;  // after an announcement
constexpr Duration kInterval = 40_s;
// Another program is heard of again within this, or not there any more.
constexpr Duration kAgain = 10_s;
constexpr Duration kGone = 2_min;
// A test that comes later than this is a recording.
constexpr std::uint64_t kMaxTestAge = 60'000'000;  // microseconds
constexpr std::size_t kMaxStrangeRelays = 3;       // a round
constexpr Duration kHeardLately = 5_s;
constexpr int kHandshakes = 2;    // a trial
constexpr int kProbeRepeats = 1;  // of each of them
// The answer takes the relay's way to the server and back as well.
constexpr Duration kServerLeg = 1_s;
}  // namespace

SelfTest::SelfTest(const Context& context, Announcer& announcer, const crypto::KeyPair& server,
                   OnReport on_report)
    : context_(context),
      announcer_(announcer),
      keys_(server),
      first_stamp_(context.stamps.next()),
      on_report_(std::move(on_report)),
      timer_(context.env.scheduler, [this] { begin(); }),
      conclude_task_(context.env.scheduler, [this] { conclude(); }) {}

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
  for (auto& trial : trials_) context_.env.scheduler.retire(std::move(trial));
  trials_.clear();
  context_.env.scheduler.retire(std::move(search_));
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
  std::erase_if(sent_, [this](std::uint64_t stamp) { return is_old(stamp); });
  open_ = announcer_.relays().size() + 1;
  for (const RelayInfo& relay : announcer_.relays()) {
    tested_.insert(relay.relay_address);
    add_trial(relay.relay_address, true);
  }
  for (const auto& trial : trials_) try_relay(*trial);
  search_ = std::make_unique<FindPeer>(
      context_.node, keys_.public_key,
      [this](const Address& relay, const PeerRecord&) { found_.insert(relay); },
      [this](std::size_t) { on_searched(); });
  search_->start();
}

void SelfTest::add_trial(const Address& relay, bool own) {
  trials_.push_back(std::make_unique<Trial>());
  trials_.back()->relay = relay;
  trials_.back()->own_relay = own;
}

/// Others that store the key lead to somebody, too.
void SelfTest::on_searched() {
  std::size_t strange = 0;
  for (const Address& relay : found_) {
    if (tested_.contains(relay) || announcer_.is_relay(relay)) continue;
    if (++strange > kMaxStrangeRelays) break;
    ++open_;
    add_trial(relay, false);
    try_relay(*trials_.back());
  }
  settle();
}

/// A line that is back is heard of before the next tick judges it.
bool SelfTest::online() const {
  rpc::Node& node = context_.node;
  return node.health().online() || node.calls().heard_since(context_.env.now() - kHeardLately);
}

void SelfTest::try_relay(Trial& trial) {
  Random& random = context_.env.random;
  trial.handshake = std::make_unique<noise::Initiator>(
      keys_, keys_.public_key, name_space_of(Command::kPeerHandshake).view());
  NoisePayload payload;
  payload.extension = Extension{.features = Extension::kNoService | Extension::kSelfTest,
                                .service = {},
                                .services = {},
                                .stamp = context_.stamps.next()};
  trial.stamps.insert(*payload.extension->stamp);
  sent_.insert(*payload.extension->stamp);
  const auto message =
      trial.handshake->write_message1(crypto::KeyPair::generate(random), payload.encode());
  if (!trial.call) {
    trial.call = std::make_unique<rpc::Call>(
        context_.node.calls(),
        [this, &trial](const rpc::CallResult& result) { on_result(trial, result); });
  }
  rpc::RequestSpec spec;
  spec.to = trial.relay;
  spec.command = Command::kPeerHandshake;
  spec.target = target_of_peer(keys_.public_key);
  spec.value = HandshakeMessage{.mode = Mode::kFromClient, .noise = *message}.encode();
  spec.retries = kProbeRepeats;
  spec.extra_timeout = kServerLeg;
  spec.socket = &context_.node.client_socket();
  trial.call->start(std::move(spec));
}

void SelfTest::on_result(Trial& trial, const rpc::CallResult& result) {
  trial.passed = result && proves(trial, *result);
  if (!trial.passed && trial.stamps.size() < kHandshakes) {
    try_relay(trial);
  } else {
    settle();
  }
}

bool SelfTest::is_test(const crypto::PublicKey& visitor, const NoisePayload& payload) {
  const auto& extension = payload.extension;
  if (visitor != keys_.public_key || !extension || !extension->stamp ||
      (extension->features & Extension::kSelfTest) == 0) {
    return false;
  }
  const std::uint64_t stamp = *extension->stamp;
  for (const auto& trial : trials_) {
    if (!trial->stamps.contains(stamp)) continue;
    trial->arrived = true;
    return true;
  }
  // A relay can keep tests and play them again: those of this program, and of one that ran before.
  if (stamp >= first_stamp_ && !is_old(stamp) && !sent_.contains(stamp))
    note_other("tests whether it can be reached");
  return true;
}

bool SelfTest::is_old(std::uint64_t stamp) const {
  return stamp + kMaxTestAge < context_.stamps.next();
}

void SelfTest::note_other(const std::string& how) {
  const Instant now = context_.env.now();
  const bool before = shared();
  if (!before) context_.env.log.info("self-test", "another program with this identity {}", how);
  if (!other_at_ || now - *other_at_ > kGone) other_since_ = now;
  other_at_ = now;
  if (!before && shared() && !running_) timer_.start(Duration());  // to report it
}

bool SelfTest::shared() const {
  return other_at_ && context_.env.now() - *other_at_ <= kGone &&
         *other_at_ - other_since_ >= kAgain / 2;
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
    const bool elsewhere = trial->passed && !trial->arrived;
    if (elsewhere) report.elsewhere.push_back(trial->relay);
    if (!trial->own_relay) continue;
    if (!elsewhere) (trial->passed ? report.passed : report.failed).push_back(trial->relay);
    report.found += found_.contains(trial->relay);
  }
  if (!report.elsewhere.empty()) {
    note_other(fmt::format("answers through introducer {}", report.elsewhere.front().to_string()));
  }
  report.shared = shared();
  timer_.start(report.elsewhere.empty() || report.shared ? kInterval : kAgain);
  replace(report);
  on_report_(report);
}

/// When nothing gets through the fault is likelier on this side, where announcing anew may help;
/// only if it did not are the relays given up on. One that leads to another program does its work.
void SelfTest::replace(const Reachability& report) {
  const bool none = report.passed.empty() && report.elsewhere.empty();
  const bool repeated = std::exchange(all_failed_, none);
  if (none && !repeated) {
    announcer_.refresh();
    return;
  }
  for (const Address& relay : report.failed) {
    context_.env.log.info("self-test", "introducer {} does not pass handshakes on; replacing it",
                          relay.to_string());
    announcer_.avoid(relay);
  }
  if (report.failed.empty() && report.found == 0) announcer_.refresh();
}

}  // namespace hsfwd::hyperdht
