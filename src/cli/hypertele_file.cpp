// SPDX-License-Identifier: Apache-2.0
#include "cli/hypertele_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/events/event.hpp"
#include "crypto/crypto.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

/// A secret of the file, as long as it is needed.
class SecretField {
 public:
  SecretField(Json& json, const char* name) {
    const auto found = json.find(name);
    there_ = found != json.end() && !found->is_null();
    if (!there_ || !found->is_string()) return;
    auto& text = found->get_ref<std::string&>();
    bytes_ = from_hex(text);
    wipe(reinterpret_cast<std::uint8_t*>(text.data()), text.size());
  }
  ~SecretField() {
    if (bytes_) wipe(bytes_->data(), bytes_->size());
  }
  SecretField(const SecretField&) = delete;
  SecretField& operator=(const SecretField&) = delete;

  bool there() const { return there_; }
  bool has(std::size_t size) const { return bytes_ && bytes_->size() == size; }
  ByteView bytes() const { return *bytes_; }

 private:
  static void wipe(std::uint8_t* data, std::size_t size) { crypto::wipe({data, size}); }
  bool there_ = false;
  std::optional<Bytes> bytes_;
};

std::optional<PublicKey> key_of(const Json& value) {
  return value.is_string() ? parse_key(value.get_ref<const std::string&>()) : std::nullopt;
}

Err<std::string> bad(std::string why) {
  return Err(std::move(why));
}

Result<std::optional<KeyPair>, std::string> keys_of(Json& json) {
  const SecretField seed(json, "seed");
  const SecretField secret(json, "secretKey");
  if (seed.there()) {
    if (!seed.has(crypto::Seed::kSize)) return bad("its seed is not 64 hexadecimal digits");
    return std::optional(KeyPair::from_seed(crypto::Seed::from(seed.bytes())));
  }
  if (!secret.there()) return std::optional<KeyPair>();
  if (!secret.has(crypto::SecretKey::kSize)) {
    return bad("its secretKey is not 128 hexadecimal digits");
  }
  // The first half is the seed that the rest is made of.
  const auto keys =
      KeyPair::from_seed(crypto::Seed::from(secret.bytes().first(crypto::Seed::kSize)));
  const auto named = json.find("publicKey");
  const ByteView made = keys.secret_key.view();
  const bool whole = std::equal(made.begin(), made.end(), secret.bytes().begin());
  if (!whole || named == json.end() || key_of(*named) != keys.public_key) {
    return bad("its publicKey and secretKey do not belong together");
  }
  return std::optional(keys);
}

}  // namespace

Result<HyperteleFile, std::string> HyperteleFile::parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return bad("is not JSON");
  HyperteleFile out;
  auto keys = keys_of(json);
  if (!keys) return bad(keys.error());
  out.keys = std::move(*keys);
  if (const auto found = json.find("compress"); found != json.end() && *found != Json(false)) {
    return bad("its compress is what hsfwd does not do: leave it out on both sides");
  }
  if (const auto found = json.find("peer"); found != json.end()) {
    out.peer = key_of(*found);
    if (!out.peer) return bad("its peer is not a key");
  }
  if (const auto found = json.find("allow"); found != json.end() && !found->is_null()) {
    out.allow.emplace();
    if (!found->is_array() || found->empty()) return bad("its allow is not a list of keys");
    for (const Json& entry : *found) {
      const auto key = key_of(entry);
      if (!key) return bad("its allow has an entry that is not a key");
      out.allow->push_back(*key);
    }
  }
  return out;
}

}  // namespace hsfwd::cli
