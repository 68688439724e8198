// SPDX-License-Identifier: Apache-2.0
#include "cli/named_lines.hpp"

#include <catch2/catch.hpp>

using namespace hsfwd;
using namespace hsfwd::cli;

namespace {

struct HeardLines final : LogSink {
  explicit HeardLines(std::vector<std::string>& t) : told(t) {}
  void write(LogLevel, std::string_view, std::string_view message) override {
    told.emplace_back(message);
  }
  void write_about(std::string_view peer, LogLevel, std::string_view,
                   std::string_view message) override {
    told.push_back(std::string(peer) + " | " + std::string(message));
  }
  std::vector<std::string>& told;
};

}  // namespace

TEST_CASE("a line of the log that begins with a key begins with the name that it has") {
  PublicKey home;
  home.bytes.fill(7);
  PublicKey other;
  other.bytes.fill(8);
  const PeerNames names({{"home", PeerReference{.key = home, .name = "home"}}});
  std::vector<std::string> told;
  NamedLines lines(std::make_unique<HeardLines>(told), names);
  const std::string key = key_text(home);
  const std::string stranger = key_text(other);
  lines.write_about(key, LogLevel::kWarning, "session", key + " does not answer");
  lines.write_about(stranger, LogLevel::kWarning, "session", stranger + " does not answer");
  lines.write_about(key, LogLevel::kWarning, "expose", "refused home, " + key);
  lines.write(LogLevel::kWarning, "session", key + " is nobody's field");
  const std::vector<std::string> wanted = {
      key + " | home (" + key.substr(0, 12) + ") does not answer",
      stranger + " | " + stranger + " does not answer", key + " | refused home, " + key,
      key + " is nobody's field"};
  CHECK(told == wanted);
}
