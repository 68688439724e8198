// SPDX-License-Identifier: Apache-2.0
// compact-encoding and the written forms of keys.
#include <arpa/inet.h>

#include "codec/writer.hpp"
#include "hyperdht/wire/key_text.hpp"
#include "runner.hpp"

namespace hsfwd::vectors {

namespace {

using codec::Reader;
using codec::Writer;

net::Ipv6Address ipv6_of(const Json& value) {
  net::Ipv6Address out;
  expect(inet_pton(AF_INET6, value["host"].get<std::string>().c_str(), out.host.data()) == 1,
         "vector has an IPv6 address that is none");
  out.port = value["port"];
  return out;
}

std::uint64_t limited(const Json& value, std::uint64_t max) {
  expect(value.is_number_integer() && value >= 0 && value.get<std::uint64_t>() <= max,
         "value does not fit the type");
  return value;
}

void write(Writer& w, const std::string& type, const Json& value) {
  if (type == "uint")
    w.uint(limited(value, UINT64_MAX));
  else if (type == "uint8")
    w.u8(static_cast<std::uint8_t>(limited(value, 0xff)));
  else if (type == "uint16")
    w.u16(static_cast<std::uint16_t>(limited(value, 0xffff)));
  else if (type == "uint24")
    w.u24(static_cast<std::uint32_t>(limited(value, 0xffffff)));
  else if (type == "uint32")
    w.u32(static_cast<std::uint32_t>(limited(value, 0xffffffff)));
  else if (type == "uint64")
    w.u64(limited(value, UINT64_MAX));
  else if (type == "int")
    w.integer(value);
  else if (type == "bool")
    w.boolean(value);
  else if (type == "buffer")
    w.buffer(bytes_of(value));
  else if (type == "string")
    w.string(value.get<std::string>());
  else if (type == "raw")
    w.raw(bytes_of(value));
  else if (type == "fixed32" || type == "fixed64")
    w.raw(bytes_of(value));
  else if (type == "ipv4Address")
    w.ipv4(address_of(value));
  else if (type == "ipv6Address")
    w.ipv6(ipv6_of(value));
  else if (type == "array(ipv4Address)")
    w.ipv4_array(addresses_of(value));
  else if (type == "array(uint)") {
    w.uint(value.size());
    for (const Json& entry : value) w.uint(limited(entry, UINT64_MAX));
  } else {
    throw Unknown(type);
  }
}

/// What a reader makes of the bytes, in the form of the vectors.
Json read(Reader& r, const std::string& type) {
  if (type == "uint") return r.uint();
  if (type == "uint8") return r.u8();
  if (type == "uint16") return r.u16();
  if (type == "uint24") return r.u24();
  if (type == "uint32") return r.u32();
  if (type == "uint64") return r.u64();
  if (type == "int") return r.integer();
  if (type == "bool") return r.boolean();
  if (type == "buffer") return to_hex(r.buffer());
  if (type == "string") return std::string(r.string());
  if (type == "raw") return to_hex(r.raw(r.rest().size()));
  if (type == "fixed32") return to_hex(r.raw(32));
  if (type == "fixed64") return to_hex(r.raw(64));
  if (type == "ipv4Address") return r.ipv4().to_string();
  if (type == "ipv6Address") {
    const net::Ipv6Address address = r.ipv6();
    return {{"host", to_hex(address.host)}, {"port", address.port}};
  }
  Json out = Json::array();
  if (type == "array(uint)") {
    r.array([&] { out.push_back(r.uint()); });
  } else if (type == "array(ipv4Address)") {
    for (const net::Address& address : r.ipv4_array()) out.push_back(address.to_string());
  } else {
    throw Unknown(type);
  }
  return out;
}

Json comparable(const std::string& type, const Json& value) {
  if (type != "ipv6Address") return value;
  return {{"host", to_hex(ipv6_of(value).host)}, {"port", value["port"]}};
}

void check_reads(const Json& v, const std::string& type) {
  const Bytes bytes = bytes_of(v["hex"]);
  Reader r(bytes);
  const Json value = read(r, type);
  expect(r.ok(), "does not decode");
  expect(value == comparable(type, v["value"]), "decodes to " + value.dump());
}

}  // namespace

void check_compact_encoding(const Json& v) {
  const std::string op = v["op"];
  const std::string type = v["type"];
  if (op == "encode") {
    Bytes out;
    Writer w(out);
    write(w, type, v["value"]);
    expect(w.ok(), "is not written");
    expect_bytes(out, v["hex"], "encodes to");
    check_reads(v, type);
  } else if (op == "decode") {
    check_reads(v, type);
  } else if (op == "reject") {
    const Bytes bytes = bytes_of(v["hex"]);
    Reader r(bytes);
    const Json value = read(r, type);
    expect(!r.ok(), "is accepted as " + value.dump());
  } else if (op == "reject-encode") {
    Bytes out;
    Writer w(out);
    bool written = true;
    try {
      write(w, type, v["value"]);
    } catch (const Mismatch&) {
      written = false;
    }
    expect(!written || !w.ok(), "is written");
  } else {
    throw Unknown(op);
  }
}

namespace {
bool is_case(const Json& v, std::string_view begins) {
  return v["name"].get<std::string>().starts_with(begins);
}
}  // namespace

void check_address_ids(const Json& v) {
  const std::string op = v["op"];
  if (op == "z32") {
    expect(hyperdht::key_text(fixed_of<crypto::PublicKey>(v["key"])) == v["text"], "other text");
    const auto key = hyperdht::parse_key(v["text"].get<std::string>());
    expect(key && to_hex(key->view()) == v["key"], "does not come back");
  } else if (op == "id-decode") {
    const auto key = hyperdht::parse_key(v["text"].get<std::string>());
    if (is_case(v, "id-decode spare bits")) {
      expect(!key, "is accepted");  // differs from upstream: such a text is not the key's
      return;
    }
    expect(key.has_value(), "is refused");
    expect_bytes(key->view(), v["key"], "other key");
  } else if (op == "id-reject") {
    const auto key = hyperdht::parse_key(v["text"].get<std::string>());
    if (is_case(v, "id-reject upper case z32")) {
      expect(key.has_value(), "is refused");  // differs from upstream, as with hexadecimal
      return;
    }
    expect(!key, "is accepted");
  } else if (op == "address" || op == "address-decode") {
    const auto decoded = hyperdht::KeyAddress::decode(bytes_of(v["hex"]));
    expect(decoded.ok(), "is refused");
    expect_bytes(decoded->key.view(), v["key"], "other key");
    expect(decoded->nodes.has_value() == !v["nodes"].is_null(), "nodes present or not");
    if (decoded->nodes) expect(*decoded->nodes == addresses_of(v["nodes"]), "other nodes");
    if (op == "address") expect_bytes(decoded->encode(), v["hex"], "encodes to");
  } else if (op == "address-reject") {
    expect(!hyperdht::KeyAddress::decode(bytes_of(v["hex"])), "is accepted");
  } else {
    throw Unknown(op);
  }
}

}  // namespace hsfwd::vectors
