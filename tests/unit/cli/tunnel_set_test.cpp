// SPDX-License-Identifier: Apache-2.0
// Kinds of tunnels that the program does not know: files, differences, sets and reports take them as
// they take its own.
#include "cli/tunnel_set.hpp"
#include "cli/events/tunnels.hpp"

#include <catch2/catch.hpp>

#include <map>

#include "cli/planner.hpp"
#include "cli/up_report.hpp"
#include "cli/up_texts.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;

namespace {

/// What the tunnels of a test are told, and how they answer.
struct Doorkeeper {
  std::vector<std::string> told;
  std::map<std::string, std::string> problems;  // by name
  bool slow = false;                            // those that close stay until they are let go
  std::vector<std::function<void()>> closing;
};
Doorkeeper* keeper = nullptr;

struct DoorSpec final : TunnelSpec {
  DoorSpec(const TunnelKind& k, std::string n, std::string c)
      : its_kind(k), name(std::move(n)), colour(std::move(c)) {}
  const TunnelKind& kind() const override { return its_kind; }
  std::string key() const override { return name; }
  bool same(const TunnelSpec& other) const override {
    const auto& door = static_cast<const DoorSpec&>(other);
    return name == door.name && colour == door.colour;
  }
  std::unique_ptr<Tunnel> make(App&) const override;

  const TunnelKind& its_kind;
  std::string name;
  std::string colour;
};

class Door final : public Tunnel {
 public:
  explicit Door(const DoorSpec& spec) : name_(spec.name), colour_(spec.colour) {}

  void prepare(Unavailable unavailable) override {
    tell("prepare");
    const auto found = keeper->problems.find(name_);
    if (found == keeper->problems.end()) return;
    problem_ = Problem{"STUCK", found->second};
    if (unavailable == Unavailable::kRefused) throw UserError{kFailed, "STUCK", found->second};
  }
  std::optional<Problem> problem() const override { return problem_; }
  void start() override { tell("start"); }
  std::optional<Problem> change(const TunnelSpec& spec) override {
    colour_ = static_cast<const DoorSpec&>(spec).colour;
    tell("change");
    const auto found = keeper->problems.find(name_);
    if (found == keeper->problems.end()) return std::nullopt;
    return Problem{"STUCK", found->second};
  }
  void report() override { tell("report"); }
  void close(const std::string&, std::function<void()> done) override {
    tell("close");
    if (!keeper->slow) return done();
    keeper->closing.push_back(std::move(done));
  }
  void leave(std::function<void()> done) override {
    tell("leave");
    keeper->closing.push_back(std::move(done));
  }
  std::vector<Trouble> health() const override { return {}; }
  Json status() const override { return {{"name", name_}, {"colour", colour_}}; }
  void collect(MetricSink&) const override {}
  std::vector<forward::OpenConnection> connections() const override { return {}; }

 private:
  void tell(const std::string& what) { keeper->told.push_back(what + " " + name_ + " " + colour_); }

  std::string name_;
  std::string colour_;
  std::optional<Problem> problem_;
};

std::unique_ptr<Tunnel> DoorSpec::make(App&) const {
  return std::make_unique<Door>(*this);
}

template <const TunnelKind& Kind>
void read_door(const config::Section& section, Planner& planner) {
  const auto name = *section.text("name");
  if (planner.has(Kind, name.value)) planner.mistake(name.line, "there is one of that name");
  planner.add(std::make_shared<DoorSpec>(Kind, name.value, section.text("colour")->value));
}

std::vector<std::string> no_fields() {
  return {};
}

std::string doors_text(const Json& doors) {
  return doors.empty() ? "" : std::to_string(doors.size()) + " of them ";
}

std::string number_of_doors(std::size_t number) {
  return std::to_string(number);
}

constexpr config::Key kDoorKeys[] = {{.name = "name", .needed = "a name"},
                                     {.name = "colour", .needed = "a colour"}};
extern const TunnelKind kDoors;
extern const TunnelKind kGates;
const TunnelKind kDoors = {.section = {"door", kDoorKeys},
                           .read = read_door<kDoors>,
                           .list = "doors",
                           .fields = no_fields,
                           .text = doors_text,
                           .number = "doors",
                           .number_text = number_of_doors};
const TunnelKind kGates = {.section = {"gate", kDoorKeys},
                           .read = read_door<kGates>,
                           .list = "gates",
                           .fields = no_fields,
                           .text = doors_text,
                           .number = "gates",
                           .number_text = number_of_doors};
const TunnelKind* const kUnheardOf[] = {&kDoors, &kGates};

std::string section(const std::string& kind, const std::string& name, const std::string& colour) {
  return "[[" + kind + "]]\nname = '" + name + "'\ncolour = '" + colour + "'\n";
}

Plan doors_of(const std::string& text) {
  const auto config = parse_config(text, "doors.toml", kUnheardOf);
  if (!config) throw UserError{kBadConfig, "", config.error().to_string()};
  return make_plan(*config, "doors.toml", kUnheardOf);
}

std::string mistake_in(const std::string& text) {
  try {
    doors_of(text);
  } catch (const UserError& error) {
    return error.message;
  }
  return "";
}

struct House {
  House() { keeper = &doorkeeper; }
  ~House() { keeper = nullptr; }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  /// "kept changed started stopped" and what failed, or nothing before it is done.
  void change_to(const std::string& text, Unavailable unavailable = Unavailable::kRefused) {
    doorkeeper.told.clear();
    result.clear();
    set.change_to(doors_of(text), unavailable, [this](const TunnelSet::Changes& changes) {
      result = std::to_string(changes.kept) + " " + std::to_string(changes.changed) + " " +
               std::to_string(changes.started) + " " + std::to_string(changes.stopped);
      for (const Tunnel::Problem& problem : changes.failed) {
        result += ", " + problem.code + ": " + problem.text;
      }
    });
    run();
  }
  void run(Duration time = 0_s) {
    app.scheduler().advance_to(app.scheduler().now() + time);
    app.scheduler().run_posted();
  }
  UserError error_of(const std::string& text, Unavailable unavailable) {
    try {
      change_to(text, unavailable);
    } catch (const UserError& error) {
      return error;
    }
    FAIL("no error");
    return {};
  }

  Doorkeeper doorkeeper;
  App app{OutputOptions()};
  TunnelSet set{app};
  std::string result;
};

using Told = std::vector<std::string>;

const std::string kTwoDoors = section("door", "a", "red") + section("door", "b", "red");

}  // namespace

TEST_CASE("a file has sections of the kinds that there are, each as its kind reads it") {
  const Plan plan = doors_of(section("gate", "a", "red") + kTwoDoors);
  REQUIRE(plan.tunnels.size() == 3);
  CHECK(&plan.tunnels[0]->kind() == &kDoors);
  CHECK(&plan.tunnels[2]->kind() == &kGates);
  CHECK(mistake_in("[[door]]\ncolour = 'red'\n") == "doors.toml:1: [[door]] needs a name");
  CHECK(mistake_in(kTwoDoors + section("door", "b", "blue")) ==
        "doors.toml:8: there is one of that name");
  CHECK(mistake_in("") == "doors.toml: nothing to do: there is no [[door]] and no [[gate]]");
  CHECK_THAT(mistake_in("[[expose]]\nservices = '1'\n"), Contains("unknown key 'expose'"));
}

TEST_CASE("tunnels of any kind start once all are ready, and are listed by kinds") {
  House house;
  house.change_to(section("gate", "a", "green") + kTwoDoors);
  CHECK(house.result == "0 0 3 0");
  CHECK(house.doorkeeper.told == Told{"prepare a red", "prepare b red", "prepare a green",
                                      "start a red", "start b red", "start a green"});
  const Json status = encode(events::Valid{tunnel_states(house.set, kUnheardOf), 0});
  CHECK(status.dump() == R"({"doors":[{"name":"a","colour":"red"},{"name":"b","colour":"red"}],)"
                         R"("gates":[{"name":"a","colour":"green"}],"warnings":0})");
  CHECK(tunnels_text(status, kUnheardOf) == "2 of them 1 of them ");
}

TEST_CASE("another plan keeps, changes, starts and stops tunnels of any kind") {
  House house;
  house.change_to(kTwoDoors + section("gate", "a", "red"));
  const Tunnel* const a = house.set.tunnels()[0].get();
  const Tunnel* const b = house.set.tunnels()[1].get();
  house.change_to(section("door", "c", "red") + section("door", "b", "blue") +
                  section("door", "a", "red"));
  CHECK(house.result == "1 1 1 1");
  CHECK(house.doorkeeper.told == Told{"prepare c red", "change a red", "change b blue",
                                      "report b blue", "start c red", "close a red"});
  REQUIRE(house.set.tunnels().size() == 3);
  CHECK(house.set.tunnels()[1].get() == b);
  CHECK(house.set.tunnels()[2].get() == a);
  // One of a kind is none of another, whatever it is called.
  house.change_to(section("gate", "b", "blue"));
  CHECK(house.result == "0 0 1 3");
}

TEST_CASE("one that is not ready, and everything stays as it is") {
  House house;
  house.change_to(kTwoDoors);
  house.doorkeeper.problems = {{"c", "it is stuck"}};
  const UserError error = house.error_of(section("door", "c", "red") + section("door", "b", "blue"),
                                         Unavailable::kRefused);
  CHECK(error.code == "STUCK");
  CHECK(error.message == "it is stuck");
  CHECK(house.doorkeeper.told == Told{"prepare c red"});
  CHECK(house.set.tunnels().size() == 2);
  CHECK(house.set.plan().tunnels.size() == 2);
  // The rest runs without it, where that is wished.
  house.change_to(section("door", "c", "red") + section("door", "d", "red"),
                  Unavailable::kTryAgain);
  CHECK(house.result == "0 0 2 2");
}

TEST_CASE("what one cannot change is told, and the rest changes") {
  House house;
  house.change_to(kTwoDoors);
  house.doorkeeper.problems = {{"a", "it is stuck"}};
  house.change_to(section("door", "a", "blue") + section("door", "b", "blue"));
  CHECK(house.result == "0 2 0 0, STUCK: it is stuck");
  CHECK(house.doorkeeper.told == Told{"change a blue", "change b blue", "report b blue"});
  // As long as it is not as the plan says, also if the plan is the same.
  house.change_to(section("door", "a", "blue") + section("door", "b", "blue"));
  CHECK(house.result == "2 0 0 0, STUCK: it is stuck");
  house.doorkeeper.problems.clear();
  house.change_to(section("door", "a", "blue") + section("door", "b", "blue"));
  CHECK(house.result == "2 0 0 0");
}

TEST_CASE("tunnels of which none works are not started") {
  House house;
  house.doorkeeper.problems = {{"a", "it is stuck"}, {"b", "so is this"}};
  CHECK(house.error_of(kTwoDoors, Unavailable::kTryAgain).message == "it is stuck; so is this");
  CHECK(house.set.tunnels().empty());
}

TEST_CASE("a change is done when what was stopped has said goodbye, or takes too long") {
  House house;
  house.change_to(kTwoDoors + section("gate", "a", "red"));
  house.doorkeeper.slow = true;
  house.change_to(section("gate", "a", "red"));
  REQUIRE(house.doorkeeper.closing.size() == 2);
  house.doorkeeper.closing[1]();
  house.run();
  CHECK(house.result.empty());
  house.doorkeeper.closing[0]();
  house.run();
  CHECK(house.result == "1 0 0 2");

  house.change_to(section("door", "d", "red"));
  CHECK(house.result.empty());
  house.run(3_s);
  CHECK(house.result == "0 0 1 1");
  house.doorkeeper.closing[2]();  // too late, and no matter
}

TEST_CASE("the program ends when the last tunnel has said goodbye") {
  House house;
  bool left = false;
  house.set.leave([&] { left = true; });
  CHECK(left);
  left = false;
  house.change_to(kTwoDoors);
  house.set.leave([&] { left = true; });
  CHECK(house.doorkeeper.told.back() == "leave b red");
  REQUIRE(house.doorkeeper.closing.size() == 2);
  house.doorkeeper.closing[0]();
  CHECK(!left);
  house.doorkeeper.closing[1]();
  CHECK(left);
}
