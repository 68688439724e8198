// SPDX-License-Identifier: Apache-2.0
#include "fuzz/seeds.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <sstream>

#include "util/text.hpp"

namespace hsfwd::fuzz {

namespace {

using Json = nlohmann::ordered_json;
using namespace std::string_view_literals;

constexpr std::size_t kMaxBlob = 2048;        // a datagram
constexpr std::size_t kMaxTranscript = 4096;  // libFuzzer's own limit for inputs
constexpr std::size_t kMaxText = 300;

constexpr std::string_view kForms[] = {
    "22",
    "88.99.3.86:49737\n142.93.90.113:49737\n",
    "web=8080",
    "ssh=10.0.0.7:22",
    "v6=[::1]:443",
    "unix:/run/docker.sock",
    "dock=unix:/run/docker.sock",
    "127.0.0.1:0:web",
    "[::]:8022:ssh",
    "unix:/tmp/local.sock:web",
    "example.org:49737",
    "tcp:example.org:443",
    "10.0.0.0/8:80,8000-8003",
    "*.example.org:*",
    "alice: ssh,web",
    "fdae:7d21:d73d::/48",
    "::ffff:192.0.2.1",
    "10.246.0.0/16",
    "tcp:22",
    "udp:5000-6000",
    "22/tcp",
    "88.99.3.86@node1.hyperdht.org:49737",
    "--bootstrap\n127.0.0.1:49737\n--json\n--port=0\n-L\n2222",
    "hs://s000yry8ajbr5d3qwtgq6d1kxmfwnhfyrxgpbmhm6tpxkfwt1z5nby9o",
    "hs://0000yry8ajbr5d3qwtgq6d1kxmfwnhfyrxgpbmhm6tpxkfwt1z5nby9o",
    "pear://yry8ajbr5d3qwtgq6d1kxmfwnhfyrxgpbmhm6tpxkfwt1z5nby9o/path",
};

constexpr std::string_view kConfigs[] = {
    "[[expose]]\nservices = [\"22\", \"web=8080\"]\nallow = [\"laptop\"]\n[peer.laptop]\nkey = "
    "\"yry8ajbr5d3qwtgq6d1kxmfwnhfyrxgpbmhm6tpxkfwt1z5nby9o\"\n",
    "identity = \"/tmp/id\"\nbootstrap = [\"127.0.0.1:49737\"]\nhost = \"127.0.0.1\"\nport = "
    "0\n[[connect]]\npeer = "
    "\"a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd\"\nlisten = \"2222:ssh\"\n",
    "peer = { a = { key = 'x' } }\nexpose = [{ services = '22', identity = \"\"\"/a\nb\"\"\" }]\n",
};

constexpr std::string_view kControl[] = {
    R"({"command":"status"})",
    R"({"command":"peers"})",
    R"({"command":"reload"})",
    R"({"command":"down"})",
    R"({"event":"down","pid":4711})",
    R"({"event":"error","code":"BAD_CONFIG","message":"hsfwd.toml:1: no","exitCode":78})",
    R"({"event":"reloaded","config":"/x","kept":1,"changed":2,"started":3,"stopped":4})",
    R"({"event":"peers","connections":[{"id":1,"direction":"in","peer":"00","key":"yry8ajbr5d3q","service":"ssh",)"
    R"("path":"lan","remote":"10.0.0.7:4","rttMillis":0.5,"bytesToPeer":1,"bytesFromPeer":2000,)"
    R"("since":"2025-01-01T00:00:00Z","seconds":70,"session":3}],"sessions":[{"id":3,"direction":"in","peer":"00",)"
    R"("key":"yry8ajbr5d3q","services":["ssh"],"streams":1,"path":"lan","remote":"10.0.0.7:4","rttMillis":0.5,)"
    R"("bytesToPeer":1,"bytesFromPeer":2000,"rateToPeer":0,"rateFromPeer":400,"packets":100,"packetsRepeated":3,)"
    R"("packetsLost":2,"moves":1,"silentSeconds":12,"lastError":"no",)"
    R"("lastErrorAt":"2025-01-01T00:00:00Z","lastErrorSeconds":3,"lastErrorOver":true,"since":"2025-01-01T00:00:00Z","seconds":70}]})",
    R"({"event":"status","config":"/x","pid":1,"seconds":90000,"publicKey":"00","key":"yry8","node":{"online":true,)"
    R"("persistent":false,"firewalled":true,"address":null,"nat":"random","bytesBuffered":0},)"
    R"("exposes":[{"publicKey":"00","key":"yry8",)"
    R"("services":[{"name":"a","target":"127.0.0.1:1"}],"allow":null,"relays":["1.2.3.4:5"],)"
    R"("reachable":null,"shared":true,"connections":1,"refused":3,"bytesToPeer":1,"bytesFromPeer":2}],"connects":[{"listen":)"
    R"("127.0.0.1:1","peer":"00","name":"home","service":"","connections":0,"bytesToPeer":0,)"
    R"("bytesFromPeer":0}],"socks":[{"listen":"127.0.0.1:1080","peer":null,"name":null,"connections":1,)"
    R"("waiting":0,"refused":2,"bytesToPeer":0,"bytesFromPeer":0,"problem":"in use"}]})",
};

constexpr std::string_view kHttp[] = {
    "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\nAccept: application/openmetrics-text\r\n\r\n",
    "HEAD /?x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: http://[::1]:80\r\nAuthorization: Basic "
    "eA==\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
    "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
};

constexpr std::string_view kOtherTools[] = {
    R"({"host":"127.0.0.1","port":3000})",
    R"({"host":"127.0.0.1","udp":true,"port":"53"})",
    R"({"peer":"a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd","keepAlive":5000})",
    R"({"seed":"0000000000000000000000000000000000000000000000000000000000000001","compress":false,)"
    R"("allow":["a5fabdae507f53380ce09fa7f0bd4fb85e7ed5e7f6c62bba92829335dffa96bd"]})",
    // The pair of an identity file, of the seed of RFC 8032's first test.
    R"({"publicKey":"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",)"
    R"("secretKey":"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60)"
    R"(d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"})",
    "hs://s000yry8ajbr5d3qwtgq6d1kxmfwnhfyrxgpbmhm6tpxkfwt1z5nby9o",
};

// Greetings and requests: by name, by address, of IPv6, to be called back.
constexpr std::string_view kSocks[] = {
    "0501000501000306612e6873667701bb16030100",
    "0502020005010001"
    "0a0000010016",
    "05010005010004"
    "00000000000000000000000000000001"
    "0016",
    "050100050200010a0000010016",
    "040100507f00000100",
    "05ff",
};

constexpr std::string_view kIp[] = {
    // SYN of IPv4.
    "00054500003000074000400626b80a0000010a00000903e807d00000000100000001700201f461680000"
    "020405b401010402",
    // SYN of IPv6, its size at an odd place.
    "000560000000001c0640fd000000000000000000000000000001fd000000000000000000000000000009"
    "03e807d00000000100000001701201f4cf09000001020405b4000000",
    // Echo.
    "00054500001c00074000400126d10a0000010a0000090800f7fd00010001",
    // First fragment behind extension headers.
    "00056000000000280040fd000000000000000000000000000001fd000000000000000000000000000009"
    "3c000104000000002c00010400000000110000010000000503e807d0001068756162636465666768",
    // Later fragment.
    "00054500001c00072010401146b10a0000010a0000096162636465666768",
    // TSO.
    "00010128001000140010004500005000074000400626980a0000010a00000903e807d000000001000000"
    "01501801f4144c0000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
    "21222324252627",
    // TSO of IPv6.
    "0001043c0010002800100060000000003c0640fd000000000000000000000000000001fd000000000000"
    "00000000000000000903e807d00000000100000001509801f4fa4d0000000102030405060708090a0b0c"
    "0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627",
    // USO.
    "00010530001000280006006000000000301140fd000000000000000000000000000001fd000000000000"
    "00000000000000000903e807d00030fa4c000102030405060708090a0b0c0d0e0f101112131415161718"
    "191a1b1c1d1e1f2021222324252627",
    // Checksum only.
    "00010000000000140006004500004400074000401126990a0000010a00000903e807d00030144b000102"
    "030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627",
    // Flows that take turns.
    "010001020100010401010103010001020100010201000104010101030100010201000102010001040101"
    "010301000102010001020100010401010103010001020100010201000104010101030100010201",
};

// Name, type and class: what there is, its zone, both reverse zones, somebody else's.
constexpr std::string_view kQuestions[] = {
    "\4home\5hsfwd\0\0\34\0\1"sv,
    "\4HoMe\5hsfwd\0\0\1\0\1"sv,
    "\5hsfwd\0\0\6\0\1"sv,
    "\6nobody\5hsfwd\0\0\377\0\1"sv,
    "\1\62\1\61\3\62\64\66\2\61\60\7in-addr\4arpa\0\0\14\0\1"sv,
    "\1d\1\63\1\67\1d\1\61\1\62\1d\1\67\1e\1a\1d\1f\3ip6\4arpa\0\0\14\0\1"sv,
    "\7version\4bind\0\0\20\0\3"sv,
};
constexpr std::string_view kOpt = "\0\0\51\20\0\0\0\200\0\0\6\0\12\0\2ab"sv;

std::vector<Bytes> queries() {
  std::vector<Bytes> out;
  for (const std::string_view question : kQuestions) {
    for (const std::string_view additional : {""sv, kOpt}) {
      Bytes message = {1, 2, 1, 0, 0, 1,
                       0, 0, 0, 0, 0, static_cast<std::uint8_t>(!additional.empty())};
      append(message, as_bytes(question));
      append(message, as_bytes(additional));
      out.push_back(std::move(message));
    }
  }
  return out;
}

/// The packets of kIp as they are.
std::vector<Bytes> packets() {
  constexpr std::size_t kMtu = 2;  // stands ahead of each
  constexpr std::size_t kCount = 5;
  std::vector<Bytes> out;
  for (const std::string_view hex : std::span(kIp).first(kCount)) {
    out.push_back(to_bytes(ByteView(*from_hex(hex)).subspan(kMtu)));
  }
  return out;
}

/// To the name server: questions in either family, and what else may come.
std::vector<Bytes> name_packets() {
  std::vector<Bytes> out = packets();
  for (const Bytes& query : queries()) {
    const auto size = static_cast<std::uint8_t>(8 + query.size());
    const Bytes udp = {3, 232, 0, 53, 0, size, 0, 0};
    Bytes v6 = {0x60, 0, 0, 0, 0, size, 17, 64};
    v6.resize(40);
    v6[8] = v6[24] = 0xfd;
    v6[23] = 1;
    Bytes v4 = {
        0x45, 0, 0, static_cast<std::uint8_t>(20 + size), 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10,
        0,    0, 9};
    for (Bytes* packet : {&v6, &v4}) {
      append(*packet, udp);
      append(*packet, query);
      out.push_back(std::move(*packet));
    }
  }
  return out;
}

/// This host sends each packet, then it comes, with its answer, and an ICMP error about it.
std::vector<Bytes> filter_steps() {
  std::vector<Bytes> out;
  for (const Bytes& packet : packets()) {
    const bool v6 = packet[0] >> 4 == 6;
    const std::size_t upper = 8 + packet.size();
    Bytes error = packet;
    error.resize(v6 ? 40 : 20);
    error[v6 ? 6 : 9] = v6 ? 58 : 1;
    error[v6 ? 4 : 2] = 0;
    error[v6 ? 5 : 3] = static_cast<std::uint8_t>(v6 ? upper : upper + 20);
    if (!v6) error[6] = error[7] = 0;
    std::swap_ranges(&error[v6 ? 8 : 12], &error[v6 ? 24 : 16], &error[v6 ? 24 : 16]);
    append(error, Bytes{static_cast<std::uint8_t>(v6 ? 2 : 3), 4, 0, 0, 0, 0, 5, 0});
    append(error, packet);
    for (std::uint8_t rules = 0; rules < 5; ++rules) {
      Bytes steps = {rules};
      for (const int what : {1, 0, 2, 4, 0x10}) {
        const Bytes& step = what == 4 ? error : packet;
        append(steps, Bytes{static_cast<std::uint8_t>(what), static_cast<std::uint8_t>(step.size()),
                            static_cast<std::uint8_t>(step.size() >> 8)});
        append(steps, step);
      }
      out.push_back(std::move(steps));
    }
  }
  return out;
}

/// A client that lies through its introducer, the honest ones beside it, and a server that lies: of
/// a consistent and of a random NAT, before and behind either, three times over.
std::vector<Bytes> punches() {
  const std::string second = "03e803";
  const std::string known = "09020100000902010000";    // honest: the peer is there
  const std::string told_on = "06018116018104811681";  // a handshake by a second relay, a punch
  std::vector<Bytes> out;
  for (const std::string_view firewall : {"0e", "0f"}) {
    // Where the peer is; with its token; and that it punches.
    const std::string ask =
        "01020101818100"
        "01" +
        std::string(firewall) +
        "0502810110"
        "8101";
    const std::string answers =
        "030a00"
        "01020001810381" +
        second + "01" + std::string(firewall) +
        "01018103"
        "81";
    for (const std::string_view role : {"00", "02", "01", "03"}) {
      std::string text(role);
      for (int session = 0; session < 3; ++session) {
        text += role.back() == '0' || role.back() == '2' ? known + ask + told_on + ask : answers;
        for (int i = 0; i < 12; ++i) text += second;
      }
      out.push_back(*from_hex(text));
    }
  }
  return out;
}

Bytes contents(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return to_bytes(as_bytes(text.str()));
}

void for_each_string(const Json& json, const std::function<void(const std::string&)>& use) {
  if (json.is_string()) use(json.get<std::string>());
  if (!json.is_structured()) return;
  for (const Json& inner : json) for_each_string(inner, use);
}

/// Vector by vector: the byte strings and the texts in it.
template <class F>
void for_each_vector(F&& use) {
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(HSFWD_VECTORS)) {
    files.insert(entry.path());
  }
  for (const auto& file : files) {
    const Json suite = Json::parse(as_text(contents(file)));
    for (const Json& vector : suite.at("vectors")) {
      std::vector<Bytes> blobs;
      std::vector<Bytes> texts;
      for_each_string(vector, [&](const std::string& text) {
        const auto blob = from_hex(text);
        if (blob && blob->size() <= kMaxBlob) blobs.push_back(*blob);
        if (!blob && text.size() <= kMaxText) texts.push_back(to_bytes(as_bytes(text)));
      });
      use(blobs, texts);
    }
  }
}

/// For target_nospoon_frames.
std::vector<Bytes> frame_pieces() {
  Bytes frames = {0, 0, 0, 1, 0x45, 0, 0, 0, 0, 0, 0, 1, 0};
  frames.resize(frames.size() + 256, 7);
  append(frames, Bytes{0, 0, 0, 2, 1, 2, 0, 1, 0, 0, 1, 2, 3});
  std::vector<Bytes> out;
  for (const std::size_t piece : {1, 7, 1000}) {
    for (const Bytes& largest : {Bytes{0, 1}, Bytes{0, 2}}) {  // 256, 512
      Bytes& input = out.emplace_back(largest);
      for (std::size_t at = 0; at < frames.size(); at += piece) {
        const ByteView part = ByteView(frames).subspan(at, std::min(piece, frames.size() - at));
        append(input, Bytes{static_cast<std::uint8_t>(part.size()),
                            static_cast<std::uint8_t>(part.size() >> 8)});
        append(input, part);
      }
    }
  }
  return out;
}

Bytes transcript(const std::vector<Bytes>& blobs) {
  Bytes out;
  for (const Bytes& blob : blobs) {
    if (out.size() + 3 + blob.size() > kMaxTranscript) break;
    const std::uint8_t head[] = {0, static_cast<std::uint8_t>(blob.size()),
                                 static_cast<std::uint8_t>(blob.size() >> 8)};
    append(out, head);
    append(out, blob);
  }
  return out;
}

}  // namespace

std::vector<Bytes> seeds(std::string_view corpus) {
  std::set<Bytes> out;
  if (corpus == "configs") {
    out.insert(contents(HSFWD_EXAMPLE_CONFIG));
    for (const std::string_view text : kConfigs) out.insert(to_bytes(as_bytes(text)));
  }
  if (corpus == "punches") {
    for (Bytes& punch : punches()) out.insert(std::move(punch));
  }
  if (corpus == "ip") {
    for (const std::string_view hex : kIp) out.insert(*from_hex(hex));
  }
  if (corpus == "queries") {
    for (Bytes& query : queries()) out.insert(std::move(query));
  }
  if (corpus == "filter") {
    for (Bytes& steps : filter_steps()) out.insert(std::move(steps));
  }
  if (corpus == "frames") {
    for (Bytes& pieces : frame_pieces()) out.insert(std::move(pieces));
  }
  if (corpus == "socks") {
    for (const std::string_view hex : kSocks) out.insert(*from_hex(hex));
  }
  if (corpus == "name_packets") {
    for (Bytes& packet : name_packets()) out.insert(std::move(packet));
  }
  if (corpus == "control") {
    for (const std::string_view text : kControl) out.insert(to_bytes(as_bytes(text)));
  }
  if (corpus == "http") {
    for (const std::string_view text : kHttp) out.insert(to_bytes(as_bytes(text)));
  }
  if (corpus == "other_tools") {
    for (const std::string_view text : kOtherTools) out.insert(to_bytes(as_bytes(text)));
  }
  if (corpus == "texts") {
    for (const std::string_view text : kForms) out.insert(to_bytes(as_bytes(text)));
  }
  if (corpus == "blobs" || corpus == "transcripts" || corpus == "texts") {
    for_each_vector([&](const std::vector<Bytes>& blobs, const std::vector<Bytes>& texts) {
      if (corpus == "blobs") out.insert(blobs.begin(), blobs.end());
      if (corpus == "texts") out.insert(texts.begin(), texts.end());
      if (corpus == "transcripts") out.insert(transcript(blobs));
    });
  }
  return {out.begin(), out.end()};
}

}  // namespace hsfwd::fuzz
