// SPDX-License-Identifier: Apache-2.0
// Time as the cores see it: microseconds, handed in from outside, never read from a clock.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace hsfwd {

/// A span of time, microseconds.
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration micros(std::int64_t n) { return Duration(n); }
  static constexpr Duration millis(std::int64_t n) { return Duration(n * 1000); }
  static constexpr Duration seconds(std::int64_t n) { return Duration(n * 1000000); }
  static constexpr Duration max() { return Duration(std::numeric_limits<std::int64_t>::max()); }

  constexpr std::int64_t to_micros() const { return micros_; }
  constexpr std::int64_t to_millis() const { return micros_ / 1000; }
  constexpr double to_seconds() const { return static_cast<double>(micros_) / 1e6; }

  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration o) const { return Duration(micros_ + o.micros_); }
  constexpr Duration operator-(Duration o) const { return Duration(micros_ - o.micros_); }
  constexpr Duration operator*(std::int64_t n) const { return Duration(micros_ * n); }
  constexpr Duration operator/(std::int64_t n) const { return Duration(micros_ / n); }
  constexpr Duration& operator+=(Duration o) { return *this = *this + o; }

 private:
  constexpr explicit Duration(std::int64_t n) : micros_(n) {}
  std::int64_t micros_ = 0;
};

/// A point on the host's steady clock, microseconds from an arbitrary start. The clock goes on
/// while the machine sleeps, so that a sleep shows as a jump.
class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant from_micros(std::int64_t n) { return Instant(n); }
  static constexpr Instant max() { return Instant(std::numeric_limits<std::int64_t>::max()); }

  constexpr std::int64_t to_micros() const { return micros_; }

  constexpr auto operator<=>(const Instant&) const = default;
  constexpr Instant operator+(Duration d) const { return Instant(micros_ + d.to_micros()); }
  constexpr Instant operator-(Duration d) const { return Instant(micros_ - d.to_micros()); }
  constexpr Duration operator-(Instant o) const { return Duration::micros(micros_ - o.micros_); }

 private:
  constexpr explicit Instant(std::int64_t n) : micros_(n) {}
  std::int64_t micros_ = 0;
};

inline namespace literals {
constexpr Duration operator""_us(unsigned long long n) {
  return Duration::micros(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_ms(unsigned long long n) {
  return Duration::millis(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_s(unsigned long long n) {
  return Duration::seconds(static_cast<std::int64_t>(n));
}
constexpr Duration operator""_min(unsigned long long n) {
  return Duration::seconds(static_cast<std::int64_t>(n) * 60);
}
constexpr Duration operator""_h(unsigned long long n) {
  return Duration::seconds(static_cast<std::int64_t>(n) * 3600);
}
}  // namespace literals

}  // namespace hsfwd
