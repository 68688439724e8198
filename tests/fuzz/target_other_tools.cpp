// SPDX-License-Identifier: Apache-2.0
// What other programs leave behind: holesail's record in the DHT, which its owner writes, and files of
// hypertele's.
#include "cli/holesail_record.hpp"
#include "cli/hypertele_file.hpp"
#include "cli/identity_forms.hpp"
#include "crypto/crypto.hpp"
#include "fuzz/input.hpp"

using namespace hsfwd;

namespace {

void check_record(ByteView bytes) {
  const auto record = cli::HolesailRecord::decode(bytes);
  if (!record) {
    fuzz::check_one_line(record.error());
    return;
  }
  const auto again = cli::HolesailRecord::decode(as_bytes(record->encode()));
  HSFWD_CHECK(again && *again == *record);
  const auto forward = record->local_forward();
  if (!forward) {
    fuzz::check_one_line(forward.error());
    return;
  }
  HSFWD_CHECK(forward->listen.host == "127.0.0.1" && forward->listen.port >= 1024);
  HSFWD_CHECK(forward->listen.udp == record->udp && !forward->listen.is_unix());
}

void check_file(std::string_view text) {
  const auto file = cli::HyperteleFile::parse(text);
  if (!file) {
    fuzz::check_one_line(file.error());
    return;
  }
  HSFWD_CHECK(!file->allow || !file->allow->empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::initialize();
  const ByteView bytes(data, size);
  check_record(bytes);
  check_file(as_text(bytes));
  const auto identity = cli::identity_of_other_form(as_text(bytes));
  if (!identity) fuzz::check_one_line(identity.error());
  return 0;
}
