// SPDX-License-Identifier: Apache-2.0
// What systemd-resolved is told, by a resolvectl that writes down how it was called.
#include "platform/split_dns.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "own_network.hpp"
#include "platform/linux/spawned.hpp"
#include "real_loop.hpp"
#include "sim/split_dns.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

const net::SplitDnsSettings kSettings{"hsfwd0", {"fd77::53"}, {"hsfwd", "d.7.2.0.ip6.arpa"}};
constexpr const char* kCalls = "/run/calls";

void write_script(const std::string& body) {
  std::ofstream("/run/bin/resolvectl") << "#!/bin/sh\n" << body << "\n";
  chmod("/run/bin/resolvectl", 0755);
}

std::string calls() {
  std::ifstream file(kCalls);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// A machine where systemd-resolved seems to run, and nothing else is in $PATH but a shell's own words.
bool make_machine() {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") != 0) {
    return false;
  }
  for (const char* folder : {"/run/bin", "/run/systemd", "/run/systemd/resolve"}) {
    mkdir(folder, 0755);
  }
  setenv("PATH", "/run/bin", 1);
  write_script("shift; echo \"$@\" >>/run/calls");
  return true;
}

struct Names : RealLoop {
  void open() {
    told.reset();
    names = factory->open(kSettings, [this](const std::string& problem) { told = problem; });
  }
  std::string outcome() {
    REQUIRE(run_until([this] { return told.has_value(); }));
    return *told;
  }
  std::unique_ptr<net::SplitDnsFactory> factory = make_split_dns_factory(loop);
  std::unique_ptr<net::SplitDns> names;
  std::optional<std::string> told;
};

const std::string kSet =
    "llmnr hsfwd0 no\ndnsovertls hsfwd0 no\ndnssec hsfwd0 no\ndns hsfwd0 fd77::53\n"
    "domain hsfwd0 ~hsfwd ~d.7.2.0.ip6.arpa\n";
const std::string kRevert = "revert hsfwd0\n";

int set_and_undone() {
  if (!make_machine()) return kNotAllowed;
  Names names;
  names.open();
  REQUIRE_FALSE(names.told);
  REQUIRE(names.outcome().empty());
  REQUIRE(calls() == kSet);
  // One that comes at once is set after the other was taken back.
  names.names.reset();
  names.open();
  REQUIRE(names.outcome().empty());
  REQUIRE(calls() == kSet + kRevert + kSet);
  names.names.reset();
  REQUIRE(names.run_until([] { return calls() == kSet + kRevert + kSet + kRevert; }));
  return 0;
}

int refuses() {
  if (!make_machine()) return kNotAllowed;
  // The first two may fail.
  write_script(
      "shift; echo \"$@\" >>/run/calls\n"
      "echo 'Some warning.' >&2; echo 'Failed to set it: \x1b[1mAccess denied' >&2; [ $1 = dns ] "
      "&& exit 3; exit 1");
  Names names;
  names.open();
  REQUIRE(names.outcome() == "resolvectl: Failed to set it: \\x1b[1mAccess denied");
  // No more than that is tried; what was set is taken back.
  REQUIRE(calls().find("domain") == std::string::npos);
  names.names.reset();
  REQUIRE(names.run_until([] { return calls().ends_with(kRevert); }));
  return 0;
}

int absent() {
  if (!make_machine()) return kNotAllowed;
  Names names;
  unlink("/run/bin/resolvectl");
  names.open();
  REQUIRE(names.outcome() == "there is no resolvectl");
  rmdir("/run/systemd/resolve");
  names.open();
  REQUIRE(names.outcome() == "systemd-resolved does not run here");
  names.open();
  names.names->cancel();
  names.names.reset();
  REQUIRE(calls().empty());
  return 0;
}

int dropped_half_way() {
  if (!make_machine()) return kNotAllowed;
  {
    Names names;
    names.open();
    REQUIRE(names.run_until([] { return !calls().empty(); }));
    names.names.reset();
    REQUIRE(names.run_until([] { return calls().ends_with(kRevert); }));
    REQUIRE_FALSE(names.told);
    names.open();
  }
  return 0;
}

}  // namespace

TEST_CASE("systemd-resolved asks our server about our names, until it is told otherwise") {
  expect_success(set_and_undone);
}

TEST_CASE("why systemd-resolved does not take our names is said in one clause") {
  expect_success(refuses);
}

TEST_CASE("a machine without systemd-resolved is told of") {
  expect_success(absent);
}

TEST_CASE("a program that is run for what it does is killed if it does not end") {
  RealLoop place;
  std::optional<std::string> told;
  const Spawned sleep(
      place.loop, {"sleep", "1000"}, [&](const std::string& problem) { told = problem; }, 20_ms);
  REQUIRE(place.run_until([&] { return told.has_value(); }));
  CHECK(*told == "sleep does not end");
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1);  // there is none left
}

TEST_CASE("names that are given up while they are set are taken back") {
  expect_success(dropped_half_way);
}

TEST_CASE("the simulated resolver takes names later, as long as they are wanted, or says why not") {
  Scheduler scheduler;
  sim::SplitDnsResolver resolver(scheduler);
  std::vector<std::string> told;
  const auto tell = [&](const std::string& problem) { told.push_back(problem); };
  auto names = resolver.open(kSettings, tell);
  CHECK(told.empty());
  scheduler.run_posted();
  CHECK(told == std::vector<std::string>{""});
  REQUIRE(resolver.entries().size() == 1);
  CHECK(resolver.entries()[0].domains == kSettings.domains);
  names.reset();
  CHECK(resolver.entries().empty());
  resolver.refuse("it does not run here");
  names = resolver.open(kSettings, tell);
  scheduler.run_posted();
  CHECK(told == std::vector<std::string>{"", "it does not run here"});
  CHECK(resolver.entries().empty());
}
