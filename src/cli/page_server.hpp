// SPDX-License-Identifier: Apache-2.0
// The page's side of HTTP: its files, and the state that it asks for, for whoever may see them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/events/event.hpp"
#include "cli/user_error.hpp"
#include "http/server.hpp"
#include "net/stream_factory.hpp"
#include "platform/secret_file.hpp"
#include "util/result.hpp"

namespace hsfwd::cli {

/// What a browser has to give as its password, whoever it says it is; nullptr: nothing.
using PageSecret = std::shared_ptr<const platform::SecretText>;

/// As many characters as make guessing hopeless.
inline constexpr std::size_t kMinPageSecret = 16;
/// Of a file. The error is one clause for people.
Result<PageSecret, std::string> read_page_secret(const std::string& path);

/// What `state.json` holds.
Json page_state(Json status, Json peers, Json attempts);

class PageServer {
 public:
  /// The state, or why there is none. Called once, now or later.
  using Answered = std::function<void(Result<Json, UserError> state)>;
  using Source = std::function<void(Answered answered)>;

  /// For clients that are accepted at `listen`.
  PageServer(Scheduler& scheduler, net::StreamAddress listen, Source source,
             PageSecret secret = nullptr);

  void add(std::unique_ptr<net::ByteStream> client) { server_.add(std::move(client)); }
  /// Of requests from now on.
  void set_secret(PageSecret secret) { secret_ = std::move(secret); }
  void close() { server_.close(); }

  std::uint64_t requests() const { return server_.requests(); }
  /// For what they are, for whom they are of, and without the secret.
  std::uint64_t refused() const { return server_.refused() + refused_; }

 private:
  void on_request(const http::Request& request, const http::Server::Reply& reply);
  int refusal(const http::Request& request) const;

  const net::StreamAddress listen_;
  const Source source_;
  PageSecret secret_;
  std::uint64_t refused_ = 0;
  http::Server server_;
};

}  // namespace hsfwd::cli
