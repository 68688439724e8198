// SPDX-License-Identifier: Apache-2.0
// The file in which nodes are remembered: whatever it holds, addresses that can be asked come out,
// or nothing.
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/input.hpp"
#include "platform/node_file.hpp"

using namespace hsfwd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int kFile = memfd_create("nodes", MFD_CLOEXEC);
  static const std::string kPath = "/proc/self/fd/" + std::to_string(kFile);
  for (const std::string_view head : {"", "hsfwd nodes 1\n"}) {
    const std::string text = std::string(head) + std::string(as_text({data, size}));
    HSFWD_CHECK(ftruncate(kFile, 0) == 0);
    HSFWD_CHECK(pwrite(kFile, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    const auto nodes = platform::load_nodes(kPath, Log());
    HSFWD_CHECK(nodes.size() <= platform::kMaxRememberedNodes);
    for (const net::Address& node : nodes) {
      HSFWD_CHECK(node.port != 0 && !node.host.is_any());
    }
  }
  return 0;
}
