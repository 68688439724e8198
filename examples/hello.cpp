// SPDX-License-Identifier: Apache-2.0
// The library in one file: a server that prints its key and says hello, and a client that connects to
// that key and prints what it hears.
//
//   hello serve [BOOTSTRAP]
//   hello ask KEY [BOOTSTRAP]       BOOTSTRAP: HOST:PORT of a first DHT node; the public network without
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "node/hsfwd.hpp"
#include "platform/loop.hpp"

namespace {

int serve(hsfwd::Node& node, hsfwd::platform::Loop& loop) {
  const auto keys = hsfwd::KeyPair::generate(loop.random());
  // Sockets live as long as somebody holds them.
  std::vector<hsfwd::PeerSocket> visitors;
  auto server = node.create_server([&](hsfwd::PeerSocket socket) {
    socket.write("Hello world!\n");
    socket.end();
    visitors.push_back(std::move(socket));
  });
  server.on_announced([&, told = false](std::size_t relays) mutable {
    if (relays == 0 || std::exchange(told, true)) return;
    std::printf("%s\n", hsfwd::key_text(keys.public_key).c_str());
    std::fflush(stdout);
  });
  if (!server.listen(keys)) return 1;
  loop.run();
  return 0;
}

int ask(hsfwd::Node& node, hsfwd::platform::Loop& loop, const hsfwd::PublicKey& key) {
  int exit_code = 0;
  auto socket = node.connect(key);
  socket.on_data([](hsfwd::ByteView bytes) { std::fwrite(bytes.data(), 1, bytes.size(), stdout); });
  socket.on_end([&] { socket.end(); });
  socket.on_close([&](const std::string& reason) {
    if (!reason.empty()) {
      std::fprintf(stderr, "%s\n", reason.c_str());
      exit_code = 1;
    }
    loop.stop();
  });
  loop.run();
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  std::optional<hsfwd::PublicKey> key;
  if (words.size() >= 2 && words[0] == "ask") {
    key = hsfwd::parse_key(words[1]);
    words.erase(words.begin());
  }
  if (words.empty() || (!key && words[0] != "serve")) {
    std::fputs("usage: hello serve [BOOTSTRAP] | hello ask KEY [BOOTSTRAP]\n", stderr);
    return 2;
  }

  hsfwd::Options options{.bootstrap = hsfwd::public_bootstrap()};
  if (words.size() > 1) {
    const auto bootstrap = hsfwd::BootstrapNode::parse(words[1]);
    if (!bootstrap) return 2;
    options.bootstrap = {*bootstrap};
  }
  hsfwd::platform::Loop loop;
  hsfwd::Node node(loop.env(hsfwd::Log()), std::move(options));
  if (!node.start()) return 1;
  return key ? ask(node, loop, *key) : serve(node, loop);
}
