// SPDX-License-Identifier: Apache-2.0
#include "cli/page_kind.hpp"

#include <fmt/format.h>

#include <vector>

#include "cli/page_content.hpp"
#include "cli/planner.hpp"
#include "cli/web_address.hpp"
#include "cli/web_tunnel.hpp"
#include "platform/directories.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

constexpr config::Key kKeysOfPage[] = {
    {.name = "listen", .needed = "listen, such as listen = \"8088\""}, {.name = "secret_file"}};

PageSecret read_secret_of_page(const config::Section& section, const Planner& planner) {
  const auto text = section.text("secret_file");
  if (!text) return nullptr;
  const auto path = platform::resolve_path(text->value, planner.folder());
  const auto secret =
      path ? read_page_secret(*path) : Result<PageSecret, std::string>(Err(path.error()));
  if (!secret) {
    planner.mistake(text->line,
                    fmt::format("secret_file {}: {}", in_quotes(text->value), secret.error()));
  }
  return *secret;
}

void read_page(const config::Section& section, Planner& planner) {
  const auto text = *section.text("listen");
  const auto refuse = [&](const std::string& why) {
    planner.mistake(text.line, fmt::format("listen {}: {}", in_quotes(text.value), why));
  };
  auto listen = parse_web_address(text.value, planner.folder());
  if (!listen) refuse(listen.error());
  PageSecret secret = read_secret_of_page(section, planner);
  if (!secret && !is_of_this_machine(*listen)) {
    refuse(
        "the page asks nobody who he is, and others reach that address: listen on 127.0.0.1, or "
        "have it ask for a secret (secret_file)");
  }
  if (!is_of_this_machine(*listen)) {
    planner.warn(text.line, fmt::format("the page at {} is not encrypted on its way, nor is its "
                                        "secret; a service of [[expose]] is",
                                        printable(listen->to_string())));
  }
  planner.refuse_taken(text, *listen);
  planner.add(std::make_shared<PageSpec>(std::move(*listen), std::move(secret)));
}

std::string pages_text(const Json& list) {
  std::string out;
  for (const auto& page : decoded<std::vector<PageStatus>>(list)) {
    out += fmt::format("\n\npage: {}{}{}", page.url.value_or(page.listen),
                       page.secret ? ", with a secret" : "", page.problem ? ", not open" : "");
  }
  return out;
}

std::string pages_number(std::size_t number) {
  return number == 0 ? "" : "a page";
}

}  // namespace

const TunnelKind kPageKind = {.section = {"page", kKeysOfPage, true},
                              .read = read_page,
                              .list = "pages",
                              .fields = names_of_fields<PageStatus>,
                              .text = pages_text,
                              .number = "pages",
                              .number_text = pages_number};

std::string PageSpec::key() const {
  // Port 0 is a different one each time.
  return !listen.is_unix() && listen.port == 0 ? "" : listen.to_string();
}

bool PageSpec::same(const TunnelSpec& other) const {
  const auto& page = static_cast<const PageSpec&>(other);
  const bool same_secret =
      secret && page.secret ? secret->trimmed() == page.secret->trimmed() : secret == page.secret;
  return listen == page.listen && same_secret;
}

std::unique_ptr<Tunnel> PageSpec::make(App& app) const {
  return std::make_unique<WebTunnel>(app, listen, std::make_unique<PageContent>(app, *this));
}

std::string page_url(const net::StreamAddress& listen, const std::string& at) {
  return listen.is_unix() ? "" : fmt::format("http://{}/", at);
}

}  // namespace hsfwd::cli
