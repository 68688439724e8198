// SPDX-License-Identifier: Apache-2.0
// [page] in a file: where it may listen, and what it asks for.
#include "cli/page_kind.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "cli/page_files.hpp"
#include "cli/plan_diff.hpp"
#include "plans.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;
using Catch::Matchers::Contains;

namespace {

/// A file with a secret, gone at the end.
struct SecretOnDisk {
  explicit SecretOnDisk(const std::string& text, unsigned mode = 0600) { write(text, mode); }
  ~SecretOnDisk() { std::filesystem::remove(path); }
  SecretOnDisk(const SecretOnDisk&) = delete;
  SecretOnDisk& operator=(const SecretOnDisk&) = delete;

  void write(const std::string& text, unsigned mode = 0600) const {
    std::ofstream(path) << text;
    REQUIRE(chmod(path.c_str(), mode) == 0);
  }

  const std::string path =
      (std::filesystem::temp_directory_path() / ("hsfwd-page-secret-" + std::to_string(getpid())))
          .string();
};

std::string page_mistake(const std::string& lines) {
  try {
    plan_of("[page]\n" + lines);
  } catch (const UserError& error) {
    return error.message;
  }
  return "none";
}

constexpr const char* kLongEnough = "sixteen letters!";

}  // namespace

TEST_CASE("a page is on this machine unless the file says otherwise") {
  const Plan plan = plan_of("[page]\nlisten = '8088'");
  const PageSpec& spec = *specs_of<PageSpec>(plan).at(0);
  CHECK(spec.listen.to_string() == "127.0.0.1:8088");
  CHECK(page_url(spec.listen, "127.0.0.1:8088") == "http://127.0.0.1:8088/");
  const Plan on_socket = plan_of("[page]\nlisten = 'unix:/run/page.sock'");
  const PageSpec& socket = *specs_of<PageSpec>(on_socket).at(0);
  CHECK(socket.listen.path == "/run/page.sock");
  CHECK(page_url(socket.listen, "unix:/run/page.sock").empty());
}

TEST_CASE("a page's address that is none is refused with what would be one") {
  const auto without = parse_config("[page]\n", "hsfwd.toml");
  REQUIRE(!without);
  CHECK_THAT(without.error().to_string(), Contains("[page] needs listen"));
  CHECK_THAT(page_mistake("listen = 'udp:8088'"), Contains("is not [BIND:]PORT or unix:PATH"));
  CHECK_THAT(page_mistake("listen = '8088:web'"), Contains("is not [BIND:]PORT or unix:PATH"));
  CHECK_THAT(page_mistake("listen = '70000'"), Contains("70000"));
  CHECK_THAT(page_mistake("listen = '8088'\n[[socks]]\nlisten = '8088'"),
             Contains("is taken by another listen"));
}

TEST_CASE("a page that others reach takes a secret") {
  const SecretOnDisk secret(std::string(kLongEnough) + "\n");
  const std::string with_secret = "\nsecret_file = '" + secret.path + "'";
  for (const char* const own : {"8088", "localhost:8088", "[::1]:8088", "127.1.2.3:8088"}) {
    CHECK(page_mistake(std::string("listen = '") + own + "'") == "none");
  }
  for (const char* const others : {"0.0.0.0:8088", "192.168.1.5:8088", "[::]:8088", "box:8088"}) {
    const std::string listen = std::string("listen = '") + others + "'";
    CHECK_THAT(page_mistake(listen), Contains("secret_file"));
    CHECK(page_mistake(listen + with_secret) == "none");
    CHECK(plan_of("[page]\n" + listen + with_secret).warnings.size() == 1);
  }
}

TEST_CASE("a secret of a page that others may have, or guess, is refused") {
  const SecretOnDisk secret(kLongEnough, 0644);
  const std::string lines = "listen = '8088'\nsecret_file = '" + secret.path + "'";
  CHECK_THAT(page_mistake(lines), Contains("others can read it"));
  secret.write(kLongEnough, 0440);
  CHECK(page_mistake(lines) == "none");
  std::filesystem::remove(secret.path);
  CHECK_THAT(page_mistake(lines), Contains("there is no such file"));
  secret.write("fifteen letters\n");
  CHECK_THAT(page_mistake(lines), Contains("at least 16 characters"));
}

TEST_CASE("a page with another secret is a changed one, on another address another one") {
  const SecretOnDisk secret(kLongEnough);
  const std::string text = "[page]\nlisten = '8088'\nsecret_file = '" + secret.path + "'";
  const Plan one = plan_of(text);
  CHECK(diff(one, plan_of(text)).kept.size() == 1);
  secret.write("another sixteen letters");
  CHECK(diff(one, plan_of(text)).changed.size() == 1);
  CHECK(diff(one, plan_of("[page]\nlisten = '8088'")).changed.size() == 1);
  CHECK(diff(one, plan_of("[page]\nlisten = '8089'")).removed.size() == 1);
}

TEST_CASE("the page's files are in the program, with their types") {
  bool has_start = false;
  for (const PageFile& file : page_files()) {
    CAPTURE(file.path);
    CHECK(file.path.starts_with('/'));
    CHECK(!file.bytes.empty());
    has_start = has_start || (file.path == "/" && file.type == "text/html; charset=utf-8" &&
                              file.bytes.starts_with("<!doctype html>"));
  }
  CHECK(has_start);
}
