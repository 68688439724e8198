// SPDX-License-Identifier: Apache-2.0
// A race by itself, of candidates that do what the test says.
#include "hyperdht/peer/path_race.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <span>
#include <vector>

#include "hyperdht/nat/punch_failure.hpp"
#include "sim/host.hpp"

using namespace hsfwd;
using namespace hsfwd::hyperdht;

namespace {

/// What the test's hand on a candidate needs to know of it.
struct Fate {
  bool exists = true;
  bool active = true;
  bool wins_at_once = false;
  bool cancelled = false;
  bool deleted = false;
  bool heard_of_carrier = false;
};

class Candidate final : public PathCandidate {
 public:
  Candidate(PathRace& race, const PeerPath& path, Fate& fate)
      : race_(race), path_(path), fate_(fate) {}
  ~Candidate() override { fate_.deleted = true; }
  bool start() override {
    if (fate_.wins_at_once) race_.won(path_);
    return fate_.exists;
  }
  bool active() const override { return fate_.active; }
  void cancel() override { fate_.cancelled = true; }
  void on_carried() override { fate_.heard_of_carrier = true; }
  void explain(AttemptFailure& failure) const override {
    failure.punch = PunchFailure::kServerAborted;
  }
  void lose() {
    fate_.active = false;
    race_.lost(*this);
  }
  void win() { race_.won(path_); }

 private:
  PathRace& race_;
  const PeerPath path_;
  Fate& fate_;
};

class Carrier final : public PathCarrier {
 public:
  void cancel() override {}
  bool carrying() const override { return true; }
  bool is_from_carrier(const net::UdpSocket&, const net::Address&) const override { return false; }
  void on_leaving() override {}
  void on_remote_changed() override {}
  void on_path_proven() override {}
};

class Race : private PathRace::Owner, private net::UdpObserver {
 public:
  Race()
      : world_(1),
        host_(world_.add_host({0x34000001u})),
        socket_(std::move(*host_.env().udp.bind({{}, 0}, *this))),
        race(host_.env().scheduler, static_cast<PathRace::Owner&>(*this)) {}

  Candidate* enter(Fate& fate, std::uint16_t port = 1) {
    auto candidate =
        std::make_unique<Candidate>(race, PeerPath{*socket_, {{0x34000002u}, port}}, fate);
    Candidate* const entered = candidate.get();
    return race.enter(std::move(candidate)) ? entered : nullptr;
  }
  void carry() {
    race.carried(std::make_unique<Carrier>(), {*socket_, {}, PathKind::kRelayed}, udx::StreamId{7});
  }
  void collect() { host_.env().scheduler.collect(); }

 private:
  void on_path_found(const PeerPath& path) override {
    found.push_back(path.remote.port);
    if (stop_when_found) race.stop();
  }
  void on_carrier_found(std::unique_ptr<PathCarrier> carrier, const PeerPath&,
                        udx::StreamId leg) override {
    carriers.push_back(std::move(carrier));
    CHECK(leg.value == 7);
  }
  bool on_candidate_lost(const PathCandidate&) override {
    ++candidates_lost;
    return begins_anew;
  }
  void on_race_lost() override { ++races_lost; }
  void on_datagrams(net::UdpSocket&, std::span<net::InboundDatagram>) override {}

  sim::World world_;
  sim::Host& host_;
  std::unique_ptr<net::UdpSocket> socket_;

 public:
  bool stop_when_found = true;
  bool begins_anew = false;
  std::vector<std::uint16_t> found;
  std::vector<std::unique_ptr<PathCarrier>> carriers;
  int candidates_lost = 0;
  int races_lost = 0;
  PathRace race;
};

}  // namespace

TEST_CASE("a race is lost when the last of its candidates is") {
  Race race;
  Fate first;
  Fate second;
  Candidate* const one = race.enter(first);
  Candidate* const other = race.enter(second);
  CHECK(race.race.running());
  one->lose();
  CHECK(race.candidates_lost == 1);
  CHECK(race.races_lost == 0);
  other->lose();
  CHECK(race.races_lost == 1);
  CHECK(!race.race.running());
}

TEST_CASE("the first candidate that gets through ends the others of its race") {
  Race race;
  Fate first;
  Fate second;
  race.enter(first, 1);
  Candidate* const other = race.enter(second, 2);
  other->win();
  CHECK(race.found == std::vector<std::uint16_t>{2});
  CHECK((first.cancelled && second.cancelled));
  // Who wins is still running.
  CHECK(!second.deleted);
  race.collect();
  CHECK((first.deleted && second.deleted));
  CHECK(!race.race.running());
}

TEST_CASE("a way that does not exist is not in the race") {
  Race race;
  Fate fate{.exists = false};
  CHECK(race.enter(fate) == nullptr);
  CHECK(!race.race.running());
  CHECK(fate.cancelled);
  AttemptFailure failure{};
  race.race.explain(failure);
  CHECK(!failure.punch);
}

TEST_CASE("a candidate may win while it is being entered in the race") {
  Race race;
  Fate fate{.active = false, .wins_at_once = true};
  CHECK(race.enter(fate, 3) != nullptr);
  CHECK(race.found == std::vector<std::uint16_t>{3});
  race.collect();
  CHECK(fate.deleted);
}

TEST_CASE("a race goes on for a direct path while a relay carries") {
  Race race;
  Fate fate;
  Candidate* const direct = race.enter(fate);
  race.carry();
  CHECK(race.carriers.size() == 1);
  CHECK(fate.heard_of_carrier);
  CHECK(race.races_lost == 0);
  SECTION("and may be won") {
    direct->win();
    CHECK(race.found.size() == 1);
  }
  SECTION("and may be lost") {
    direct->lose();
    CHECK(race.races_lost == 1);
  }
}

TEST_CASE("a relay without company in the race carries for good") {
  Race race;
  race.carry();
  CHECK(race.races_lost == 1);
}

TEST_CASE("an owner that begins anew with a candidate's end has not lost the race") {
  Race race;
  race.begins_anew = true;
  Fate fate;
  race.enter(fate)->lose();
  CHECK(race.candidates_lost == 1);
  CHECK(race.races_lost == 0);
}

TEST_CASE("what the candidates of a race have found out explains its failure") {
  Race race;
  Fate fate;
  race.enter(fate);
  AttemptFailure failure{};
  race.race.explain(failure);
  CHECK(failure.punch == PunchFailure::kServerAborted);
}
