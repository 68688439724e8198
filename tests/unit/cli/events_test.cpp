// SPDX-License-Identifier: Apache-2.0
// README's table of events beside what the program writes.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "cli/connect_kind.hpp"
#include "cli/control_inquiry.hpp"
#include "cli/events/all.hpp"
#include "cli/expose_kind.hpp"
#include "cli/output.hpp"
#include "cli/tunnel_kinds.hpp"
#include "cli/up_texts.hpp"
#include "fuzz/seeds.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;

namespace {

// A name that several structs of an event have is there several times.
using Words = std::multiset<std::string>;

/// What stands in backticks, each as often as it does.
Words in_backticks(const std::string& text) {
  Words out;
  for (std::size_t at = text.find('`'); at != std::string::npos; at = text.find('`', at)) {
    const std::size_t end = text.find('`', at + 1);
    REQUIRE(end != std::string::npos);
    out.insert(text.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return out;
}

struct Row {
  Words events;
  std::string from;
  Words words;
};

std::vector<Row> documented_events() {
  std::ifstream file(HSFWD_README);
  REQUIRE(file);
  std::vector<Row> out;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "| event | from | fields |") inside = true;
    if (!inside || line.starts_with("|---") || line == "| event | from | fields |") continue;
    if (line.empty()) break;
    std::istringstream cells(line.substr(2));
    Row row;
    std::string cell;
    std::getline(cells, cell, '|');
    row.events = in_backticks(cell);
    std::getline(cells, cell, '|');
    row.from = cell.substr(1, cell.size() - 2);
    std::getline(cells, cell);
    row.words = in_backticks(cell);
    out.push_back(std::move(row));
  }
  return out;
}

/// What fields say of tunnels, for an event with that of each kind in it.
template <class T>
Words fields_of_kinds() {
  Words out;
  for (const TunnelKind* kind : tunnel_kinds()) {
    if (std::is_same_v<T, events::Valid>) out.insert(kind->number);
    if (!std::is_same_v<T, events::Status>) continue;
    out.insert(kind->list);
    const auto fields = kind->fields();
    out.insert(fields.begin(), fields.end());
  }
  return out;
}

template <class T>
Words fields_of() {
  const auto names = names_of_fields<T>();
  Words out = fields_of_kinds<T>();
  out.insert(names.begin(), names.end());
  return out;
}

/// By the event's name and where it comes from.
using Catalogue = std::map<std::pair<std::string, std::string>, Words>;

template <class... Events>
Catalogue catalogue(std::tuple<Events...>*) {
  return {{{Events::kName, Events::kFrom}, fields_of<Events>()}...};
}

Catalogue catalogue() {
  return catalogue(static_cast<events::All*>(nullptr));
}

/// What README quotes beside the names of fields: values, and options.
Words other_words(const Row& row) {
  if (row.events.contains("waiting")) {
    return {"network", "peer", "announcement", "nodes", "answer", "end"};
  }
  if (row.events.contains("connection") && row.from != "ping") return {"direct", "lan", "relayed"};
  if (row.events.contains("peer")) return {"idle", "dialling", "open", "resting"};
  if (row.events.contains("peers")) return {"in", "out"};
  if (row.from == "node" && row.events.contains("ready")) return {"--relay"};
  return {};
}

Words all_of(Words words, const Words& more) {
  words.insert(more.begin(), more.end());
  return words;
}

}  // namespace

TEST_CASE("README has a row for each event, with each of its fields and none that it has not") {
  Catalogue rest = catalogue();
  CHECK(rest.size() == std::tuple_size_v<events::All>);
  for (const Row& row : documented_events()) {
    Words fields;
    for (const std::string& event : row.events) {
      CAPTURE(event, row.from);
      const auto found = rest.find({event, row.from});
      REQUIRE(found != rest.end());
      fields.insert(found->second.begin(), found->second.end());
      rest.erase(found);
    }
    CAPTURE(row.events, row.from);
    CHECK(row.words == all_of(fields, other_words(row)));
  }
  for (const auto& [event, fields] : rest) {
    CAPTURE(event.first, event.second);
    FAIL_CHECK("is not in README");
  }
}

TEST_CASE("no event is left out of the list that README is held against") {
  std::size_t named = 0;
  for (const auto& entry : std::filesystem::directory_iterator(HSFWD_SOURCE "/cli/events")) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (line.find("const char* kName = ") != std::string::npos) ++named;
    }
  }
  CHECK(named == std::tuple_size_v<events::All>);
}

TEST_CASE("what the fuzzer begins with are events that are understood") {
  std::size_t understood = 0;
  for (const Bytes& seed : fuzz::seeds("control")) {
    const Json json = Json::parse(std::string(as_text(seed)));
    const std::string event = json.value("event", "");
    CAPTURE(event);
    const auto has_text = [&](auto&& text) {
      REQUIRE_NOTHROW(text(json));
      ++understood;
    };
    if (event == "status") has_text(status_text);
    if (event == "peers") has_text(peers_text);
    if (event == "reloaded") has_text(reloaded_text);
    if (event == "down") has_text(down_text);
  }
  CHECK(understood == 4);
}

TEST_CASE("the status of an up of before a field was there is understood") {
  Json json = encode(ExposeStatus{.shared = true});
  CHECK(decoded<ExposeStatus>(json).shared);
  json.erase("shared");
  CHECK(!decoded<ExposeStatus>(json).shared);
  json["shared"] = 1;
  CHECK_THROWS_AS(decoded<ExposeStatus>(json), Json::exception);
  json.erase("shared");
  json.erase("refused");
  CHECK_THROWS_AS(decoded<ExposeStatus>(json), Json::exception);
}

namespace {

struct Inner {
  std::string text;
  std::optional<double> number;
  static constexpr void fields(auto list) {
    list(field("text", &Inner::text), field("number", &Inner::number));
  }
  bool operator==(const Inner&) const = default;
};

struct Outer {
  static constexpr const char* kName = "outer";
  static constexpr const char* kFrom = "a test";
  std::uint64_t count = 0;
  bool flag = false;
  std::vector<Inner> inner;
  std::optional<std::vector<std::string>> texts;
  Omittable<std::string> more;
  Omittable<std::vector<Inner>> others;
  static constexpr void fields(auto list) {
    list(field("count", &Outer::count), field("flag", &Outer::flag), field("inner", &Outer::inner),
         field("texts", &Outer::texts), field("more", &Outer::more),
         field("others", &Outer::others));
  }
};

Outer decoded_outer(const std::string& text) {
  return decoded<Outer>(Json::parse(text));
}

}  // namespace

TEST_CASE("an event is written in the order of its fields, and read again") {
  Outer event{.count = 18446744073709551615U, .flag = true, .inner = {{"a", 0.5}, {"b", {}}}};
  const std::string text = R"({"event":"outer","count":18446744073709551615,"flag":true,)"
                           R"("inner":[{"text":"a","number":0.5},{"text":"b","number":null}],)"
                           R"("texts":null})";
  CHECK(json_line(event) == text);
  const Outer again = decoded_outer(text);
  CHECK(again.count == event.count);
  CHECK(again.flag);
  CHECK(again.inner == event.inner);
  CHECK(!again.texts);
  CHECK(!again.more);
  event.texts.emplace();
  event.more = "c";
  CHECK_THAT(json_line(event), Catch::EndsWith(R"("texts":[],"more":"c"})"));
  CHECK(decoded_outer(tagged(event).dump()).more == "c");
  CHECK(names_of_fields<Outer>() == std::vector<std::string>{"count", "flag", "inner", "text",
                                                             "number", "texts", "more", "others",
                                                             "text", "number"});
}

TEST_CASE("what another process wrote is read as it is or not at all") {
  const std::string good = R"({"count":1,"flag":true,"inner":[],"texts":["a"],"more":"b"})";
  REQUIRE_NOTHROW(decoded_outer(good));
  const auto with = [&](const std::string& what, const std::string& instead) {
    std::string text = good;
    text.replace(text.find(what), what.size(), instead);
    return text;
  };
  for (const std::string count : {"-1", "1.5", "1e30", "\"1\"", "null", "true", "[1]"}) {
    CAPTURE(count);
    CHECK_THROWS_AS(decoded_outer(with("1", count)), Json::exception);
  }
  CHECK_THROWS_AS(decoded_outer(with("true", "1")), Json::exception);
  for (const std::string list :
       {"null", "{}", "\"\"", "[1]", "[{}]", R"([{"text":1,"number":1}])"}) {
    CAPTURE(list);
    CHECK_THROWS_AS(decoded_outer(with("[]", list)), Json::exception);
  }
  CHECK_THROWS_AS(decoded_outer(with("\"a\"", "1")), Json::exception);
  CHECK_THROWS_AS(decoded_outer(with("\"b\"", "null")), Json::exception);
  CHECK_THROWS_AS(decoded_outer(with("\"flag\":true,", "")), Json::exception);
  CHECK_THROWS_AS(decoded_outer("[]"), Json::exception);
  CHECK(decoded_outer(with("\"a\"", R"("\u001b[2J")")).texts->front() == "\\x1b[2J");
  CHECK(!decoded_outer(with(R"(,"more":"b")", "")).more);
}
