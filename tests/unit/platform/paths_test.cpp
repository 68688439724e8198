// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>

#include "platform/directories.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

/// That home as long as the test runs.
class Home {
 public:
  explicit Home(const char* path) {
    if (const char* before = std::getenv("HOME")) before_ = before;
    setenv("HOME", path, 1);
  }
  ~Home() {
    if (before_) {
      setenv("HOME", before_->c_str(), 1);
    } else {
      unsetenv("HOME");
    }
  }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

 private:
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("a path begins at the home, at the folder of its file, or at the root") {
  const Home home("/home/ann");
  const std::string base = "/etc/hsfwd";
  const std::tuple<const char*, const char*, const char*> cases[] = {
      // as written, in a file, on the command line
      {"/run/x", "/run/x", "/run/x"},
      {"x", "/etc/hsfwd/x", "x"},
      {"../x y", "/etc/x y", "../x y"},
      {"~", "/home/ann", "/home/ann"},
      {"~/", "/home/ann/", "/home/ann/"},
      {"~/my files/x", "/home/ann/my files/x", "/home/ann/my files/x"},
      {"./~x", "/etc/hsfwd/~x", "./~x"},
      {"./~/x", "/etc/hsfwd/~/x", "./~/x"},
      {"a~", "/etc/hsfwd/a~", "a~"},
      {"/a/~/b", "/a/~/b", "/a/~/b"},
      {"/a$", "/a$", "/a$"},
      {"/cost$5", "/cost$5", "/cost$5"},
  };
  for (const auto& [text, in_file, on_line] : cases) {
    CAPTURE(text);
    CHECK(*resolve_path(text, base) == in_file);
    CHECK(*resolve_path(text) == on_line);
  }
}

TEST_CASE("what a shell would have filled in is refused, and no folder is called so") {
  for (const char* text : {"$HOME/x", "${HOME}/x", "/run/user/$UID/x", "a/$_x", "~bob", "~bob/x"}) {
    for (const char* base : {"", "/etc"}) {
      CAPTURE(text, base);
      const auto path = resolve_path(text, base);
      REQUIRE(!path);
      CHECK_THAT(path.error(), Catch::Matchers::Contains("'" + std::string(text) + "'"));
    }
  }
  CHECK(resolve_path("").error() == "the path is empty");
  CHECK(resolve_path("", "/etc").error() == "the path is empty");
  CHECK(!resolve_path(std::string_view("a\0b", 3)));
}
