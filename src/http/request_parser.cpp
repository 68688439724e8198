// SPDX-License-Identifier: Apache-2.0
#include "http/request_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>
#include <string>

namespace hsfwd::http {

namespace {

namespace beast = boost::beast::http;

constexpr unsigned kHttp10 = 10;
constexpr unsigned kHttp11 = 11;
constexpr std::string_view kEndOfHead = "\r\n\r\n";

using Head = beast::request<beast::empty_body>;

std::optional<std::string> field_of(const Head& head, beast::field name) {
  const auto found = head.find(name);
  if (found == head.end()) return std::nullopt;
  return std::string(found->value());
}

bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

}  // namespace

std::size_t end_of_head(std::string_view bytes) {
  const std::size_t at = bytes.find(kEndOfHead);
  return at == std::string_view::npos ? at : at + kEndOfHead.size();
}

Result<Request, int> parse_request(std::string_view head) {
  if (head.size() > kMaxHead) return Err(kHeadTooLarge);
  beast::request_parser<beast::empty_body> parser;
  parser.header_limit(kMaxHead);
  boost::system::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error == beast::error::bad_version) return Err(kVersionNotSupported);
  if (error || !parser.is_done() || used != head.size()) return Err(kBadRequest);
  const Head& parsed = parser.get();
  if (parsed.version() != kHttp11 && parsed.version() != kHttp10) return Err(kVersionNotSupported);
  const std::size_t hosts = parsed.count(beast::field::host);
  if (hosts > 1 || (hosts == 0 && parsed.version() == kHttp11)) return Err(kBadRequest);

  const std::string_view target(parsed.target().data(), parsed.target().size());
  // Neither a proxy's form of it, nor one of CONNECT.
  if (!target.starts_with('/') || !is_printable(target)) return Err(kBadRequest);
  const std::size_t query = target.find('?');
  Request out;
  out.method = std::string(parsed.method_string());
  out.path = std::string(target.substr(0, query));
  if (query != std::string_view::npos) out.query = std::string(target.substr(query + 1));
  out.keep_alive = parsed.keep_alive();
  out.host = field_of(parsed, beast::field::host);
  out.origin = field_of(parsed, beast::field::origin);
  out.accept = field_of(parsed, beast::field::accept);
  out.authorization = field_of(parsed, beast::field::authorization);
  return out;
}

}  // namespace hsfwd::http
