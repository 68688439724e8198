// SPDX-License-Identifier: Apache-2.0
#include "cli/page_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/events/notices.hpp"
#include "cli/output.hpp"
#include "cli/page_files.hpp"
#include "cli/web_address.hpp"
#include "crypto/crypto.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr std::string_view kStatePath = "/state.json";
constexpr std::string_view kBasic = "basic ";

// Nothing from elsewhere, nothing inline, in nobody's frame: what a text of a peer could name does not load.
constexpr const char* kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

http::Response page_response(int status, std::string_view type, std::string body) {
  http::Response out;
  out.status = status;
  out.type = type;
  out.body = std::move(body);
  return out;
}

http::Response with_policy(http::Response response) {
  response.headers.emplace_back("Content-Security-Policy", kContentPolicy);
  response.headers.emplace_back("X-Frame-Options", "DENY");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  return response;
}

http::Response refusal_response(int status) {
  http::Response out = http::Response::of(status);
  if (status == http::kUnauthorized) {
    out.headers.emplace_back("WWW-Authenticate", "Basic realm=\"hsfwd\", charset=\"UTF-8\"");
  }
  return with_policy(std::move(out));
}

bool begins_with_basic(std::string_view text) {
  return std::equal(kBasic.begin(), kBasic.end(), text.begin(),
                    text.begin() + std::min(kBasic.size(), text.size()), [](char wanted, char c) {
                      return wanted == (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
                    });
}

/// RFC 7617: the password of any user.
bool gives(const std::optional<std::string>& authorization, std::string_view secret) {
  if (!authorization || !begins_with_basic(*authorization)) return false;
  std::string_view credentials = std::string_view(*authorization).substr(kBasic.size());
  while (credentials.starts_with(' ')) credentials.remove_prefix(1);
  const auto pair = crypto::from_base64(credentials);
  if (!pair) return false;
  const auto colon = std::find(pair->begin(), pair->end(), ':');
  if (colon == pair->end()) return false;
  const auto begin = static_cast<std::size_t>(colon - pair->begin()) + 1;
  return crypto::equal_constant_time(ByteView(*pair).subspan(begin), as_bytes(secret));
}

}  // namespace

Result<PageSecret, std::string> read_page_secret(const std::string& path) {
  auto file = platform::read_secret_file(path);
  if (!file) return Err(file.error());
  if (!*file) return Err(std::string("there is no such file"));
  if (!(*file)->exposed.empty()) return Err((*file)->exposed);
  auto secret = std::make_shared<const platform::SecretText>(std::move((*file)->text));
  if (secret->trimmed().size() < kMinPageSecret) {
    return Err(
        fmt::format("a secret has at least {} characters, such as those of "
                    "`head -c 24 /dev/urandom | base64`",
                    kMinPageSecret));
  }
  return PageSecret(std::move(secret));
}

Json page_state(Json status, Json peers, Json attempts) {
  return {{"status", std::move(status)},
          {"peers", std::move(peers)},
          {"attempts", std::move(attempts)}};
}

PageServer::PageServer(Scheduler& scheduler, net::StreamAddress listen, Source source,
                       PageSecret secret)
    : listen_(std::move(listen)),
      source_(std::move(source)),
      secret_(std::move(secret)),
      server_(scheduler, [this](const http::Request& request, const http::Server::Reply& reply) {
        on_request(request, reply);
      }) {}

/// 0: there is no reason.
int PageServer::refusal(const http::Request& request) const {
  if (!is_asked_for_itself(listen_, request)) return http::kMisdirected;
  if (secret_ && !gives(request.authorization, secret_->trimmed())) return http::kUnauthorized;
  return 0;
}

void PageServer::on_request(const http::Request& request, const http::Server::Reply& reply) {
  if (const int status = refusal(request); status != 0) {
    ++refused_;
    return reply(refusal_response(status));
  }
  if (request.path == kStatePath) {
    return source_([reply](const Result<Json, UserError>& state) {
      const Json said =
          state ? *state : tagged(events::Error{state.error().code, told(state.error().message)});
      reply(with_policy(page_response(state ? 200 : http::kUnavailable, "application/json",
                                      json_line(said) + "\n")));
    });
  }
  const auto files = page_files();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const PageFile& file) { return file.path == request.path; });
  if (found == files.end()) return reply(refusal_response(http::kNotFound));
  reply(with_policy(page_response(200, found->type, std::string(found->bytes))));
}

}  // namespace hsfwd::cli
