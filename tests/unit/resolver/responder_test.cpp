// SPDX-License-Identifier: Apache-2.0
#include "resolver/responder.hpp"

#include <catch2/catch.hpp>

#include "sim/random.hpp"
#include "unit/sanitizer.hpp"
#include "util/text.hpp"

using namespace hsfwd;
using namespace hsfwd::resolver;

namespace {

constexpr std::uint16_t kA = 1, kNs = 2, kSoa = 6, kPtr = 12, kAaaa = 28, kHttps = 65, kAny = 255;
constexpr int kNoError = 0, kFormatError = 1, kNameError = 3, kNotImplemented = 4, kRefused = 5;

const std::string kHomeKey(to_z32(Bytes(32, 0x11)));
const std::string kOtherKey(to_z32(Bytes(32, 0x22)));

std::vector<NamedPeer> peers() {
  return {{.name = "Home",
           .key = kHomeKey,
           .ipv6 = *ip::Ipv6::parse("fdae:7d21:d73d::1:2"),
           .ipv4 = ip::Ipv6::mapped(0x0af60102)},
          {.name = "my laptop", .key = kOtherKey, .ipv6 = *ip::Ipv6::parse("fdae:7d21:d73d::3")}};
}

Responder responder(std::string_view pool = "10.246.0.0/16") {
  return Responder(NameTable(peers()),
                   {*ip::Prefix::parse("fdae:7d21:d73d::/48"), *ip::Prefix::parse(pool)});
}

/// A name without escapes.
Bytes wire(std::string_view text) {
  Bytes out;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    out.push_back(static_cast<std::uint8_t>(label.size()));
    append(out, as_bytes(label));
    text.remove_prefix(std::min(label.size() + 1, text.size()));
  }
  out.push_back(0);
  return out;
}

Bytes query(std::string_view name, std::uint16_t type, std::uint16_t klass = 1) {
  Bytes out = {0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0};
  append(out, wire(name));
  for (const int byte : {type >> 8, type & 255, klass >> 8, klass & 255}) {
    out.push_back(static_cast<std::uint8_t>(byte));
  }
  return out;
}

Bytes with_opt(Bytes message, std::uint8_t version = 0, ByteView options = {}) {
  ++message[11];
  const auto size = static_cast<std::uint8_t>(options.size());
  append(message, Bytes{0, 0, 41, 0x10, 0, 0, version, 0x80, 0, 0, size});
  append(message, options);
  return message;
}

struct Record {
  std::string name;
  int type = 0;
  int klass = 0;
  std::uint32_t ttl = 0;
  Bytes data;
  std::string target;  // the name that the data begins with, of PTR and SOA
};

/// Reads an answer the plain way, and stops the test at whatever is wrong about its form.
class Reading {
 public:
  explicit Reading(const Bytes& message) : message_(message) {
    REQUIRE(message.size() >= 12);
    REQUIRE(message.size() <= kMaxAnswer);
    REQUIRE((message[2] & 0x80) != 0);
    REQUIRE((message[2] & 0x02) == 0);
    at_ = 12;
    if (u16(4) == 1) {
      name(at_);
      at_ += 4;
    }
    question = Bytes(message.begin() + 12, message.begin() + static_cast<std::ptrdiff_t>(at_));
    for (int i = u16(6); i > 0; --i) answers.push_back(record());
    for (int i = u16(8); i > 0; --i) authorities.push_back(record());
    for (int i = u16(10); i > 0; --i) additional.push_back(record());
    REQUIRE(at_ == message.size());
  }

  int rcode() const { return message_[3] & 15; }
  bool authoritative() const { return (message_[2] & 4) != 0; }

  Bytes question;
  std::vector<Record> answers, authorities, additional;

 private:
  int u16(std::size_t at) const {
    REQUIRE(at + 2 <= message_.size());
    return message_[at] << 8 | message_[at + 1];
  }
  /// Moves `at` behind it.
  std::string name(std::size_t& at) const {
    std::string out;
    bool jumped = false;
    for (std::size_t from = at;;) {
      REQUIRE(from < message_.size());
      const std::size_t size = message_[from];
      if (size >= 0xc0) {
        if (!jumped) at = from + 2;
        jumped = true;
        const auto to = static_cast<std::size_t>(u16(from) & 0x3fff);
        REQUIRE(to < from);
        from = to;
        continue;
      }
      from += size + 1;
      REQUIRE(from <= message_.size());
      if (!jumped) at = from;
      if (size == 0) return out;
      out += std::string(as_text(ByteView(message_).subspan(from - size, size))) + ".";
    }
  }
  Record record() {
    Record out;
    out.name = name(at_);
    out.type = u16(at_);
    out.klass = u16(at_ + 2);
    out.ttl =
        static_cast<std::uint32_t>(u16(at_ + 4)) << 16 | static_cast<std::uint32_t>(u16(at_ + 6));
    const auto size = static_cast<std::size_t>(u16(at_ + 8));
    at_ += 10;
    REQUIRE(at_ + size <= message_.size());
    out.data = to_bytes(ByteView(message_).subspan(at_, size));
    if (out.type == kPtr || out.type == kSoa) {
      std::size_t inside = at_;
      out.target = name(inside);
      if (out.type == kPtr) REQUIRE(inside == at_ + size);
    }
    at_ += size;
    return out;
  }

  const Bytes& message_;
  std::size_t at_ = 0;
};

struct Outcome {
  int rcode;
  std::size_t answers;
  std::string zone;  // of the SOA that goes with no data
  bool operator==(const Outcome&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Outcome& o) {
  return out << "rcode " << o.rcode << ", " << o.answers << " answers, zone '" << o.zone << "'";
}

Outcome outcome(const Responder& server, std::string_view name, std::uint16_t type,
                std::uint16_t klass = 1) {
  const Bytes asked = query(name, type, klass);
  const Bytes message = server.answer(asked);
  const Reading read(message);
  CHECK(equal(read.question, ByteView(asked).subspan(12)));
  CHECK(read.authoritative() == (read.rcode() != kRefused));
  CHECK(read.additional.empty());
  for (const Record& soa : read.authorities) {
    CHECK(soa.type == kSoa);
    CHECK(soa.target == soa.name);
  }
  REQUIRE(read.authorities.size() <= 1);
  return {read.rcode(), read.answers.size(),
          read.authorities.empty() ? "" : read.authorities[0].name};
}

Record only_answer(const Responder& server, std::string_view name, std::uint16_t type) {
  const Bytes message = server.answer(query(name, type));
  const Reading read(message);
  REQUIRE(read.rcode() == kNoError);
  REQUIRE(read.answers.size() == 1);
  CHECK(read.answers[0].name == std::string(name) + ".");
  CHECK(read.answers[0].type == type);
  CHECK(read.answers[0].klass == 1);
  CHECK(read.answers[0].ttl == 30);
  return read.answers[0];
}

int rcode_of(const Bytes& message) {
  const Bytes out = responder().answer(message);
  const Reading read(out);
  CHECK(read.answers.empty());
  CHECK(equal(ByteView(out).first(2), ByteView(message).first(2)));
  return read.rcode();
}

std::string backwards(const ip::Ipv6& host) {
  std::string out;
  for (const char digit : to_hex(host.bytes)) out = std::string(1, digit) + "." + out;
  return out + "ip6.arpa";
}

}  // namespace

TEST_CASE("a peer's name and its key have its addresses, in whatever case they are asked for") {
  const Responder server = responder();
  const NamedPeer home = peers()[0];
  for (const std::string& name : {std::string("home"), std::string("HoMe"), kHomeKey}) {
    CHECK(only_answer(server, name + ".hsfwd", kAaaa).data == to_bytes(home.ipv6->bytes));
    CHECK(only_answer(server, name + ".HSfwd", kA).data == Bytes{10, 246, 1, 2});
  }
  CHECK(only_answer(server, kOtherKey + ".hsfwd", kAaaa).data == to_bytes(peers()[1].ipv6->bytes));
}

TEST_CASE("an address has the name of its peer, or its key where the name is none for DNS") {
  const Responder server = responder();
  CHECK(only_answer(server, backwards(*peers()[0].ipv6), kPtr).target == "Home.hsfwd.");
  CHECK(only_answer(server, backwards(*peers()[1].ipv6), kPtr).target == kOtherKey + ".hsfwd.");
  CHECK(only_answer(server, "2.1.246.10.in-addr.arpa", kPtr).target == "Home.hsfwd.");
  CHECK(only_answer(server, "2.1.246.10.IN-addr.ARPA", kPtr).target == "Home.hsfwd.");
}

TEST_CASE("what a name does not have is no data, with the zone's SOA") {
  const Responder server = responder();
  for (const std::uint16_t type : {kNs, kSoa, kPtr, kHttps, kAny, std::uint16_t{0}}) {
    CHECK(outcome(server, "home.hsfwd", type) == Outcome{kNoError, 0, "hsfwd."});
  }
  CHECK(outcome(server, kOtherKey + ".hsfwd", kA) == Outcome{kNoError, 0, "hsfwd."});
  CHECK(outcome(server, "hsfwd", kAaaa) == Outcome{kNoError, 0, "hsfwd."});
  CHECK(outcome(server, "2.1.246.10.in-addr.arpa", kA) ==
        Outcome{kNoError, 0, "246.10.in-addr.arpa."});
  // Above addresses, names may be, and a resolver that asks label by label goes on.
  CHECK(outcome(server, "1.246.10.in-addr.arpa", kPtr) ==
        Outcome{kNoError, 0, "246.10.in-addr.arpa."});
  CHECK(outcome(server, "0.d.3.7.d.1.2.d.7.e.a.d.f.ip6.arpa", kPtr) ==
        Outcome{kNoError, 0, "d.3.7.d.1.2.d.7.e.a.d.f.ip6.arpa."});
  CHECK(outcome(server, "hsfwd", kSoa) == Outcome{kNoError, 1, ""});
  CHECK(outcome(server, "246.10.in-addr.arpa", kSoa) == Outcome{kNoError, 1, ""});
}

TEST_CASE("what is in a zone of ours and not there does not exist") {
  const Responder server = responder();
  const std::string stranger = to_z32(Bytes(32, 0x33));
  for (const std::string& name :
       {std::string("nobody"), std::string("www.home"), stranger, kHomeKey.substr(1),
        std::string("my laptop"), std::string("hsfwd")}) {
    INFO(name);
    CHECK(outcome(server, name + ".hsfwd", kAaaa) == Outcome{kNameError, 0, "hsfwd."});
  }
  for (const char* name : {"3.1", "1.2.1", "02.1", "256.1", "x.1", "2.01", "-1.1", " .1"}) {
    INFO(name);
    CHECK(outcome(server, std::string(name) + ".246.10.in-addr.arpa", kPtr) ==
          Outcome{kNameError, 0, "246.10.in-addr.arpa."});
  }
  ip::Ipv6 host = *peers()[0].ipv6;
  host.bytes[8] = 1;
  CHECK(outcome(server, backwards(host), kPtr).rcode == kNameError);
  CHECK(outcome(server, "0." + backwards(*peers()[0].ipv6), kPtr).rcode == kNameError);
  CHECK(outcome(server, "0" + backwards(*peers()[0].ipv6), kPtr).rcode == kNameError);
  const Bytes message = server.answer(query("nobody.hsfwd", kAaaa));
  CHECK(Reading(message).authorities[0].ttl == 5);
}

TEST_CASE("every other zone is refused, and what is no part of one") {
  const Responder server = responder();
  for (const char* name :
       {"", "example.org", "hsfwd.example.org", "xhsfwd", "home.hsfwd1", "arpa", "in-addr.arpa",
        "10.in-addr.arpa", "ip6.arpa", "d.f.ip6.arpa", "2.1.247.10.in-addr.arpa",
        "2.1.0246.10.in-addr.arpa", "1.0.0.127.in-addr.arpa", "246.10.in-addr", "246.10.ip6.arpa",
        "0.3.7.d.1.2.d.7.e.a.d.f.ip6.arpa", "d.3.7.d.1.2.d.7.e.a.d.f.in-addr.arpa"}) {
    INFO(name);
    CHECK(outcome(server, name, kPtr) == Outcome{kRefused, 0, ""});
  }
  CHECK(outcome(server, "home.hsfwd", kAaaa, 3) == Outcome{kRefused, 0, ""});
  CHECK(outcome(server, "version.bind", 16, 3) == Outcome{kRefused, 0, ""});
}

TEST_CASE("a pool that ends inside a label has as many zones as it takes") {
  const Responder server = responder("10.240.0.0/12");
  CHECK(only_answer(server, "2.1.246.10.in-addr.arpa", kPtr).target == "Home.hsfwd.");
  CHECK(outcome(server, "1.1.240.10.in-addr.arpa", kPtr) ==
        Outcome{kNameError, 0, "240.10.in-addr.arpa."});
  CHECK(outcome(server, "1.1.239.10.in-addr.arpa", kPtr).rcode == kRefused);
  CHECK(outcome(server, "10.in-addr.arpa", kPtr).rcode == kRefused);
}

TEST_CASE("what is no query gets no answer, and what cannot be read a header that says so") {
  const Bytes good = query("home.hsfwd", kAaaa);
  const auto changed = [&good](std::size_t at, std::uint8_t value) {
    Bytes out = good;
    out[at] = value;
    return out;
  };
  const Responder server = responder();
  CHECK(server.answer({}).empty());
  CHECK(server.answer(ByteView(good).first(11)).empty());
  CHECK(server.answer(changed(2, 0x81)).empty());
  CHECK(server.answer(server.answer(good)).empty());

  CHECK(rcode_of(changed(2, 0x28)) == kNotImplemented);  // an update
  CHECK(rcode_of(changed(2, 0x11)) == kNotImplemented);
  CHECK(rcode_of(changed(2, 0x03)) == kFormatError);  // truncated
  CHECK(rcode_of(changed(5, 0)) == kFormatError);     // no question
  CHECK(rcode_of(changed(5, 2)) == kFormatError);     // two, and one is there
  CHECK(rcode_of(changed(4, 1)) == kFormatError);     // 257
  CHECK(rcode_of(changed(7, 1)) == kFormatError);     // answers
  CHECK(rcode_of(changed(9, 1)) == kFormatError);
  CHECK(rcode_of(changed(11, 1)) == kFormatError);
  CHECK(rcode_of(changed(12, 0xc0)) == kFormatError);  // a pointer
  CHECK(rcode_of(changed(12, 0x40)) == kFormatError);  // a label of a kind that nobody has
  CHECK(rcode_of(changed(12, 0x80)) == kFormatError);
  for (std::size_t size = kHeaderSize; size < good.size(); ++size) {
    CHECK(rcode_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))) ==
          kFormatError);
  }
  Bytes longer = good;
  longer.push_back(0);
  CHECK(rcode_of(longer) == kFormatError);
  Bytes twice = good;
  append(twice, ByteView(good).subspan(12));
  twice[5] = 2;
  CHECK(rcode_of(twice) == kFormatError);
  Bytes pointed = good;  // the second label is a pointer to the first
  pointed[17] = 0xc0;
  pointed[18] = 0x0c;
  CHECK(rcode_of(pointed) == kFormatError);
}

TEST_CASE("a name of 255 bytes is read, and no longer one") {
  const std::string label(63, 'a');
  const std::string base = label + "." + label + "." + label + ".";
  const auto named = [&base](std::size_t last) { return base + std::string(last, 'b') + ".hsfwd"; };
  CHECK(outcome(responder(), named(55), kAaaa) == Outcome{kNameError, 0, "hsfwd."});
  CHECK(wire(named(55)).size() == 255);
  CHECK(rcode_of(query(named(56), kAaaa)) == kFormatError);
  std::string shortest;
  for (int i = 0; i < 127; ++i) shortest += "a.";
  CHECK(wire(shortest).size() == 255);
  CHECK(outcome(responder(), shortest, kAaaa) == Outcome{kRefused, 0, ""});
  CHECK(rcode_of(query(shortest + "a.", kAaaa)) == kFormatError);
}

TEST_CASE("EDNS is answered with EDNS") {
  const Responder server = responder();
  const auto opt_of = [&server](const Bytes& asked) {
    const Bytes message = server.answer(asked);
    const Reading read(message);
    REQUIRE(read.additional.size() == 1);
    CHECK(read.additional[0].name.empty());
    CHECK(read.additional[0].type == 41);
    CHECK(read.additional[0].klass == 1232);
    return std::pair(read.rcode(), read.additional[0].ttl);
  };
  const Bytes good = query("home.hsfwd", kAaaa);
  CHECK(opt_of(with_opt(good)) == std::pair(kNoError, 0x8000u));
  CHECK(opt_of(with_opt(query("nobody.hsfwd", kA))) == std::pair(kNameError, 0x8000u));
  CHECK(opt_of(with_opt(query("example.org", kA))) == std::pair(kRefused, 0x8000u));
  CHECK(opt_of(with_opt(good, 0, Bytes{0, 10, 0, 2, 1, 2})) == std::pair(kNoError, 0x8000u));
  // BADVERS is 16: a one above the four bits of the header.
  CHECK(opt_of(with_opt(good, 1)) == std::pair(0, 0x01008000u));

  CHECK(rcode_of(with_opt(good, 0, Bytes{0, 10, 0})) == kFormatError);
  CHECK(rcode_of(with_opt(good, 0, Bytes{0, 10, 0, 3, 1, 2})) == kFormatError);
  CHECK(rcode_of(with_opt(with_opt(good))) == kFormatError);
  const Bytes whole = with_opt(good, 0, Bytes{0, 10, 0, 2, 1, 2});
  for (std::size_t size = good.size(); size < whole.size(); ++size) {
    CHECK(rcode_of(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))) ==
          kFormatError);
  }
  Bytes named = with_opt(good);  // an OPT that is not the root's
  named[good.size()] = 1;
  CHECK(rcode_of(named) == kFormatError);
  Bytes signature = with_opt(good);
  signature[good.size() + 2] = 250;
  CHECK(rcode_of(signature) == kFormatError);
}

TEST_CASE("flags of the question come back as they should") {
  Bytes asked = query("home.hsfwd", kAaaa);
  CHECK(responder().answer(asked)[2] == 0x85);
  CHECK(responder().answer(asked)[3] == 0x00);
  asked[2] = 0;
  asked[3] = 0x30;  // AD and CD
  CHECK(responder().answer(asked)[2] == 0x84);
  CHECK(responder().answer(asked)[3] == 0x10);
}

TEST_CASE("which names are found under themselves") {
  for (const char* name : {"a", "home", "Home-2", "my_pc", "1", "10"}) CHECK(is_host_name(name));
  for (const char* name : {"", "my laptop", "a.b", "-a", "a-", "büro", "a\n"})
    CHECK(!is_host_name(name));
  CHECK(is_host_name(std::string(63, 'a')));
  CHECK(!is_host_name(std::string(64, 'a')));
  CHECK(!is_host_name(kHomeKey));
  CHECK(is_host_name(kHomeKey.substr(1)));
}

TEST_CASE("of two peers that want one name or one address the first has it") {
  std::vector<NamedPeer> both = peers();
  both[1].name = "hOme";
  both[1].ipv6 = both[0].ipv6;
  const NameTable table(both);
  CHECK(table.find("HOME")->key == kHomeKey);
  CHECK(table.find(*both[0].ipv6)->key == kHomeKey);
  CHECK(table.find(kOtherKey)->key == kOtherKey);
  CHECK(table.label_of(*table.find(kOtherKey)) == kOtherKey);
}

TEST_CASE("a hundred thousand random messages get answers that can be read, or none") {
  const Responder server = responder();
  sim::SeededRandom random(4);
  const std::vector<Bytes> good = {
      query("home.hsfwd", kAaaa), with_opt(query(kOtherKey + ".hsfwd", kA)),
      query(backwards(*peers()[0].ipv6), kPtr), query("2.1.246.10.in-addr.arpa", kPtr)};
  int answered = 0;
  int errors = 0;
  for (int i = 0; i < flood(100000); ++i) {
    Bytes message = good[random.below(4)];
    if (random.below(4) == 0) {
      message.resize(random.below(64));
      random.fill(message);
    }
    for (std::uint32_t changes = random.below(5); changes > 0 && !message.empty(); --changes) {
      message[random.below(static_cast<std::uint32_t>(message.size()))] =
          static_cast<std::uint8_t>(random.u32());
    }
    const Bytes answer = server.answer(message);
    if (answer.empty()) continue;
    const Reading read(answer);
    answered += read.answers.empty() ? 0 : 1;
    errors += read.rcode() == kFormatError ? 1 : 0;
    REQUIRE(answer.size() <= message.size() + 100);
  }
  CHECK(answered > flood(5000));
  CHECK(errors > flood(5000));
}
