// SPDX-License-Identifier: Apache-2.0
#include "rpc/bootstrap.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

using namespace hsfwd;
using namespace hsfwd::rpc;

namespace {

const net::Address kFirst{net::Ipv4::of(52, 0, 0, 1), 49737};
const net::Address kSecond{net::Ipv4::of(52, 0, 0, 2), 49737};

/// Writes down what is begun, a letter each: a query, a pong, a check; looked, first look.
class Script final : public BootstrapHost {
 public:
  void find_neighbours() override { begun_ += 'q'; }
  void ask_for_pong(const net::Address& node) override {
    begun_ += 'p';
    asked = node;
  }
  void check_reachability() override { begun_ += 'c'; }
  std::uint64_t responses() const override { return responses_; }
  bool firewalled() const override { return firewalled_; }
  void on_looked() override { begun_ += 'l'; }
  void on_first_look() override { begun_ += 'F'; }

  /// Since the last call.
  std::string begun() { return std::exchange(begun_, {}); }
  void answer() { ++responses_; }
  void set_firewalled(bool firewalled) { firewalled_ = firewalled; }

  net::Address asked;

 private:
  std::string begun_;
  std::uint64_t responses_ = 7;
  bool firewalled_ = true;
};

struct Run {
  explicit Run(BootstrapOptions options = {}) : bootstrap(scheduler, options, host) {}

  void reply(const net::Address& from = kFirst) {
    host.answer();
    bootstrap.on_reply(from);
  }
  /// Until the first look is over, with a pong that does not come.
  void look_in_vain() {
    bootstrap.start();
    reply();
    bootstrap.on_pong(false);
    bootstrap.on_query_done();
    REQUIRE(host.begun() == "qplF");
    REQUIRE(bootstrap.state() == Bootstrap::State::kDone);
  }
  void doubt() {
    bootstrap.look_again();
    scheduler.run_posted();
  }

  Scheduler scheduler;
  Script host;
  Bootstrap bootstrap;
};

}  // namespace

TEST_CASE("a first look ends with the query where no pong came to the server socket") {
  Run run;
  CHECK(run.bootstrap.state() == Bootstrap::State::kIdle);
  run.bootstrap.start();
  CHECK(run.bootstrap.state() == Bootstrap::State::kAsking);
  CHECK(run.host.begun() == "q");
  run.reply(kFirst);
  run.reply(kSecond);
  CHECK(run.host.begun() == "p");
  CHECK(run.host.asked == kFirst);
  CHECK(!run.bootstrap.bootstrapped());

  SECTION("it did not in time") {
    run.bootstrap.on_pong(false);
    run.bootstrap.on_query_done();
  }
  SECTION("it is not waited for") {
    run.bootstrap.on_query_done();
  }
  CHECK(run.bootstrap.state() == Bootstrap::State::kDone);
  CHECK(run.bootstrap.bootstrapped());
  CHECK(run.host.begun() == "lF");
}

TEST_CASE("a pong makes the check worthwhile, and a changed id a second query") {
  Run run;
  run.bootstrap.start();
  run.reply();
  run.bootstrap.on_pong(true);
  CHECK(run.host.begun() == "qp");
  run.bootstrap.on_query_done();
  CHECK(run.bootstrap.state() == Bootstrap::State::kChecking);
  CHECK(run.host.begun() == "c");

  SECTION("it passes") {
    run.host.set_firewalled(false);
    run.bootstrap.on_checked(true);
    CHECK(run.bootstrap.state() == Bootstrap::State::kAskingAgain);
    run.reply(kSecond);
    CHECK(run.host.begun() == "q");
    CHECK(!run.bootstrap.bootstrapped());
    run.bootstrap.on_query_done();
  }
  SECTION("it fails") {
    run.bootstrap.on_checked(false);
  }
  CHECK(run.bootstrap.state() == Bootstrap::State::kDone);
  CHECK(run.host.begun() == "lF");
}

TEST_CASE("who is told to be a member, or knows to be open, asks nobody for a pong") {
  SECTION("a member is checked all the same, once") {
    Run run({.always_check = true});
    run.bootstrap.start();
    run.reply();
    run.bootstrap.on_query_done();
    CHECK(run.host.begun() == "qc");
    run.bootstrap.on_checked(true);
    run.reply();
    run.bootstrap.on_query_done();
    CHECK(run.host.begun() == "qlF");
  }
  SECTION("open") {
    Run run;
    run.host.set_firewalled(false);
    run.bootstrap.start();
    run.reply();
    run.bootstrap.on_query_done();
    CHECK(run.host.begun() == "qlF");
  }
  SECTION("switched off") {
    Run run({.quick_check = false});
    run.bootstrap.start();
    run.reply();
    run.bootstrap.on_query_done();
    CHECK(run.host.begun() == "qlF");
  }
}

TEST_CASE("a later look waits for the pong, and has no second query") {
  Run run;
  run.look_in_vain();
  run.doubt();
  CHECK(run.bootstrap.bootstrapped());
  run.reply();
  CHECK(run.host.begun() == "qp");
  run.bootstrap.on_query_done();
  CHECK(run.bootstrap.state() == Bootstrap::State::kAwaitingPong);
  CHECK(run.host.begun().empty());

  SECTION("it comes") {
    run.bootstrap.on_pong(true);
    CHECK(run.bootstrap.state() == Bootstrap::State::kChecking);
    run.bootstrap.on_checked(true);
    CHECK(run.host.begun() == "cl");
  }
  SECTION("it does not") {
    run.bootstrap.on_pong(false);
    CHECK(run.host.begun() == "l");
  }
  SECTION("another doubt comes before it") {
    run.bootstrap.look_again();
    CHECK(run.bootstrap.state() == Bootstrap::State::kIdle);
    run.scheduler.run_posted();
    run.bootstrap.on_query_done();
    // Nobody has answered that one.
    CHECK(run.host.begun() == "q");
    CHECK(run.bootstrap.state() == Bootstrap::State::kAlone);
    return;
  }
  CHECK(run.bootstrap.state() == Bootstrap::State::kDone);
}

TEST_CASE("doubts of one dispatch make one look, after whatever is under way") {
  Run run;
  run.look_in_vain();
  run.bootstrap.look_again();
  run.bootstrap.look_again();
  // Nothing of it before the end of the dispatch.
  run.host.answer();
  run.bootstrap.on_tick();
  CHECK(run.host.begun().empty());
  run.scheduler.run_posted();
  CHECK(run.host.begun() == "q");

  SECTION("in the middle of a check") {
    run.reply();
    run.bootstrap.on_pong(true);
    run.bootstrap.on_query_done();
    CHECK(run.host.begun() == "pc");
    run.doubt();
    CHECK(run.bootstrap.state() == Bootstrap::State::kAsking);
    run.reply(kSecond);
    CHECK(run.host.begun() == "qp");
    CHECK(run.host.asked == kSecond);
  }
}

TEST_CASE("a doubt in the middle of the first look begins it anew") {
  Run run;
  run.bootstrap.start();
  run.reply();
  run.bootstrap.on_pong(true);
  run.bootstrap.on_query_done();
  run.bootstrap.on_checked(true);
  CHECK(run.host.begun() == "qpcq");
  run.doubt();
  run.reply();
  run.bootstrap.on_pong(true);
  run.bootstrap.on_query_done();
  run.bootstrap.on_checked(true);
  CHECK(run.bootstrap.state() == Bootstrap::State::kAskingAgain);
  run.reply();
  run.bootstrap.on_query_done();
  CHECK(run.host.begun() == "qpcqlF");
}

TEST_CASE("who has heard nobody looks again when somebody answers") {
  Run run;
  run.bootstrap.start();
  run.bootstrap.on_query_done();
  CHECK(run.bootstrap.state() == Bootstrap::State::kAlone);
  CHECK(run.bootstrap.bootstrapped());
  // What it was before is not refuted by silence.
  CHECK(run.host.begun() == "qF");
  run.bootstrap.on_tick();
  CHECK(run.host.begun().empty());
  run.host.answer();
  run.bootstrap.on_tick();
  CHECK(run.bootstrap.state() == Bootstrap::State::kAsking);
  run.reply();
  CHECK(run.host.begun() == "qp");
  run.bootstrap.on_pong(false);
  run.bootstrap.on_query_done();
  CHECK(run.host.begun() == "l");
  run.host.answer();
  run.bootstrap.on_tick();
  CHECK(run.host.begun().empty());
}

TEST_CASE("who has nothing to find out is never alone") {
  Run run({.looks_again = false});
  run.host.set_firewalled(false);
  run.bootstrap.start();
  run.bootstrap.on_query_done();
  CHECK(run.bootstrap.state() == Bootstrap::State::kDone);
  run.host.answer();
  run.bootstrap.on_tick();
  CHECK(run.host.begun() == "qlF");
}

TEST_CASE("a first look that is skipped is reported to nobody") {
  Run run;
  run.bootstrap.start();
  run.bootstrap.skip();
  CHECK(run.bootstrap.bootstrapped());
  run.host.answer();
  run.bootstrap.on_query_done();
  CHECK(run.host.begun() == "ql");
}
