// SPDX-License-Identifier: Apache-2.0
#include "platform/journal.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "platform/background_writer.hpp"
#include "platform/log_sink.hpp"
#include "unit/mailbox.hpp"
#include "unit/platform/scratch.hpp"
#include "unit/setting.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

/// A file in the place of a descriptor that leads to the journal.
struct JournalFixture {
  std::unique_ptr<Journal> open() const {
    const Setting variable("JOURNAL_STREAM", journal_stream(fileno(stream)));
    return Journal::behind(fileno(stream), mailbox.path.c_str());
  }
  std::string in_stream() const {
    std::ostringstream out;
    out << std::ifstream(file).rdbuf();
    return out.str();
  }
  ~JournalFixture() { fclose(stream); }

  Mailbox mailbox;
  Scratch scratch;
  std::string file = scratch.path + "/stream";
  FILE* stream = fopen(file.c_str(), "w");
};

/// Until it takes no more.
void fill(const Journal& journal) {
  for (int i = 0; i < 100'000; ++i) {
    if (!journal.send(LogLevel::kInfo, "more", {})) return;
  }
  FAIL("a socket that takes everything");
}

}  // namespace

TEST_CASE_METHOD(JournalFixture,
                 "there is a journal where the service manager says that there is") {
  CHECK(open());
  CHECK(!Journal::behind(fileno(stream), mailbox.path.c_str()));
  const Setting other("JOURNAL_STREAM", "1:1");
  CHECK(!Journal::behind(fileno(stream), mailbox.path.c_str()));
  const Setting variable("JOURNAL_STREAM", journal_stream(fileno(stream)));
  CHECK(!Journal::behind(fileno(stream), (scratch.path + "/nobody").c_str()));
  CHECK(!Journal::behind(-1, mailbox.path.c_str()));
  CHECK(!Journal::behind(fileno(stream), std::string(200, 'x').c_str()));
}

TEST_CASE_METHOD(JournalFixture,
                 "an entry has a priority and fields, and no value makes another field") {
  const auto journal = open();
  const std::string hostile = "web\nPRIORITY=0\nHSFWD_PEER\n\1\0\0\0\0\0\0\0x\n";
  const Journal::Field fields[] = {{"HSFWD_SERVICE", hostile}, {"HSFWD_EVENT", "connection"}};
  REQUIRE(journal->send(LogLevel::kWarning, "a\nMESSAGE=b", fields));
  const auto sent = mailbox.take();
  REQUIRE(sent.size() == 1);
  CHECK(journal_entry(sent[0]) ==
        std::map<std::string, std::string>{{"MESSAGE", "a\nMESSAGE=b"},
                                           {"PRIORITY", "4"},
                                           {"SYSLOG_IDENTIFIER", "hsfwd"},
                                           {"HSFWD_SERVICE", hostile},
                                           {"HSFWD_EVENT", "connection"}});
  for (const auto& [level, priority] : std::map<LogLevel, std::string>{{LogLevel::kTrace, "7"},
                                                                       {LogLevel::kDebug, "7"},
                                                                       {LogLevel::kInfo, "6"},
                                                                       {LogLevel::kError, "3"}}) {
    REQUIRE(journal->send(level, "x", {}));
    CHECK(journal_entry(mailbox.take().at(0)).at("PRIORITY") == priority);
  }
}

TEST_CASE_METHOD(JournalFixture, "what is too long is cut, and no character in part") {
  const auto journal = open();
  // One byte ahead, so that the limit is in the middle of a character.
  std::string text = "x";
  while (text.size() < 1'000'000) text += "\u00fc";
  const Journal::Field fields[] = {{"HSFWD_NAME", text}};
  REQUIRE(journal->send(LogLevel::kInfo, text, fields));
  const auto entry = journal_entry(mailbox.take().at(0));
  CHECK(entry.at("MESSAGE") == text.substr(0, Journal::kMaxMessage - 1) + " [cut]");
  CHECK(entry.at("HSFWD_NAME") == text.substr(0, Journal::kMaxValue - 1));
  const std::string fits(Journal::kMaxMessage, 'y');
  REQUIRE(journal->send(LogLevel::kInfo, fits, {}));
  CHECK(journal_entry(mailbox.take().at(0)).at("MESSAGE") == fits);
}

TEST_CASE_METHOD(JournalFixture,
                 "the log goes to the journal with whom it is about, and what that does not take "
                 "to the stream") {
  const auto journal = open();
  const auto writer = BackgroundWriter::open(fileno(stream), [](std::uint64_t) { return ""; });
  const auto sink = make_log_sink(LogFormat::kText, writer.get(), journal.get());
  const Log log(*sink, LogLevel::kInfo);
  log.about("somebody").warning("expose", "refused {}", "somebody");
  log.info("rpc", "woke up");
  const auto sent = mailbox.take();
  REQUIRE(sent.size() == 2);
  CHECK(journal_entry(sent[0]) ==
        std::map<std::string, std::string>{{"MESSAGE", "expose: refused somebody"},
                                           {"PRIORITY", "4"},
                                           {"SYSLOG_IDENTIFIER", "hsfwd"},
                                           {"HSFWD_COMPONENT", "expose"},
                                           {"HSFWD_PEER", "somebody"}});
  CHECK(!journal_entry(sent[1]).contains("HSFWD_PEER"));
  fill(*journal);
  log.error("files", "no more\nof them");
  CHECK(writer->flush(10_s));
  CHECK(in_stream() == "<3>files: no more\\nof them\n");
  CHECK(plain_line(LogLevel::kInfo, "a\nb\n") == "<6>a\n<6>b\n");
}

TEST_CASE_METHOD(JournalFixture, "the log as JSON stays in the stream") {
  const auto journal = open();
  const auto writer = BackgroundWriter::open(fileno(stream), [](std::uint64_t) { return ""; });
  const auto sink = make_log_sink(LogFormat::kJson, writer.get(), journal.get());
  sink->write(LogLevel::kWarning, "expose", "x");
  CHECK(writer->flush(10_s));
  CHECK(mailbox.take().empty());
  CHECK(in_stream().ends_with("\"component\":\"expose\",\"message\":\"x\"}\n"));
}
