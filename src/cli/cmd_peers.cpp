// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/address_book.hpp"
#include "cli/commands.hpp"
#include "cli/completion.hpp"
#include "cli/control_client.hpp"
#include "cli/events/names.hpp"
#include "cli/table.hpp"
#include "cli/up_texts.hpp"
#include "platform/standard_streams.hpp"
#include "platform/text_file.hpp"
#include "util/text.hpp"

namespace hsfwd::cli {

namespace {

namespace fs = std::filesystem;

/// `peers add`, `remove` and `names`, which ask no running `up`.
class BookCommand {
 public:
  /// Reads the command line; parsed() is false if it asked for help alone. Throws UserError.
  BookCommand(const Arguments& arguments, const char* usage, const char* about, int words,
              std::vector<WordKind> kinds = {})
      : line_(usage, about) {
    line_.options().add_options()(
        "config,c", po::value<std::string>(),
        "FILE, the configuration; names are stored in the folder peers.d next to it");
    line_.add_output_options();
    if (words > 0) line_.positional("peer", words, std::move(kinds));
    parsed_ = line_.parse(arguments);
    if (!parsed_) return;
    words_ = line_.texts("peer");
    if (words_.size() != static_cast<std::size_t>(words)) {
      throw UserError{kUsage, "USAGE", fmt::format("usage: {}", usage)};
    }
  }

  bool parsed() const { return parsed_; }
  const std::string& word(std::size_t i) const { return words_[i]; }
  Output output() const { return Output(output_options(line_).json); }
  bool chosen() const { return line_.has("config"); }

  /// Where the folder peers.d is.
  std::string folder() const {
    if (!chosen()) return configuration_folder();
    return fs::absolute(line_.path("config")).parent_path().string();
  }
  AddressBook book() const {
    return chosen() ? AddressBook::of_file(line_.path("config")) : AddressBook::load();
  }
  std::string file_of(const std::string& name) const {
    return (fs::path(folder()) / AddressBook::kFolder / name).string();
  }

 private:
  CommandLine line_;
  bool parsed_ = false;
  std::vector<std::string> words_;
};

[[noreturn]] void cannot(const std::string& file, const std::error_code& error) {
  throw UserError{kFailed, "NOT_WRITABLE", fmt::format("{}: {}", file, error.message())};
}

events::NamedPeer named_peer(const std::string& name, const PublicKey& key,
                             const std::string& file) {
  return {.name = name, .peer = to_hex(key.view()), .key = key_text(key), .file = file};
}

void write_name(const std::string& file, const std::string& key) {
  std::error_code error;
  if (fs::symlink_status(file, error).type() != fs::file_type::not_found) {
    throw UserError{
        kFailed, "NAME_TAKEN",
        fmt::format("{} is there already, and is no name: hsfwd peers names says why", file)};
  }
  // What is no secret may also be for the user of a service, as which this may not run.
  const bool secret = without_secrets(key) != key;
  error = platform::replace_text_file(file, key + "\n",
                                      secret ? platform::Readers::kOwner : platform::Readers::kAll);
  if (error) cannot(file, error);
}

/// What else the key is called, and which of these names is shown; empty if it has no other.
std::string other_names(const AddressBook& book, const std::string& name, const PublicKey& key) {
  std::set<std::string> names;
  for (const auto& [other, peer] : book.peers()) {
    if (peer.key == key) names.insert(other);
  }
  names.erase(name);
  if (names.empty()) return "";
  return fmt::format(", also called {}; events and lists call it {}", fmt::join(names, ", "),
                     std::min(name, *names.begin()));
}

int run_add(const Arguments& arguments) {
  const BookCommand command(
      arguments, "hsfwd peers add NAME KEY [-c FILE] [OPTION...]",
      "Gives a peer a name, which can be used in place of its key in every command.", 2);
  if (!command.parsed()) return kDone;
  const std::string& name = command.word(0);
  if (const auto bad = bad_peer_name(name)) throw UserError{kUsage, "BAD_NAME", *bad};
  const auto peer = PeerReference::parse(command.word(1));
  if (!peer) throw UserError{kUsage, "BAD_KEY", peer.error()};
  const AddressBook book = command.book();
  if (const PeerReference* const other = book.find(name)) {
    if (!other->same_peer(*peer)) {
      throw UserError{kFailed, "NAME_TAKEN",
                      fmt::format("{} is {} already, in {}{}", name, key_text(other->key),
                                  book.origin_of(name).file,
                                  other->key != peer->key ? ""
                                  : other->identity       ? ", with its secret"
                                                          : ", without its secret")};
    }
  } else {
    write_name(command.file_of(name), command.word(1));
  }
  const std::string file =
      book.find(name) != nullptr ? book.origin_of(name).file : command.file_of(name);
  command.output().event(
      events::Named{named_peer(name, peer->key, file)},
      fmt::format("{} is {}{}", name, key_text(peer->key), other_names(book, name, peer->key)));
  return kDone;
}

int run_remove(const Arguments& arguments) {
  const BookCommand command(arguments, "hsfwd peers remove NAME [-c FILE] [OPTION...]",
                            "Removes a name that was given with peers add.", 1, {WordKind::kPeer});
  if (!command.parsed()) return kDone;
  const std::string& name = command.word(0);
  const AddressBook book = command.book();
  const PeerReference* const peer = book.find(name);
  if (peer == nullptr) {
    throw UserError{kFailed, "NO_SUCH_NAME", fmt::format("no peer is called {}", in_quotes(name))};
  }
  const std::string file = book.origin_of(name).file;
  if (!book.origin_of(name).of_folder) {
    throw UserError{kFailed, "NAME_IN_FILE",
                    fmt::format("{} is [peer.{}] of {}: remove it there", name, name, file)};
  }
  std::error_code error;
  fs::remove(file, error);
  if (error) cannot(file, error);
  const AddressBook rest = command.book();
  const PeerReference* const next = rest.find(name);
  command.output().event(
      events::Unnamed{named_peer(name, peer->key, file)},
      fmt::format("{} was {}{}", name, key_text(peer->key),
                  next != nullptr ? fmt::format(", and is {} now, in {}", key_text(next->key),
                                                rest.origin_of(name).file)
                                  : ""));
  return kDone;
}

int run_names(const Arguments& arguments) {
  const BookCommand command(arguments, "hsfwd peers names [-c FILE] [OPTION...]",
                            "Lists the names of peers and the file that each comes from.", 0);
  if (!command.parsed()) return kDone;
  const AddressBook book = command.book();
  events::Names out;
  Table table({"NAME", "KEY", "FILE"});
  table.may_shorten(1).may_shorten(2);
  for (const auto& [name, peer] : book.peers()) {
    out.peers.push_back(named_peer(name, peer.key, book.origin_of(name).file));
    table.add({name, key_text(peer.key), book.origin_of(name).file});
  }
  const Output output = command.output();
  for (const std::string& problem : book.problems()) output.note("left out: " + printable(problem));
  output.event(out, out.peers.empty() ? "no names; hsfwd peers add NAME KEY gives one"
                                      : table.to_string(platform::output_width()));
  return kDone;
}

struct Part {
  const char* name;
  const char* about;
  int (*run)(const Arguments&);
};
constexpr Part kParts[] = {{"add", "give a peer a name", run_add},
                           {"remove", "take a name back", run_remove},
                           {"names", "list the names of peers", run_names}};

int complete_part(const std::string& word) {
  for (const Part& part : kParts) {
    if (std::string_view(part.name).starts_with(word)) {
      std::fputs(completion_line(part.name, part.about).c_str(), stdout);
    }
  }
  return kDone;
}

}  // namespace

int run_peers(const Arguments& arguments) {
  const std::size_t begin = !arguments.empty() && arguments[0] == kComplete ? 1 : 0;
  const bool is_typed = begin == 1 && arguments.size() == 2;  // and may become another word
  for (const Part& part : kParts) {
    if (is_typed || arguments.size() <= begin || arguments[begin] != part.name) continue;
    Arguments rest = arguments;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(begin));
    return part.run(rest);
  }
  if (is_typed && !arguments[1].starts_with('-')) return complete_part(arguments[1]);
  return run_control_command(
      arguments, ControlCommand::kPeers,
      "Shows the open connections of the running hsfwd up.\nTo manage names of peers: hsfwd peers "
      "add NAME KEY, hsfwd peers remove NAME, hsfwd peers names.",
      {peers_text});
}

}  // namespace hsfwd::cli
