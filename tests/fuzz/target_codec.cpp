// SPDX-License-Identifier: Apache-2.0
// The reader of fields: never beyond the end, nothing after a failure, and what it has read is
// written and read again the same.
#include "codec/writer.hpp"
#include "fuzz/input.hpp"

using namespace hsfwd;

namespace {

void check_failed_is_final(codec::Reader reader) {
  HSFWD_CHECK(reader.rest().empty() && reader.uint() == 0 && reader.buffer().empty());
  HSFWD_CHECK(reader.integer() == 0 && reader.u64() == 0 && !reader.boolean());
  HSFWD_CHECK(reader.ipv4() == net::Address{} && reader.ipv4_array().empty() && !reader.ok());
}

template <class Value, class Read, class Write>
void check_field(codec::Reader& reader, Read read, Write write) {
  const Value value = read(reader);
  if (!reader.ok()) return;
  Bytes bytes;
  codec::Writer writer(bytes);
  write(writer, value);
  HSFWD_CHECK(writer.ok());
  codec::Reader again(bytes);
  HSFWD_CHECK(read(again) == value && again.ok() && again.rest().empty());
}

void read_one(std::uint8_t kind, codec::Reader& reader) {
  using codec::Reader;
  using codec::Writer;
  const auto field = [&]<class Value>(Value (Reader::*read)(), void (Writer::*write)(Value)) {
    check_field<Value>(
        reader, [read](Reader& r) { return (r.*read)(); },
        [write](Writer& w, Value value) { (w.*write)(value); });
  };
  switch (kind % 10) {
    case 0:
      return field(&Reader::uint, &Writer::uint);
    case 1:
      return field(&Reader::integer, &Writer::integer);
    case 2:
      return field(&Reader::u8, &Writer::u8);
    case 3:
      return field(&Reader::u16, &Writer::u16);
    case 4:
      return field(&Reader::u24, &Writer::u24);
    case 5:
      return field(&Reader::u32, &Writer::u32);
    case 6:
      return field(&Reader::u64, &Writer::u64);
    case 7:
      return check_field<Bytes>(
          reader, [](Reader& r) { return to_bytes(r.buffer()); },
          [](Writer& w, const Bytes& value) { w.buffer(value); });
    case 8:
      return check_field<std::vector<net::Address>>(
          reader, [](Reader& r) { return r.ipv4_array(); },
          [](Writer& w, const std::vector<net::Address>& value) { w.ipv4_array(value); });
    default:
      return check_field<net::Ipv6Address>(
          reader, [](Reader& r) { return r.ipv6(); },
          [](Writer& w, const net::Ipv6Address& value) { w.ipv6(value); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Each kind of field from the front of the whole, then fields as the first bytes say.
  for (std::uint8_t kind = 0; kind < 10; ++kind) {
    codec::Reader reader({data, size});
    read_one(kind, reader);
    if (!reader.ok()) check_failed_is_final(reader);
  }
  fuzz::Input input(data, size);
  const ByteView kinds = input.take(16);
  codec::Reader reader(input.rest());
  for (const std::uint8_t kind : kinds) {
    const std::size_t before = reader.rest().size();
    read_one(kind, reader);
    HSFWD_CHECK(reader.rest().size() <= before);
  }
  return 0;
}
