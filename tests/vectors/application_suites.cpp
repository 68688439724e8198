// SPDX-License-Identifier: Apache-2.0
// Keys, connection strings, records and datagrams of hypertele and holesail.
#include <algorithm>
#include <string>
#include <vector>

#include "cli/holesail_record.hpp"
#include "crypto/crypto.hpp"
#include "forward/datagram_frames.hpp"
#include "hyperdht/wire/key_text.hpp"
#include "hyperdht/wire/protocol.hpp"
#include "hyperdht/wire/signatures.hpp"
#include "runner.hpp"
#include "util/text.hpp"

namespace hsfwd::vectors {

namespace {

void check_hypertele_keys(const Json& one) {
  const auto keys = crypto::KeyPair::from_seed(crypto::Seed::from(bytes_of(one["seed"])));
  expect_bytes(keys.public_key.view(), one["public_key"], "public key");
  expect_bytes(keys.secret_key.view(), one["secret_key"], "secret key");
  expect(hyperdht::key_text(keys.public_key) == one["z32"], "z32");
  expect_bytes(hyperdht::target_of_peer(keys.public_key).view(), one["announce_target"],
               "announce target");
}

void check_holesail_keys(const Json& one) {
  const auto address = hyperdht::HolesailAddress::parse(one["url"].get<std::string>());
  expect(address.has_value(), "url is refused");
  expect_bytes(address->key.view(), one["public_key"], "public key");
  const bool secure = one["mode"] == "secure";
  expect(address->shared_identity.has_value() == secure, "secure or not");
  if (secure) {
    expect_bytes(address->shared_identity->seed().view(), one["seed_hex"], "seed");
  }
}

void check_holesail_record(const Json& one) {
  const Json& in = one["inputs"];
  const auto keys = crypto::KeyPair::from_seed(crypto::Seed::from(bytes_of(in["seed"])));
  const Bytes value = bytes_of(one["value"]);
  const std::uint64_t seq = in["seq"];
  expect_bytes(hyperdht::mutable_signable(seq, value), one["signable"], "signable");
  expect_bytes(hyperdht::sign_mutable(seq, value, keys).view(), one["signature"], "signature");
  const auto record = cli::HolesailRecord::decode(value);
  expect(record.ok(), "record is refused");
  expect(record->port == in["port"].get<std::uint16_t>(), "port");
  expect(record->udp == (in["udp"] == Json(true)), "udp");
  // What hsfwd writes has the usual host, and says nothing of UDP where there is none.
  const bool ours = in["host"] == "127.0.0.1" && in["udp"] != Json(false);
  if (ours) expect(Json(record->encode()) == one["value_utf8"], "record");
}

/// Strings without hs:// are no connection strings here, and a public key has 52 characters.
void check_holesail_url(const Json& one) {
  constexpr std::size_t kMarked = 9;  // hs:// and four characters
  const auto url = one["url"].get<std::string>();
  const Json& parsed = one["parsed"];
  const auto address = hyperdht::HolesailAddress::parse(url);
  if (!url.starts_with("hs://") || url.size() <= kMarked || !parsed["secure"].get<bool>()) {
    return expect(!address, "is taken for a key");
  }
  expect(address && address->shared_identity, "is no shared secret");
  const auto seed = crypto::sha256(as_bytes(parsed["key"].get<std::string>()));
  const auto keys = crypto::KeyPair::from_seed(crypto::Seed::from(seed.view()));
  expect(address->key == keys.public_key, "another key");
}

/// However the bytes are cut.
std::vector<std::string> datagrams_in(ByteView framed, std::size_t piece) {
  std::vector<std::string> out;
  forward::FrameReader reader;
  for (std::size_t at = 0; at < framed.size(); at += piece) {
    const bool fine = reader.feed(framed.subspan(at, std::min(piece, framed.size() - at)),
                                  [&](ByteView one) { out.push_back(to_hex(one)); });
    expect(fine && reader.held() <= framed.size(), "is refused");
  }
  expect(reader.held() == 0, "waits for more");
  return out;
}

void check_holesail_framing(const Json& one) {
  const Bytes framed = bytes_of(one["framed"]);
  for (const std::size_t piece : {framed.size(), std::size_t{1}, std::size_t{3}}) {
    expect(Json(datagrams_in(framed, piece)) == Json::array({one["datagram"]}), "datagram");
  }
}

}  // namespace

void check_applications(const Json& v) {
  static const std::map<std::string, Check> kKinds = {
      {"hypertele-keys", check_hypertele_keys},
      {"holesail-keys", check_holesail_keys},
      {"holesail-dht-record", check_holesail_record},
      {"holesail-url-parsing", check_holesail_url},
      {"holesail-udp-framing", check_holesail_framing},
      {"z32",
       [](const Json& one) { expect(to_z32(bytes_of(one["hex"])) == one["z32"], "other text"); }},
  };
  const auto kind = kKinds.find(v["name"].get<std::string>());
  if (kind == kKinds.end()) throw Unknown(v["name"]);
  for (const Json& one : v["cases"]) kind->second(one);
  if (!v.contains("concatenated")) return;
  expect(Json(datagrams_in(bytes_of(v["concatenated"]), 1)) == v["concatenated_datagrams"],
         "several datagrams");
}

}  // namespace hsfwd::vectors
