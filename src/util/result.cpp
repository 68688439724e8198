// SPDX-License-Identifier: Apache-2.0
#include "util/result.hpp"

namespace hsfwd {

const char* to_string(Errc code) {
  switch (code) {
    case Errc::kTruncated:
      return "truncated";
    case Errc::kMalformed:
      return "malformed";
    case Errc::kTooLarge:
      return "too large";
    case Errc::kRefused:
      return "refused";
    case Errc::kUnavailable:
      return "not available";
    case Errc::kTimeout:
      return "timed out";
    case Errc::kAuthentication:
      return "authentication failed";
  }
  return "unknown error";
}

}  // namespace hsfwd
