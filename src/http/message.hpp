// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hsfwd::http {

/// The status codes that are sent here (RFC 9110, RFC 6585).
inline constexpr int kOk = 200;
inline constexpr int kBadRequest = 400;
inline constexpr int kUnauthorized = 401;
inline constexpr int kForbidden = 403;
inline constexpr int kNotFound = 404;
inline constexpr int kMethodNotAllowed = 405;
inline constexpr int kRequestTimeout = 408;
inline constexpr int kMisdirected = 421;
inline constexpr int kHeadTooLarge = 431;
inline constexpr int kUnavailable = 503;
inline constexpr int kVersionNotSupported = 505;

/// What is read of a request (RFC 9110). Values are as they came, at most as long as the head.
struct Request {
  std::string method;  // in capitals where it is a known one
  std::string path;    // of the target, without the query; begins with '/'
  std::string query;   // without the '?'
  bool keep_alive = true;
  std::optional<std::string> host;
  std::optional<std::string> origin;
  std::optional<std::string> accept;
  std::optional<std::string> authorization;
};

struct Response {
  int status = kOk;
  std::string type = "text/plain; charset=utf-8";  // the Content-Type
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers =
      {};  // beside those that every answer has

  /// Of a refusal: the status and its reason, as text.
  static Response of(int status);
  /// "Not Found", or empty for one that is not sent here.
  static const char* reason(int status);
  /// As it is written, with a body only if `with_body`; its length is told in any case.
  std::string encode(bool keep_alive, bool with_body) const;
};

}  // namespace hsfwd::http
