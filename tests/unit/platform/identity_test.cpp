// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "platform/identity_file.hpp"
#include "sim/random.hpp"
#include "unit/platform/scratch.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;
using Catch::Matchers::Contains;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/hsfwd-identity-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    std::ofstream(*this / name) << text;
    REQUIRE(chmod((*this / name).c_str(), mode) == 0);
    return *this / name;
  }

 private:
  std::string path_;
};

std::string contents(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

const std::string kSeed(64, 'a');

}  // namespace

TEST_CASE("an identity is made on first use, for its owner alone, and is the same ever after") {
  const Folder folder;
  sim::SeededRandom random(1);
  const std::string path = folder / "deep/er/identity";
  umask(0);
  const auto made = load_identity(path, random);
  REQUIRE(made.ok());
  CHECK(made->created);
  CHECK(mode_of(path) == 0600);
  const auto again = load_identity(path, random);
  REQUIRE(again.ok());
  CHECK(!again->created);
  CHECK(again->keys.public_key == made->keys.public_key);
}

TEST_CASE("an identity that others can read is refused, with the remedy, and left alone") {
  const Folder folder;
  sim::SeededRandom random(1);
  for (const mode_t mode : {mode_t{0644}, mode_t{0640}, mode_t{0604}, mode_t{0660}, mode_t{0601}}) {
    const std::string path = folder.write("identity", kSeed, mode);
    const auto loaded = load_identity(path, random);
    REQUIRE(!loaded.ok());
    CHECK_THAT(loaded.error(),
               Contains(path) && Contains("others can read it") && Contains("chmod 600"));
    CHECK(contents(path) == kSeed);
    CHECK(mode_of(path) == mode);
  }
  for (const mode_t mode : {mode_t{0600}, mode_t{0400}, mode_t{0700}}) {
    CHECK(load_identity(folder.write("identity", kSeed, mode), random).ok());
  }
}

TEST_CASE("what is no identity is refused and left alone") {
  const Folder folder;
  sim::SeededRandom random(1);
  for (const std::string text : {std::string(), std::string("x"), kSeed + "a", std::string(64, 'g'),
                                 kSeed + "\n" + kSeed, std::string(10'000, 'a')}) {
    const std::string path = folder.write("identity", text, 0600);
    const auto loaded = load_identity(path, random);
    REQUIRE(!loaded.ok());
    CHECK_THAT(loaded.error(), Contains(path));
    CHECK(contents(path) == text);
  }
  CHECK_THAT(load_identity(folder.write("large", std::string(10'000, 'a'), 0600), random).error(),
             Contains("large: is larger than an identity"));
  CHECK_THAT(load_identity(folder / ".", random).error(), Contains("/.: is a directory"));
  REQUIRE(symlink("nowhere", (folder / "link").c_str()) == 0);
  CHECK_THAT(load_identity(folder / "link", random).error(),
             Contains("link: is a link to a file that is not there"));
  folder.write("file", "", 0600);
  CHECK_THAT(load_identity(folder / "file/identity", random).error(), Contains("file/identity"));
  CHECK(load_identity(folder.write("spaces", kSeed + " \r\n", 0600), random).ok());
}

TEST_CASE("reading an identity makes none") {
  const Folder folder;
  const auto none = read_identity(folder / "deep/er/identity");
  REQUIRE(none.ok());
  CHECK(!*none);
  CHECK(!std::filesystem::exists(folder / "deep"));
  const auto there = read_identity(folder.write("identity", kSeed, 0600));
  REQUIRE(there.ok());
  const auto keys = crypto::KeyPair::from_seed(crypto::Seed::from(*from_hex(kSeed)));
  CHECK((*there)->keys.public_key == keys.public_key);
}

TEST_CASE("an identity that finds no room on the disk leaves nothing, and the reason is told") {
  const Folder folder;
  sim::SeededRandom random(1);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit full{.rlim_cur = 10, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
  const auto made = create_identity(folder / "identity", random);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  REQUIRE(!made.ok());
  CHECK_THAT(made.error(), Contains("cannot be written: File too large"));
  CHECK(!std::filesystem::exists(folder / "identity"));
}

TEST_CASE("making an identity never overwrites one") {
  const Folder folder;
  sim::SeededRandom random(1);
  const std::string path = folder.write("identity", kSeed, 0600);
  const auto made = create_identity(path, random);
  REQUIRE(!made.ok());
  CHECK_THAT(made.error(), Contains("exists already"));
  CHECK(contents(path) == kSeed);
}

TEST_CASE("one at a time holds the lock of an identity") {
  const Folder folder;
  const std::string path = folder / "identity";
  {
    auto first = IdentityLock::acquire(path);
    REQUIRE(first.ok());
    const auto second = IdentityLock::acquire(path);
    REQUIRE(!second.ok());
    CHECK_THAT(second.error(), Contains(path) && Contains("--name"));
    const IdentityLock moved = std::move(*first);
    CHECK(!IdentityLock::acquire(path).ok());
    CHECK(IdentityLock::acquire(folder / "another").ok());
  }
  CHECK(IdentityLock::acquire(path).ok());
  CHECK(IdentityLock::acquire("-").ok());
}
