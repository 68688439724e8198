// SPDX-License-Identifier: Apache-2.0
// What somebody says to an HTTP port of this machine: a request or a refusal with a reason, and what is
// read of a request is in it.
#include <string_view>

#include "fuzz/input.hpp"
#include "http/request_parser.hpp"
#include "http/same_site.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::http;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(ByteView(data, size));
  const std::size_t end = end_of_head(text);
  if (end == std::string_view::npos) return 0;
  const auto request = parse_request(text.substr(0, end));
  if (!request) {
    HSFWD_CHECK(*Response::reason(request.error()) != '\0');
    return 0;
  }
  HSFWD_CHECK(end <= kMaxHead);
  HSFWD_CHECK(request->path.starts_with('/'));
  for (const std::string& part : {request->method, request->path, request->query}) {
    HSFWD_CHECK(text.find(part) != std::string_view::npos);
    HSFWD_CHECK(part.find_first_of("\r\n ") == std::string::npos);
  }
  if (is_same_site(*request) && request->origin) HSFWD_CHECK(request->host.has_value());
  return 0;
}
