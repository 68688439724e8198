// SPDX-License-Identifier: Apache-2.0
#include "cli/journal_fields.hpp"
#include "cli/events/connections.hpp"
#include "cli/events/notices.hpp"
#include "cli/events/tunnels.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "cli/output.hpp"
#include "node/keys.hpp"
#include "unit/mailbox.hpp"
#include "unit/setting.hpp"

using namespace hsfwd;
using namespace hsfwd::cli;

namespace {

using Entry = std::map<std::string, std::string>;

Entry fields_of(const Json& event) {
  Entry out;
  const JournalFields fields(event);
  for (const auto& field : fields.all()) out.emplace(field.name, field.value);
  return out;
}

PublicKey journal_peer() {
  PublicKey out;
  out.bytes[0] = 7;
  return out;
}

}  // namespace

TEST_CASE("an event's texts and numbers are fields of the journal") {
  const std::string hex = to_hex(journal_peer().view());
  const events::Closed closed{3, hex, "home", "ssh", 10, 20, ""};
  CHECK(fields_of(tagged(closed)) == Entry{{"HSFWD_EVENT", "closed"},
                                           {"HSFWD_CONNECTION", "3"},
                                           {"HSFWD_PEER", key_text(journal_peer())},
                                           {"HSFWD_NAME", "home"},
                                           {"HSFWD_SERVICE", "ssh"},
                                           {"HSFWD_BYTES_TO_PEER", "10"},
                                           {"HSFWD_BYTES_FROM_PEER", "20"}});
  // Lists, nothing and what a peer may have put into a text.
  CHECK(fields_of({{"list", {"a", "b"}}, {"none", nullptr}, {"open", true}, {"text", "a\nb"}}) ==
        Entry{{"HSFWD_OPEN", "true"}, {"HSFWD_TEXT", "a\\nb"}});
}

TEST_CASE(
    "what people are told is in the journal with what the event says, and JSON stays where it was "
    "asked for") {
  const Mailbox mailbox;
  const platform::Scratch scratch;
  FILE* const stream = fopen((scratch.path + "/stream").c_str(), "w");
  const Setting variable("JOURNAL_STREAM", journal_stream(fileno(stream)));
  const auto journal = platform::Journal::behind(fileno(stream), mailbox.path.c_str());
  const auto writer =
      platform::BackgroundWriter::open(fileno(stream), [](std::uint64_t) { return ""; });
  const Output::Ways ways{writer.get(), writer.get(), journal.get(), journal.get()};
  const Output text(false, ways);
  text.event(events::TunnelReady{"127.0.0.1:1", "x", "web"}, "ready: web\nand more");
  text.event(events::TunnelReady{"127.0.0.1:1", "x", "web"}, "");
  text.error("NO_NETWORK", "nobody\nanswers", "somebody");
  text.note("still waiting");
  const auto sent = mailbox.take();
  REQUIRE(sent.size() == 3);
  CHECK(journal_entry(sent[0]) == Entry{{"MESSAGE", "ready: web\nand more"},
                                        {"PRIORITY", "6"},
                                        {"SYSLOG_IDENTIFIER", "hsfwd"},
                                        {"HSFWD_EVENT", "ready"},
                                        {"HSFWD_LISTEN", "127.0.0.1:1"},
                                        {"HSFWD_PEER", "x"},
                                        {"HSFWD_SERVICE", "web"}});
  CHECK(journal_entry(sent[1]) == Entry{{"MESSAGE", "nobody\\nanswers"},
                                        {"PRIORITY", "3"},
                                        {"SYSLOG_IDENTIFIER", "hsfwd"},
                                        {"HSFWD_EVENT", "error"},
                                        {"HSFWD_CODE", "NO_NETWORK"},
                                        {"HSFWD_PEER", "somebody"}});
  CHECK(journal_entry(sent[2]) ==
        Entry{{"MESSAGE", "still waiting"}, {"PRIORITY", "4"}, {"SYSLOG_IDENTIFIER", "hsfwd"}});
  CHECK(writer->flush(10_s));
  CHECK(ftell(stream) == 0);

  const Output json(true, ways);
  json.event(events::TunnelReady{"127.0.0.1:1", "x", "web"}, "ready: web");
  CHECK(mailbox.take().empty());
  while (journal->send(LogLevel::kInfo, "more", {})) {
  }
  text.note("too much");
  text.event(events::Dropped{2}, "a\nb");
  CHECK(writer->flush(10_s));
  std::string written(1000, '\0');
  FILE* const again = fopen((scratch.path + "/stream").c_str(), "r");
  written.resize(fread(written.data(), 1, written.size(), again));
  fclose(again);
  fclose(stream);
  CHECK(written ==
        "{\"event\":\"ready\",\"listen\":\"127.0.0.1:1\",\"peer\":\"x\",\"service\":\"web\"}\n"
        "<4>too much\n<6>a\n<6>b\n");
}
