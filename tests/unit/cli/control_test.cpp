// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <sstream>

#include "cli/control_inquiry.hpp"
#include "cli/table.hpp"
#include "cli/up_texts.hpp"

using namespace hsfwd::cli;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

TEST_CASE("a request is its command, in a line of JSON") {
  CHECK(ControlRequest{ControlCommand::kReload}.encode() == R"({"command":"reload"})");
  for (const auto command :
       {ControlCommand::kStatus, ControlCommand::kPeers, ControlCommand::kAttempts,
        ControlCommand::kReload, ControlCommand::kDown}) {
    const auto request = ControlRequest::decode(ControlRequest{command}.encode());
    REQUIRE(request.ok());
    CHECK(request->command == command);
  }
  CHECK(ControlRequest::decode(" { \"command\" : \"down\" } \r").ok());
}

TEST_CASE("a request that is none is refused in one line that says what would be right") {
  const std::string large(ControlRequest::kMaxSize + 1, ' ');
  const std::string deep(ControlRequest::kMaxSize, '[');
  const std::pair<std::string, const char*> cases[] = {
      {"", "a JSON object on one line"},
      {"status", "a JSON object on one line"},
      {"\"status\"", "a JSON object on one line"},
      {"[\"command\",\"status\"]", "a JSON object on one line"},
      {R"({"command":"status")", "a JSON object on one line"},
      {R"({"command":"status"} {"command":"down"})", "a JSON object on one line"},
      {"{\"command\":\"status\xff\"}", "a JSON object on one line"},
      {"GET / HTTP/1.1", "a JSON object on one line"},
      {deep, "a JSON object on one line"},
      {large, "at most 4096 bytes"},
      {"{}", "needs a command"},
      {R"({"command":1})", "needs a command"},
      {R"({"command":null})", "needs a command"},
      {R"({"command":["down"]})", "needs a command"},
      {R"({"command":"stop"})",
       "unknown command 'stop'; known are status, peers, attempts, reload and down"},
      {R"({"command":"Down"})", "unknown command 'Down'"},
      {R"({"command":""})", "unknown command ''"},
      {R"({"command":"a\nb"})", "unknown command 'a\\nb'"},
      {R"({"command":"down","force":true})", "no field 'force'"},
      {R"({"a\nb":1})", "no field 'a\\nb'"},
  };
  for (const auto& [line, says] : cases) {
    CAPTURE(line);
    const auto request = ControlRequest::decode(line);
    REQUIRE(!request.ok());
    CHECK_THAT(request.error(), Contains(says));
    CHECK(request.error().find('\n') == std::string::npos);
    CHECK(request.error().size() < 200);
  }
}

TEST_CASE("an answer is an event, and an error is thrown as such") {
  CHECK(decode_answer(R"({"event":"down","pid":1})").at("pid") == 1);
  const auto error_of = [](std::string_view line) {
    try {
      decode_answer(line);
    } catch (const UserError& error) {
      return error;
    }
    FAIL("no error");
    return UserError{};
  };
  const UserError told =
      error_of(R"({"event":"error","code":"BAD_CONFIG","message":"no","exitCode":78})");
  CHECK(told.exit_code == kBadConfig);
  CHECK(told.code == "BAD_CONFIG");
  CHECK(told.message == "no");
  // No exit code of these: a failure must not look like success, nor like a signal.
  for (const std::string code : {"0", "-1", "128", "1e9", "4294967297", "\"78\"", "null"}) {
    CAPTURE(code);
    CHECK(error_of(R"({"event":"error","code":"X","message":"","exitCode":)" + code + "}")
              .exit_code == kFailed);
  }
  for (const std::string line : {"", "null", "[]", "{}", R"({"event":1})", R"({"event":"error"})",
                                 R"({"event":"error","code":1,"message":""})"}) {
    CAPTURE(line);
    CHECK(error_of(line).code == "BAD_ANSWER");
  }
}

TEST_CASE("an answer that is deeper than any is refused, whatever is in it") {
  const auto nested = [](std::size_t depth) {
    return R"({"event":"status","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  constexpr std::size_t kDeepest = 16;
  CHECK(decode_answer(nested(kDeepest)).at("event") == "status");
  CHECK_THROWS_AS(decode_answer(nested(kDeepest + 1)), UserError);
  CHECK_THROWS_AS(decode_answer(nested(2'000'000)), UserError);
}

TEST_CASE("of what has no room the last line says how much there is, and where") {
  const std::string text = "1\n2\n3\n4";
  CHECK(first_lines(text, 4, "hsfwd status") == text);
  CHECK(first_lines(text, 3, "hsfwd status") == "1\n2\n... 2 more lines: hsfwd status");
  CHECK(first_lines("1\n\n3\n4", 3, "x") == "1\n\n... 2 more lines: x");
  CHECK(first_lines(text, 1, "x") == "... 4 more lines: x");
  CHECK(first_lines(text, 0, "x") == "... 4 more lines: x");
  CHECK(first_lines("", 1, "x").empty());
  const std::string longest(kMostOfLine, 'a');
  CHECK(first_lines(longest + "\nb", 2, "x") == longest + "\nb");
  CHECK(first_lines(longest + "a\nb", 2, "x") == longest + "\x1b[0m\nb");
}

TEST_CASE("tables are aligned, and what peers call things stays on its line") {
  Table table({"NAME", "", "N"});
  table.add({"a", "in", "1000"});
  table.add({"x\ny\x1b[2J", "out", "2"});
  CHECK(table.to_string(80) ==
        "NAME              N\n"
        "a            in   1000\n"
        "x\\ny\\x1b[2J  out  2");
}

TEST_CASE("a table is as wide as it may be: keys lose their middle, then rows get a second line") {
  const std::string key(52, 'k');
  const auto widest = [](const std::string& text) {
    std::size_t out = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) out = std::max(out, line.size());
    return out;
  };
  Table table({"LOCAL ADDRESS", "PEER", "SERVICE", "CONNECTIONS", "TO PEER", "FROM PEER"});
  table.may_shorten(1).may_shorten(0);
  table.add({"127.0.0.1:65535", key, "(default)", "12", "999.9 MB", "999.9 MB"});
  CHECK_THAT(table.to_string(200), Catch::Contains(key));
  const std::string fits = table.to_string(80);
  CHECK(widest(fits) <= 80);
  CHECK(std::count(fits.begin(), fits.end(), '\n') == 1);
  CHECK_THAT(fits, Catch::Contains("kkk...kkk"));

  table.add({"unix:/" + std::string(106, 'p'), "office", std::string(64, 's'), "1", "0 B", "0 B"});
  for (const std::size_t width : {80U, 60U, 40U}) {
    CAPTURE(width);
    const std::string text = table.to_string(width);
    CHECK(widest(text) <= width);
    CHECK_THAT(text, Catch::Contains("999.9 MB") && Catch::Contains("127.0.0.1:65535"));
  }
}

TEST_CASE("a list that is too long for its line goes on under its beginning") {
  CHECK(list_text("on: ", {"a", "b"}, 80) == "on: a, b");
  CHECK(list_text("on: ", {"aaaa", "bbbb", "cccc"}, 14) == "on: aaaa,\n    bbbb, cccc");
  CHECK(list_text("on: ", {"a thing as long as that"}, 10) == "on: a thing as long as that");
}

TEST_CASE("one is one, and more are more") {
  CHECK(count_text(0, "key") == "0 keys");
  CHECK(count_text(1, "key") == "1 key");
  CHECK(count_text(2, "key") == "2 keys");
  CHECK(count_text(1, "line was", "lines were") == "1 line was");
  CHECK(count_text(2, "line was", "lines were") == "2 lines were");
}

TEST_CASE("sizes and spans of time, for people") {
  CHECK(size_text(0) == "0 B");
  CHECK(size_text(999) == "999 B");
  CHECK(size_text(1000) == "1.0 kB");
  CHECK(size_text(999'949) == "999.9 kB");
  CHECK(size_text(999'950) == "1.0 MB");
  CHECK(size_text(20'000'000) == "20.0 MB");
  CHECK(size_text(UINT64_MAX) == "18.4 EB");
  CHECK(span_text(59) == "59 s");
  CHECK(span_text(60) == "1 min 0 s");
  CHECK(span_text(3600 + 600) == "1 h 10 min");
  CHECK(span_text(86400 * 4 + 3600) == "4 d 1 h");
}

TEST_CASE("a number that is no whole one, or below zero, is no answer that is understood") {
  for (const char* pid : {"5.5e126", "1.5", "-1", "1e300", "true", "\"1\"", "null"}) {
    CAPTURE(pid);
    CHECK_THROWS_AS(down_text(Json::parse(fmt::format(R"({{"pid":{}}})", pid))), Json::exception);
  }
  CHECK(down_text(Json::parse(R"({"pid":18446744073709551615})")) ==
        "stopped (process 18446744073709551615)");
}
