// SPDX-License-Identifier: Apache-2.0
#include "cli/event_fields.hpp"

#include "util/text.hpp"

namespace hsfwd::cli {

std::string text_field(const Json& object, const char* name) {
  return printable(object.at(name).get_ref<const std::string&>());
}

std::uint64_t number_field(const Json& object, const char* name) {
  const Json& value = object.at(name);
  // get() would convert whatever is a number, and a fraction out of range has no whole one.
  if (value.is_number_integer() && value >= 0) return value.get<std::uint64_t>();
  return value.get_ref<const Json::number_unsigned_t&>();  // throws
}

bool flag_field(const Json& object, const char* name) {
  return object.at(name).get<bool>();
}

}  // namespace hsfwd::cli
