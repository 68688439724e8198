// SPDX-License-Identifier: Apache-2.0
#include "fuzz/mutator.hpp"

#include <algorithm>
#include <iterator>

namespace hsfwd::fuzz {

namespace {

constexpr std::uint8_t kTelling[] = {0x00, 0x01, 0x02, 0x7f, 0x80, 0xfb, 0xfc,
                                     0xfd, 0xfe, 0xff, '\n', ':',  '"',  '['};

std::size_t below(Random& random, std::size_t bound) {
  return random.below(static_cast<std::uint32_t>(bound));
}

std::ptrdiff_t place(Random& random, const Bytes& in) {
  return static_cast<std::ptrdiff_t>(below(random, in.size() + 1));
}

Bytes piece(Random& random, const Bytes& of) {
  const std::ptrdiff_t a = place(random, of);
  const std::ptrdiff_t b = place(random, of);
  return {of.begin() + std::min(a, b), of.begin() + std::max(a, b)};
}

void change(Bytes& bytes, const std::vector<Bytes>& corpus, Random& random) {
  const std::uint32_t what = random.below(9);
  if (what == 0) {
    const Bytes part = piece(random, corpus[below(random, corpus.size())]);
    bytes.insert(bytes.begin() + place(random, bytes), part.begin(), part.end());
    return;
  }
  if (what == 1) {
    bytes.insert(bytes.begin() + place(random, bytes), static_cast<std::uint8_t>(random.u32()));
    return;
  }
  if (bytes.empty()) return;
  std::uint8_t& byte = bytes[below(random, bytes.size())];
  switch (what) {
    case 2:
      byte = static_cast<std::uint8_t>(byte ^ 1u << random.below(8));
      break;
    case 3:
      byte = static_cast<std::uint8_t>(random.u32());
      break;
    case 4:
      byte = kTelling[random.below(std::size(kTelling))];
      break;
    case 5:
      ++byte;
      break;
    case 6:
      bytes.resize(below(random, bytes.size()));
      break;
    case 7: {
      const Bytes part = piece(random, bytes);
      bytes.insert(bytes.begin() + place(random, bytes), part.begin(), part.end());
      break;
    }
    default: {
      const std::ptrdiff_t a = place(random, bytes);
      const std::ptrdiff_t b = place(random, bytes);
      bytes.erase(bytes.begin() + std::min(a, b), bytes.begin() + std::max(a, b));
      break;
    }
  }
}

}  // namespace

Bytes mutate(const std::vector<Bytes>& corpus, Random& random, std::size_t max_size) {
  Bytes out = corpus[below(random, corpus.size())];
  for (std::uint32_t changes = 1 + random.below(6); changes > 0; --changes) {
    change(out, corpus, random);
  }
  if (out.size() > max_size) out.resize(max_size);
  return out;
}

}  // namespace hsfwd::fuzz
