// SPDX-License-Identifier: Apache-2.0
#include "rpc/tokens.hpp"

#include <string>

namespace hsfwd::rpc {

namespace {

Token make_token(const Tokens::Secret& secret, net::Ipv4 host) {
  const std::string text = host.to_string();
  return Token::from(crypto::blake2b_256_keyed(secret.view(), {as_bytes(text)}).view());
}

}  // namespace

std::array<Tokens::Secret, 2>& Tokens::secrets() {
  if (!secrets_) {
    secrets_.emplace();
    for (Secret& secret : *secrets_) random_.fill(secret.mutable_view());
  }
  return *secrets_;
}

void Tokens::set_secrets(const Secret& previous, const Secret& current) {
  secrets_ = {previous, current};
}

Token Tokens::issue(net::Ipv4 host) {
  return make_token(secrets()[1], host);
}

bool Tokens::verify(const Token& token, net::Ipv4 host) {
  for (const Secret& secret : secrets()) {
    if (crypto::equal_constant_time(token.view(), make_token(secret, host).view())) return true;
  }
  return false;
}

void Tokens::rotate() {
  if (!secrets_) return;
  auto& [previous, current] = *secrets_;
  const Secret next = Secret::from(crypto::blake2b_256(previous.view()).view());
  previous = current;
  current = next;
}

}  // namespace hsfwd::rpc
