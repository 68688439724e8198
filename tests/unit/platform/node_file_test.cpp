// SPDX-License-Identifier: Apache-2.0
#include "platform/node_file.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "unit/platform/scratch.hpp"

namespace hsfwd::platform {

namespace {

/// Counts what is worth a warning.
class Warnings final : public LogSink {
 public:
  void write(LogLevel level, std::string_view, std::string_view) override {
    count += level >= LogLevel::kWarning;
  }
  Log log() { return {*this, LogLevel::kTrace}; }
  int count = 0;
};

std::vector<net::Address> some_nodes(std::uint32_t count) {
  std::vector<net::Address> out;
  for (std::uint32_t i = 0; i < count; ++i) {
    out.push_back({{0x34000001u + i * 7919u}, static_cast<std::uint16_t>(1000 + i)});
  }
  return out;
}

void put(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("nodes are remembered from one run to the next, in order and not without end") {
  const Scratch scratch;
  Warnings warnings;
  const std::string path = node_file_path(scratch.path + "/cache/hsfwd", {"a:1"});
  CHECK(load_nodes(path, warnings.log()).empty());
  const auto nodes = some_nodes(7);
  save_nodes(path, nodes, warnings.log());
  CHECK(load_nodes(path, warnings.log()) == nodes);
  save_nodes(path, some_nodes(1000), warnings.log());
  CHECK(load_nodes(path, warnings.log()) == some_nodes(kMaxRememberedNodes));
  CHECK(warnings.count == 0);
}

TEST_CASE("each network has a node file of its own, whatever the order of its bootstrap nodes") {
  CHECK(node_file_path("/d", {"a:1", "b:2"}) == node_file_path("/d", {"b:2", "a:1"}));
  CHECK(node_file_path("/d", {"a:1"}) != node_file_path("/d", {"a:2"}));
  CHECK(node_file_path("/d", {"a:1", "b:2"}) != node_file_path("/d", {"a:1"}));
}

TEST_CASE("a node file that makes no sense is ignored, with a warning") {
  const Scratch scratch;
  const std::string path = scratch.path + "/nodes-x";
  const std::string good = "hsfwd nodes 1\n1.2.3.4:5\n";
  for (const std::string& text :
       {std::string(), std::string("hsfwd nodes 2\n1.2.3.4:5\n"), good + "1.2.3.4:5",
        good + "1.2.3.4:0\n", good + "0.0.0.0:7\n", good + "1.2.3.4:70000\n", good + "name:5\n",
        good + "\n", std::string("\0\xff\n", 3), good + std::string(1000000, 'x') + "\n"}) {
    CAPTURE(text.substr(0, 60));
    Warnings warnings;
    put(path, text);
    CHECK(load_nodes(path, warnings.log()).empty());
    CHECK(warnings.count == 1);
    // The next run has a good one again.
    save_nodes(path, some_nodes(3), warnings.log());
    CHECK(load_nodes(path, warnings.log()) == some_nodes(3));
  }
}

TEST_CASE("what is in the place of a node file and is none does not stop or block anything") {
  const Scratch scratch;
  Warnings warnings;
  const std::string directory = scratch.path + "/nodes-directory";
  std::filesystem::create_directory(directory);
  CHECK(load_nodes(directory, warnings.log()).empty());
  save_nodes(directory, some_nodes(3), warnings.log());
  const std::string fifo = scratch.path + "/nodes-fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(load_nodes(fifo, warnings.log()).empty());
  CHECK(warnings.count == 2);
  put(scratch.path + "/file", "");
  save_nodes(scratch.path + "/file/hsfwd/nodes-x", some_nodes(3), warnings.log());
  CHECK(warnings.count == 2);
}

TEST_CASE("only the networks used last are remembered, and nothing else is left lying about") {
  const Scratch scratch;
  Warnings warnings;
  std::vector<std::string> paths;
  for (int i = 0; i < 12; ++i) {
    paths.push_back(node_file_path(scratch.path, {std::to_string(i)}));
    save_nodes(paths.back(), some_nodes(1), warnings.log());
    const auto age = std::filesystem::file_time_type::clock::now() - std::chrono::hours(100 - i);
    std::filesystem::last_write_time(paths.back(), age);
  }
  put(scratch.path + "/other", "kept");
  save_nodes(paths[11], some_nodes(2), warnings.log());
  CHECK(!std::filesystem::exists(paths[3]));
  CHECK(std::filesystem::exists(paths[4]));
  CHECK(std::filesystem::exists(scratch.path + "/other"));
  const auto files = std::filesystem::directory_iterator(scratch.path);
  CHECK(std::distance(begin(files), end(files)) == 9);
}

}  // namespace hsfwd::platform
