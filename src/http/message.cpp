// SPDX-License-Identifier: Apache-2.0
#include "http/message.hpp"

#include <fmt/format.h>

namespace hsfwd::http {

namespace {

// No answer is kept, guessed at, or read by a page of another site.
constexpr const char* kEveryAnswer =
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n";

}  // namespace

const char* Response::reason(int status) {
  switch (status) {
    case kOk:
      return "OK";
    case kBadRequest:
      return "Bad Request";
    case kUnauthorized:
      return "Unauthorized";
    case kForbidden:
      return "Forbidden";
    case kNotFound:
      return "Not Found";
    case kMethodNotAllowed:
      return "Method Not Allowed";
    case kRequestTimeout:
      return "Request Timeout";
    case kMisdirected:
      return "Misdirected Request";
    case kHeadTooLarge:
      return "Request Header Fields Too Large";
    case kUnavailable:
      return "Service Unavailable";
    case kVersionNotSupported:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

Response Response::of(int status) {
  Response out;
  out.status = status;
  out.body = fmt::format("{} {}\n", status, reason(status));
  if (status == kMethodNotAllowed) out.headers = {{"Allow", "GET, HEAD"}};
  return out;
}

std::string Response::encode(bool keep_alive, bool with_body) const {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}",
                                status, reason(status), type, body.size(), kEveryAnswer);
  for (const auto& [name, value] : headers) out += fmt::format("{}: {}\r\n", name, value);
  if (!keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
  if (with_body) out += body;
  return out;
}

}  // namespace hsfwd::http
