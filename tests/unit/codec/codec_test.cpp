// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "codec/writer.hpp"

using namespace hsfwd;
using codec::Reader;
using codec::Writer;

TEST_CASE("integers take their shortest form, and come back at every border") {
  const std::pair<std::uint64_t, std::size_t> sizes[] = {
      {0, 1},       {0xfc, 1},       {0xfd, 3},        {0xffff, 3},
      {0x10000, 5}, {0xffffffff, 5}, {0x100000000, 9}, {codec::kMaxInteger, 9}};
  for (const auto& [value, size] : sizes) {
    CAPTURE(value);
    const Bytes bytes = codec::encode([v = value](Writer& w) { w.uint(v); });
    CHECK(bytes.size() == size);
    Reader reader(bytes);
    CHECK(reader.uint() == value);
    CHECK(reader.ok());
    CHECK(reader.rest().empty());
    for (std::size_t cut = 0; cut < size; ++cut) {
      Reader truncated(ByteView(bytes).first(cut));
      CHECK(truncated.uint() == 0);
      CHECK(!truncated.ok());
    }
  }
}

TEST_CASE("integers that JavaScript cannot hold are refused both ways") {
  Bytes bytes;
  Writer writer(bytes);
  writer.uint(codec::kMaxInteger + 1);
  CHECK(!writer.ok());
  Reader reader(bytes);
  CHECK(reader.uint() == 0);
  CHECK(!reader.ok());
}

TEST_CASE("signed integers go in zig-zag") {
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{-127},
        std::int64_t{1} << 50, -(std::int64_t{1} << 50)}) {
    const Bytes bytes = codec::encode([value](Writer& w) { w.integer(value); });
    CHECK(Reader(bytes).integer() == value);
  }
  CHECK(codec::encode([](Writer& w) { w.integer(-1); }) == Bytes{1});
}

TEST_CASE("a length beyond the end fails, however large it is") {
  for (const Bytes& bytes : {Bytes{1}, Bytes{0xfe, 0xff, 0xff, 0xff, 0xff, 1},
                             Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0, 1}}) {
    Reader reader(bytes);
    CHECK(reader.buffer().empty());
    CHECK(!reader.ok());
  }
}

TEST_CASE("a count above the limit is refused before an element is read") {
  const Bytes bytes = codec::encode([](Writer& w) { w.uint(codec::kMaxArrayCount + 1); });
  Reader reader(bytes);
  int elements = 0;
  reader.array([&] { ++elements; });
  CHECK(elements == 0);
  CHECK(!reader.ok());
}

TEST_CASE("an array stops at its first element that is not there") {
  const Bytes bytes{0xfe, 0, 0, 8, 0, 1, 2, 3};  // half a million, it says
  Reader reader(bytes);
  int elements = 0;
  reader.array([&] {
    reader.u8();
    ++elements;
  });
  CHECK(elements == 4);
  CHECK(!reader.ok());
}

TEST_CASE("after a failure everything reads as nothing") {
  const Bytes bytes{5, 1, 2};
  Reader reader(bytes);
  CHECK(reader.buffer().empty());
  CHECK(reader.u8() == 0);
  CHECK(reader.ipv4() == net::Address{});
  CHECK(reader.rest().empty());
  CHECK(!reader.ok());
}

TEST_CASE("only 01 is true") {
  for (int value = 0; value < 256; ++value) {
    const Bytes bytes{static_cast<std::uint8_t>(value)};
    CHECK(Reader(bytes).boolean() == (value == 1));
  }
}
