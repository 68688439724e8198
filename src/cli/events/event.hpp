// SPDX-License-Identifier: Apache-2.0
// Events and what they consist of are structs that name their fields once: they are written, read and
// compared with the documents by that list. It is called, not a value, so that a file that reads only
// some of the structs compiles nothing for the others.
//
//   struct Pair {
//     std::string first;
//     std::optional<double> second;
//     static constexpr void fields(auto list) {
//       list(field("first", &Pair::first), field("second", &Pair::second));
//     }
//   };
//
// An event also has `static constexpr const char* kName` and `kFrom`, the commands that report it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "util/text.hpp"

namespace hsfwd::cli {

using Json = nlohmann::ordered_json;

template <class Owner, class Member>
struct Field {
  const char* name;
  Member Owner::*member;
  bool may_be_missing = false;
};

template <class Owner, class Member>
constexpr Field<Owner, Member> field(const char* name, Member Owner::*member) {
  return {name, member};
}

/// One that an `up` of before it was there does not write: then it is read as its default.
template <class Owner, class Member>
constexpr Field<Owner, Member> newer_field(const char* name, Member Owner::*member) {
  return {name, member, true};
}

/// Without a value the field is left out. That of a std::optional is null.
template <class T>
struct Omittable : std::optional<T> {
  using std::optional<T>::optional;
};

/// Fields whose names are known only while the program runs, in the place of one.
struct Spread {
  std::vector<std::pair<std::string, Json>> fields;
};

template <class T>
concept HasFields = requires {
  static_cast<void (*)(int)>(&T::fields);  // of any type: named, not called
};
template <class T>
concept Event = HasFields<T> && requires {
  T::kName;
  T::kFrom;
};

template <class T>
struct IsOmittable : std::false_type {};
template <class T>
struct IsOmittable<Omittable<T>> : std::true_type {};

template <class T>
Json encode(const T& value) {
  return value;
}
// They call each other.
template <class T>
Json encode(const std::vector<T>& values);
template <class T>
Json encode(const std::optional<T>& value);
template <HasFields T>
Json encode(const T& value);

template <class T>
Json encode(const std::vector<T>& values) {
  Json out = Json::array();
  for (const T& value : values) out.push_back(encode(value));
  return out;
}

template <class T>
Json encode(const std::optional<T>& value) {
  return value ? encode(*value) : Json();
}

template <HasFields T>
Json encode(const T& value) {
  Json out = Json::object();
  const auto add = [&](const auto& field) {
    const auto& member = value.*field.member;
    using Member = std::decay_t<decltype(member)>;
    if constexpr (std::is_same_v<Member, Spread>) {
      for (const auto& [name, json] : member.fields) out[name] = json;
    } else if constexpr (IsOmittable<Member>::value) {
      if (member) out[field.name] = encode(*member);
    } else {
      out[field.name] = encode(member);
    }
  };
  T::fields([&](const auto&... field) { (add(field), ...); });
  return out;
}

template <class T>
void decode(const Json& json, T& out);
template <class T>
void decode(const Json& json, std::optional<T>& out);
template <class T>
void decode(const Json& json, std::vector<T>& out);

/// What another process wrote, as it may be shown: texts are printable. What a Spread stands for is not
/// read. Throws Json::exception if something is missing or of another type.
template <class T>
void decode(const Json& json, T& out) {
  if constexpr (HasFields<T>) {
    const auto read = [&](const auto& field) {
      auto& member = out.*field.member;
      using Member = std::decay_t<decltype(member)>;
      if constexpr (IsOmittable<Member>::value) {
        if (json.contains(field.name)) decode(json.at(field.name), member.emplace());
      } else if (field.may_be_missing && !json.contains(field.name)) {
        member = Member();
      } else if constexpr (!std::is_same_v<Member, Spread>) {
        decode(json.at(field.name), member);
      }
    };
    T::fields([&](const auto&... field) { (read(field), ...); });
  } else if constexpr (std::is_same_v<T, std::string>) {
    out = printable(json.get_ref<const std::string&>());
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    // get() would convert whatever is a number, and a fraction out of range has no whole one.
    const bool whole =
        json.is_number_unsigned() || (json.is_number_integer() && json.get<std::int64_t>() >= 0);
    out = whole ? json.get<std::uint64_t>()
                : json.get_ref<const Json::number_unsigned_t&>();  // throws
  } else {
    out = json.get<T>();
  }
}

template <class T>
void decode(const Json& json, std::optional<T>& out) {
  out.reset();
  if (!json.is_null()) decode(json, out.emplace());
}

template <class T>
void decode(const Json& json, std::vector<T>& out) {
  out.clear();
  for (const Json& entry : json.get_ref<const Json::array_t&>()) decode(entry, out.emplace_back());
}

template <class T>
T decoded(const Json& json) {
  T out;
  decode(json, out);
  return out;
}

template <class T>
void add_names(const T*, std::vector<std::string>&) {}
template <class T>
void add_names(const std::vector<T>*, std::vector<std::string>& out);
template <class T>
void add_names(const std::optional<T>*, std::vector<std::string>& out);
template <class T>
void add_names(const Omittable<T>*, std::vector<std::string>& out);

template <HasFields T>
void add_names(const T*, std::vector<std::string>& out) {
  const auto add = [&]<class Member>(const Field<T, Member>& field) {
    if constexpr (!std::is_same_v<Member, Spread>) out.emplace_back(field.name);
    add_names(static_cast<const Member*>(nullptr), out);
  };
  T::fields([&](const auto&... field) { (add(field), ...); });
}

template <class T>
void add_names(const std::vector<T>*, std::vector<std::string>& out) {
  add_names(static_cast<const T*>(nullptr), out);
}

template <class T>
void add_names(const std::optional<T>*, std::vector<std::string>& out) {
  add_names(static_cast<const T*>(nullptr), out);
}

template <class T>
void add_names(const Omittable<T>*, std::vector<std::string>& out) {
  add_names(static_cast<const T*>(nullptr), out);
}

/// The names of all fields, those of the structs inside after the field that has them.
template <HasFields T>
std::vector<std::string> names_of_fields() {
  std::vector<std::string> out;
  add_names(static_cast<const T*>(nullptr), out);
  return out;
}

}  // namespace hsfwd::cli
