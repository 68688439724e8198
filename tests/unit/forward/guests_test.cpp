// SPDX-License-Identifier: Apache-2.0
// Peers that are connected and want no service.
#include "forward/guests.hpp"

#include <catch2/catch.hpp>
#include <deque>

#include "streams.hpp"

using namespace hsfwd;
using namespace hsfwd::forward;

namespace {

struct Hostel {
  Script& add() {
    Script& script = scripts.emplace_back();
    guests.add(std::make_unique<ScriptedPeer>(script));
    return script;
  }
  void run() { scheduler.run_posted(); }

  std::deque<Script> scripts;
  Scheduler scheduler;
  Guests guests{scheduler};
};

}  // namespace

TEST_CASE("a guest may stay and is not listened to") {
  Hostel hostel;
  Script& guest = hostel.add();
  guest.arrive(Bytes(5000));
  CHECK(guest.read == 5000);
  CHECK(guest.incoming.empty());
  hostel.run();
  CHECK(hostel.guests.count() == 1);
  CHECK(!guest.ended);
  CHECK(!guest.was_reset);
}

TEST_CASE("a guest that leaves is seen out in order") {
  Hostel hostel;
  Script& guest = hostel.add();
  guest.flushed = false;
  guest.arrive(Bytes(10));
  guest.arrive_end();
  CHECK(guest.read == 10);
  CHECK(guest.ended);
  CHECK(hostel.guests.count() == 1);
  guest.observer->on_writable();  // may come without reason
  CHECK(hostel.guests.count() == 1);
  guest.flushed = true;
  guest.observer->on_writable();
  CHECK(hostel.guests.count() == 0);
  CHECK(guest.observer == nullptr);
  CHECK(!guest.was_reset);

  Script& quick = hostel.add();
  quick.arrive_end();
  CHECK(hostel.guests.count() == 0);
}

TEST_CASE("a guest that has room before it leaves stays") {
  Hostel hostel;
  Script& guest = hostel.add();
  guest.make_room(10);
  CHECK(hostel.guests.count() == 1);
}

TEST_CASE("a guest that is lost is forgotten and no other") {
  Hostel hostel;
  hostel.add();
  Script& lost = hostel.add();
  Script& last = hostel.add();
  lost.observer->on_reset("gone");
  CHECK(hostel.guests.count() == 2);
  CHECK(lost.observer == nullptr);
  CHECK(last.observer != nullptr);
}

TEST_CASE("the guest that has been there for longest makes room for one too many") {
  Hostel hostel;
  for (std::size_t i = 0; i < Guests::kMax; ++i) hostel.add();
  hostel.scripts[1].arrive_end();  // the second leaves by itself
  CHECK(hostel.guests.count() == Guests::kMax - 1);
  hostel.add();
  CHECK(hostel.guests.count() == Guests::kMax);
  CHECK(!hostel.scripts[0].was_reset);
  hostel.add();
  CHECK(hostel.guests.count() == Guests::kMax);
  CHECK(hostel.scripts[0].was_reset);
  hostel.add();
  CHECK(hostel.scripts[2].was_reset);
  CHECK(!hostel.scripts[3].was_reset);
}

TEST_CASE("a guest holds its ticket as long as it stays") {
  Admission admission;
  Hostel hostel;
  Script script;
  hostel.guests.add(std::make_unique<ScriptedPeer>(script), std::move(*admission.admit({})));
  CHECK(admission.connections() == 1);
  script.arrive_end();
  hostel.run();
  CHECK(admission.connections() == 0);
}

TEST_CASE("guests whose house is gone are told nothing") {
  Script script;
  {
    Hostel hostel;
    hostel.guests.add(std::make_unique<ScriptedPeer>(script));
    REQUIRE(script.observer != nullptr);
  }
  CHECK(script.observer == nullptr);
}
