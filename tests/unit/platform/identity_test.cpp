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
#include <thread>

#include "platform/fresh_file.hpp"
#include "platform/identity_file.hpp"
#include "platform/posix/exposure.hpp"
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
             Contains("large: is larger than 4096 bytes"));
  CHECK_THAT(load_identity(folder / ".", random).error(), Contains("/.: is a directory"));
  REQUIRE(symlink("nowhere", (folder / "link").c_str()) == 0);
  CHECK_THAT(load_identity(folder / "link", random).error(),
             Contains("link: is a link to a file that does not exist"));
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
  CHECK_THAT(made.error(), Contains("already exists"));
  CHECK(contents(path) == kSeed);
}

TEST_CASE("two that make an identity at once end up with the same") {
  const Folder folder;
  for (int round = 0; round < 20; ++round) {
    const std::string path = folder / std::to_string(round);
    crypto::PublicKey keys[2];
    std::string errors[2];
    std::thread threads[2];
    for (int i = 0; i < 2; ++i) {
      threads[i] = std::thread([&, i] {
        sim::SeededRandom random(static_cast<std::uint64_t>(2 * round + i));
        const auto loaded = load_identity(path, random);
        if (loaded) {
          keys[i] = loaded->keys.public_key;
        } else {
          errors[i] = loaded.error();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    INFO(errors[0] << errors[1]);
    CHECK(keys[0] == keys[1]);
    CHECK(keys[0] != crypto::PublicKey());
  }
}

TEST_CASE("what is left of an identity that was not finished stands in nobody's way") {
  const Folder folder;
  sim::SeededRandom random(1);
  const std::string path = folder / "identity";
  {
    auto file = FreshFile::create(path, random);
    REQUIRE(file.ok());
    REQUIRE(file->write("half").ok());
    CHECK(!std::filesystem::exists(path));
  }
  CHECK(std::filesystem::is_empty(folder / "."));
  CHECK(load_identity(path, random).ok());
  auto late = FreshFile::create(path, random);
  REQUIRE(late.ok());
  const auto published = late->publish();
  REQUIRE(!published.ok());
  CHECK(published.error() == EEXIST);
}

TEST_CASE("folders made for an identity are its owner's alone") {
  const Folder folder;
  sim::SeededRandom random(1);
  umask(0);
  REQUIRE(load_identity(folder / "deep/er/identity", random).ok());
  CHECK(mode_of(folder / "deep") == 0700);
  CHECK(mode_of(folder / "deep/er") == 0700);
}

TEST_CASE(
    "who may have read a secret: its owner and root, and a group that was given it on purpose") {
  struct stat info {};
  const auto exposed = [&](uid_t owner, mode_t mode, uid_t reader) {
    info.st_uid = owner;
    info.st_mode = S_IFREG | mode;
    return !why_exposed(info, reader).empty();
  };
  constexpr uid_t kMe = 1000;
  constexpr uid_t kOther = 1001;
  for (const uid_t owner : {kMe, uid_t{0}}) {
    for (const mode_t mode : {0600, 0400, 0700, 0500, 0440, 0040}) {
      CHECK(!exposed(owner, mode, kMe));
      CHECK(!exposed(owner, mode, 0));
    }
    for (const mode_t mode : {0640, 0644, 0444, 0404, 0660, 0601, 0540, 0450, 0460, 0666}) {
      CAPTURE(mode);
      CHECK(exposed(owner, mode, kMe));
      CHECK(exposed(owner, mode, 0));
    }
  }
  CHECK(exposed(kOther, 0600, kMe));
  CHECK(exposed(kOther, 0440, kMe));
  CHECK(!exposed(kMe, 0600, 0));  // sudo
  info.st_mode = S_IFIFO | 0644;
  CHECK(why_exposed(info, kMe).empty());
}

namespace {

/// Where locks are for the time being: below folders of its own.
class Places {
 public:
  explicit Places(const std::string& state, const std::string& runtime) {
    setenv("XDG_STATE_HOME", state.c_str(), 1);
    setenv("XDG_RUNTIME_DIR", runtime.c_str(), 1);
  }
  ~Places() {
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_RUNTIME_DIR");
  }
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;
};

struct Warned final : LogSink {
  void write(LogLevel, std::string_view, std::string_view message) override { text = message; }
  std::string text;
};

crypto::PublicKey key_of(std::uint64_t seed) {
  sim::SeededRandom random(seed);
  return crypto::KeyPair::generate(random).public_key;
}

}  // namespace

TEST_CASE("one at a time announces a key, by whatever path its identity came") {
  const Folder folder;
  const Places places(folder / "state", folder / "runtime");
  {
    auto first = IdentityLock::acquire(key_of(1), "/one", Log());
    REQUIRE(first.ok());
    for (const char* path : {"/one", "/a/copy", "-"}) {
      const auto second = IdentityLock::acquire(key_of(1), path, Log());
      REQUIRE(!second.ok());
      CHECK_THAT(second.error().why, Contains("another hsfwd process") && Contains("--name"));
    }
    const IdentityLock moved = std::move(*first);
    CHECK(!IdentityLock::acquire(key_of(1), "/one", Log()).ok());
    CHECK(IdentityLock::acquire(key_of(2), "/one", Log()).ok());
  }
  CHECK(IdentityLock::acquire(key_of(1), "/one", Log()).ok());
}

TEST_CASE("a lock that is taken tells the same file from a copy, which may be waited for") {
  const Folder folder;
  const Places places(folder / "state", folder / "runtime");
  const std::string file = folder.write("file", "", 0600);
  const std::string copy = folder.write("copy", "", 0600);
  std::filesystem::create_symlink(file, folder / "link");
  const auto first = IdentityLock::acquire(key_of(1), file, Log());
  REQUIRE(first.ok());
  for (const std::string& path : {file, folder / "link"}) {
    const auto second = IdentityLock::await(key_of(1), path, Log(), 1_min);
    REQUIRE(!second.ok());
    CHECK(second.error().same_file);
  }
  for (const std::string& path : {copy, std::string("-")}) {
    const auto second = IdentityLock::await(key_of(1), path, Log(), 100_ms);
    REQUIRE(!second.ok());
    CHECK(!second.error().same_file);
  }
}

TEST_CASE(
    "a key is locked beside a state directory that cannot be written, or goes unlocked with a "
    "word") {
  const Folder folder;
  const std::string file = folder.write("file", "", 0600);
  Warned sink;
  const Log log(sink, LogLevel::kWarning);
  {
    const Places places(file, folder / "runtime");
    const auto first = IdentityLock::acquire(key_of(1), "/one", log);
    REQUIRE(first.ok());
    CHECK(!IdentityLock::acquire(key_of(1), "/two", log).ok());
    CHECK(sink.text.empty());
  }
  const Places places(file, file);
  CHECK(IdentityLock::acquire(key_of(1), "/one", log).ok());
  CHECK_THAT(sink.text, Contains("/one would not be noticed") && Contains("Not a directory"));
}
