// SPDX-License-Identifier: Apache-2.0
// Errors are values: a Result holds either what was asked for or a small code that says why not.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "util/check.hpp"

namespace hsfwd {

/// Reasons shared by the lower layers. Layers with a vocabulary of their own bring their own enum.
enum class Errc {
  kTruncated,    // input ends inside a field
  kMalformed,    // input is complete but means nothing
  kTooLarge,     // a count or size above its limit
  kRefused,      // well formed, and not allowed
  kUnavailable,  // the environment lacks it (port in use, no such address)
  kTimeout,
  kAuthentication,  // a tag, signature or proof does not verify
};

const char* to_string(Errc code);

/// Wraps the error of a Result in a return statement: `return Err(Errc::kTruncated);`
template <class E>
class Err {
 public:
  constexpr explicit Err(E code) : code_(std::move(code)) {}
  constexpr E take() { return std::move(code_); }

 private:
  E code_;
};

template <class T, class E = Errc>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Result(Err<E> err) : state_(std::in_place_index<1>, err.take()) {}     // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return get(*this); }
  const T& value() const& { return get(*this); }
  T&& value() && { return std::move(get(*this)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const E& error() const {
    HSFWD_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  template <class Self>
  static auto& get(Self& self) {
    HSFWD_CHECK(self.ok());
    return *std::get_if<0>(&self.state_);
  }

  std::variant<T, E> state_;
};

/// A Result without a value.
template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  Result() = default;
  Result(Err<E> err) : error_(err.take()) {}  // NOLINT: implicit

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const E& error() const {
    HSFWD_CHECK(error_.has_value());
    return *error_;
  }

 private:
  std::optional<E> error_;
};

}  // namespace hsfwd
