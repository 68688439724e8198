// SPDX-License-Identifier: Apache-2.0
#include "cli/journal_fields.hpp"

#include <optional>
#include <string_view>

#include "node/keys.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

std::string journal_name(std::string_view name) {
  if (name == "id") name = "connection";
  std::string out = "HSFWD_";
  for (const char c : name) {
    const bool is_capital = c >= 'A' && c <= 'Z';
    if (is_capital) out.push_back('_');
    out.push_back(is_capital || c < 'a' || c > 'z' ? c : static_cast<char>(c - 'a' + 'A'));
  }
  return out;
}

std::optional<std::string> journal_value(std::string_view name, const Json& value) {
  if (value.is_number_integer() || value.is_boolean()) return value.dump();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (name != "peer") return printable(text);
  const auto key = from_hex(text);
  return key ? to_z32(*key) : printable(text);
}

}  // namespace

JournalFields::JournalFields(const Json& event) {
  for (const auto& [name, value] : event.items()) {
    const auto text = journal_value(name, value);
    if (text && !text->empty()) texts_.emplace_back(journal_name(name), *text);
  }
  for (const auto& [name, value] : texts_) all_.push_back({name, value});
}

}  // namespace hsfwd::cli
