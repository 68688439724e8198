// SPDX-License-Identifier: Apache-2.0
// What every implementation of the datagram seam owes (net/udp.hpp): the system's own, the plain one,
// and the simulator's, in which the rest of the tests live.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <optional>

#include "own_network.hpp"
#include "platform/common/sockaddr.hpp"
#include "platform/common/udp_options.hpp"
#include "platform/unique_fd.hpp"
#include "real_loop.hpp"
#include "sim/host.hpp"

using namespace hsfwd;
using namespace hsfwd::platform;

namespace {

// --- The implementations, each with a host and a way to let things happen ---

struct RealUdp : RealLoop {
  explicit RealUdp(std::unique_ptr<net::UdpFactory> (*make)(Loop&)) : factory(make(loop)) {}
  net::UdpFactory& udp() { return *factory; }
  Scheduler& scheduler() { return loop.scheduler(); }

  /// Somebody who sees how many routers a datagram might have passed.
  struct TtlReceiver {
    explicit TtlReceiver(RealUdp&) : fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
      const int on = 1;
      const timeval patience{10, 0};
      setsockopt(fd.get(), IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
      setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      sockaddr_in at = to_sockaddr({net::Ipv4::loopback(), 0});
      socklen_t size = sizeof at;
      REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
      REQUIRE(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
      address = from_sockaddr(at);
    }
    /// Of the next datagram.
    int next() {
      char byte = 0;
      iovec vec{&byte, 1};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
      msghdr message{};
      message.msg_iov = &vec;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      REQUIRE(recvmsg(fd.get(), &message, 0) == 1);
      const cmsghdr* header = CMSG_FIRSTHDR(&message);
      REQUIRE(header != nullptr);
      int ttl = 0;
      std::memcpy(&ttl, CMSG_DATA(header), sizeof ttl);
      return ttl;
    }
    UniqueFd fd;
    net::Address address;
  };

  std::unique_ptr<net::UdpFactory> factory;
};

struct SystemUdp : RealUdp {
  SystemUdp() : RealUdp(make_udp_factory) {}
};

struct PlainUdp : RealUdp {
  PlainUdp() : RealUdp(make_plain_udp_factory) {}
};

struct SimulatedUdp {
  net::UdpFactory& udp() { return host; }
  Scheduler& scheduler() { return host.scheduler(); }
  bool run_until(const std::function<bool()>& holds) { return world.run_until(holds, 10_s); }

  /// Another host, since datagrams have to cross a link to be seen.
  struct TtlReceiver {
    explicit TtlReceiver(SimulatedUdp& place) : world(place.world), address{kOther, 1} {
      world.set_tap([this](const sim::Packet& packet) {
        if (packet.to == address) seen.try_emplace(packet.payload, packet.ttl);
      });
    }
    int next() {
      const auto found = [&] { return seen.contains({number}); };
      REQUIRE(world.run_until(found, 10_s));
      return seen.at({number++});
    }
    static constexpr net::Ipv4 kOther = net::Ipv4::of(52, 0, 0, 2);
    sim::World& world;
    net::Address address;
    std::map<Bytes, int> seen;  // by what the datagram says
    std::uint8_t number = 0;
  };

  sim::World world{1};
  sim::Host& host = world.add_host(net::Ipv4::of(52, 0, 0, 1));
  sim::Host& other = world.add_host(TtlReceiver::kOther);
};

#define UDP_IMPLEMENTATIONS SystemUdp, PlainUdp, SimulatedUdp

// --- What the cases have in common ---

constexpr net::Address kLoopback{net::Ipv4::loopback(), 0};

/// Of this process's sockets the one that is bound there.
int descriptor_at(const net::Address& address) {
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) continue;
    if (at.sin_family == AF_INET && from_sockaddr(at) == address) return fd;
  }
  return -1;
}

/// Bytes.
int receive_buffer(int fd) {
  int out = 0;
  socklen_t size = sizeof out;
  REQUIRE(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &out, &size) == 0);
  return out;
}

/// Writes down what comes.
struct Recorder final : net::UdpObserver {
  void on_datagrams(net::UdpSocket& socket, std::span<net::InboundDatagram> batch) override {
    ++calls;
    for (const net::InboundDatagram& datagram : batch) {
      heard.push_back(to_bytes(datagram.bytes));
      from.push_back(datagram.from);
      std::fill(datagram.bytes.begin(), datagram.bytes.end(), 0xee);  // which is allowed
    }
    if (then) then(socket);
  }
  void on_writable(net::UdpSocket&) override {
    ++writable;
    if (on_room) on_room();
  }
  bool has(const Bytes& bytes) const {
    return std::find(heard.begin(), heard.end(), bytes) != heard.end();
  }

  int calls = 0;
  std::vector<Bytes> heard;
  std::vector<net::Address> from;
  std::function<void(net::UdpSocket&)> then;
  int writable = 0;
  std::function<void()> on_room;
};

std::unique_ptr<net::UdpSocket> bound(net::UdpFactory& udp, net::UdpObserver& observer,
                                      net::Address at = kLoopback) {
  auto socket = udp.bind(at, observer);
  REQUIRE(socket.ok());
  return std::move(*socket);
}

bool can_bind(net::UdpFactory& udp, net::Address at) {
  Recorder nobody;
  const auto socket = udp.bind(at, nobody);
  if (!socket) CHECK(socket.error() == Errc::kUnavailable);
  return socket.ok();
}

std::size_t send_all(net::UdpSocket& from, const net::Address& to,
                     const std::vector<Bytes>& datagrams, bool may_fragment = false) {
  std::vector<net::OutboundDatagram> batch;
  for (const Bytes& bytes : datagrams) {
    batch.push_back({.to = to, .parts = {bytes, {}, {}}, .may_fragment = may_fragment});
  }
  return from.send(batch);
}

Bytes numbered(std::size_t size, std::uint8_t number) {
  return Bytes(size, number);
}

const Bytes kLast = numbered(1, 0);
constexpr ByteView kNothing;

/// More than are taken in one go: of sizes that are not joined.
std::vector<Bytes> many() {
  std::vector<Bytes> out;
  for (std::uint8_t i = 0; i < 200; ++i) out.push_back(numbered(i % 2 == 0 ? 10 : 20, i));
  return out;
}

/// Two sockets of an implementation.
template <class Place>
struct Sockets : Place {
  void send(const std::vector<Bytes>& datagrams, bool may_fragment = false) {
    REQUIRE(send_all(*sender, receiver->local_address(), datagrams, may_fragment) ==
            datagrams.size());
  }
  bool run_until_last() {
    return this->run_until([this] { return recorder.has(kLast); });
  }

  Recorder recorder;
  std::unique_ptr<net::UdpSocket> receiver = bound(this->udp(), recorder);
  std::unique_ptr<net::UdpSocket> sender = bound(this->udp(), recorder);
};

/// Whether a time to live lasts for one datagram.
template <class Place>
void check_ttl() {
  Place place;
  typename Place::TtlReceiver receiver(place);
  Recorder recorder;
  const auto socket = bound(place.udp(), recorder, {net::Ipv4::any(), 0});
  const std::array<Bytes, 5> says{Bytes{0}, Bytes{1}, Bytes{2}, Bytes{3}, Bytes{4}};
  std::vector<net::OutboundDatagram> batch;
  for (const Bytes& bytes : says) {
    batch.push_back({.to = receiver.address, .parts = {bytes, {}, {}}});
  }
  batch[1].ttl = 50;
  batch[2].ttl = 40;
  batch[3].ttl = 50;
  batch[3].may_fragment = true;
  REQUIRE(socket->send(batch) == batch.size());
  // Routers may have taken something off.
  const int usual = receiver.next();
  const int fifty = receiver.next();
  REQUIRE(usual > fifty);
  REQUIRE(receiver.next() == fifty - 10);
  REQUIRE(receiver.next() == fifty);
  REQUIRE(receiver.next() == usual);
}

/// On a machine whose usual one is another than most have.
template <class Place>
int check_unusual_ttl() {
  set_up(true);
  std::ofstream usual("/proc/sys/net/ipv4/ip_default_ttl");
  if (!(usual << "128" << std::flush)) return kNotAllowed;
  check_ttl<Place>();
  return 0;
}

// 16 MB: more than any kernel takes of what a socket asks for (kUdpSendBuffer).
constexpr std::uint16_t kMany = 14'000;

/// Sends more than the kernel takes at once, over an interface that takes next to nothing until it is
/// full: how long the calls take decides nothing.
template <class Place>
int check_room() {
  set_up(true);
  const char* const slow = "tc qdisc add dev lo root tbf rate 1mbit burst 100k limit 40m 2>&-";
  const char* const fast = "tc qdisc change dev lo root tbf rate 400mbit burst 100k limit 40m";
  if (std::system(slow) != 0) return kNotAllowed;
  Sockets<Place> sockets;
  std::vector<std::array<std::uint8_t, 2>> numbers;
  for (std::uint16_t i = 0; i < kMany; ++i) {
    numbers.push_back({static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
  }
  const Bytes filling(1200);
  std::vector<net::OutboundDatagram> says;
  for (const auto& number : numbers) {
    says.push_back({.to = sockets.receiver->local_address(), .parts = {number, filling, kNothing}});
  }
  std::size_t taken = 0;
  const auto push = [&] { taken += sockets.sender->send(std::span(says).subspan(taken)); };
  sockets.recorder.on_room = push;
  push();
  REQUIRE(taken > 0);
  REQUIRE(taken < says.size());
  REQUIRE(sockets.recorder.writable == 0);  // never inside the call
  REQUIRE(std::system(fast) == 0);
  REQUIRE(sockets.run_until([&] { return taken == says.size(); }));
  REQUIRE(sockets.recorder.writable > 0);
  // Each was sent once, and in order: the network may lose any, but what was not taken was not sent.
  const auto& heard = sockets.recorder.heard;
  REQUIRE(heard.size() > 0);
  REQUIRE(std::is_sorted(heard.begin(), heard.end()));
  REQUIRE(std::adjacent_find(heard.begin(), heard.end()) == heard.end());
  return 0;
}

/// Whether two datagrams arrive in one piece, at somebody who takes them so.
bool arrive_in_one_piece(net::UdpSocket& sender, const UniqueFd& receiver, net::Address at) {
  REQUIRE(send_all(sender, at, {numbered(1000, 1), numbered(1000, 2)}) == 2);
  std::uint8_t buffer[4096];
  std::size_t received = 0;
  std::size_t largest = 0;
  while (received < 2000) {
    const ssize_t size = recv(receiver.get(), buffer, sizeof buffer, 0);
    REQUIRE(size > 0);
    received += static_cast<std::size_t>(size);
    largest = std::max(largest, static_cast<std::size_t>(size));
  }
  return largest == 2000;
}

/// The way is gone for a while, which has nothing to do with segmentation.
int segmentation_survives_no_route() {
  constexpr int kUdpGro = 104;
  const int on = 1;
  const timeval patience{10, 0};
  SystemUdp place;
  Recorder recorder;
  const auto sender = bound(place.udp(), recorder, {net::Ipv4::any(), 0});
  const net::Address at{net::Ipv4::loopback(), 4000};
  for (int i = 0; i < 50; ++i)
    REQUIRE(send_all(*sender, at, {numbered(9, 1), numbered(9, 2)}) == 2);
  set_up(true);
  const UniqueFd receiver(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = to_sockaddr(at);
  REQUIRE(bind(receiver.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  setsockopt(receiver.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (setsockopt(receiver.get(), SOL_UDP, kUdpGro, &on, sizeof on) != 0) return kNotAllowed;
  // Whether this system ever does is for a fresh socket to say.
  const auto fresh = bound(place.udp(), recorder, {net::Ipv4::any(), 0});
  if (!arrive_in_one_piece(*fresh, receiver, at)) return kNotAllowed;
  REQUIRE(arrive_in_one_piece(*sender, receiver, at));
  return 0;
}

}  // namespace

TEMPLATE_TEST_CASE("datagrams arrive whole and in order, one by one and as a batch", "",
                   UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  std::vector<Bytes> sent;
  for (std::uint8_t i = 0; i < 100; ++i) sent.push_back(numbered(i % 7 == 0 ? 700 : 1200, i));
  sent.push_back({});
  sent.push_back(kLast);
  sockets.send(sent);
  REQUIRE(sockets.run_until_last());
  CHECK((sockets.recorder.heard == sent));
}

// Whatever the system has put together of fragments, or not: what is behind reads into less.
TEMPLATE_TEST_CASE("a datagram above the largest that peers take is dropped, and no other", "",
                   UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  const Bytes largest = numbered(net::kMaxDatagram, 1);
  sockets.send({numbered(net::kMaxDatagram + 1, 2), largest, numbered(10'000, 3)});
  // As many of one size are sent, and received, in one call.
  sockets.send({numbered(5000, 4), numbered(5000, 5), numbered(5000, 6), largest});
  sockets.send({numbered(65'507, 7)}, true);
  sockets.send({kLast});
  REQUIRE(sockets.run_until_last());
  CHECK((sockets.recorder.heard == std::vector<Bytes>{largest, largest, kLast}));
}

TEMPLATE_TEST_CASE(
    "sockets for programs carry datagrams of all sizes, and say why one cannot be had", "",
    UDP_IMPLEMENTATIONS) {
  const auto load = GENERATE(net::UdpLoad::kAll, net::UdpLoad::kOneFlow);
  TestType place;
  Recorder recorder;
  auto to = place.udp().bind_for_programs(kLoopback, recorder, load);
  auto from = place.udp().bind_for_programs(kLoopback, recorder, load);
  REQUIRE(to.ok());
  REQUIRE(from.ok());
  const std::vector<Bytes> sent{numbered(net::kMaxUdpPayload, 1), numbered(10'000, 2), {}, kLast};
  for (const Bytes& bytes : sent) (*from)->send_one((*to)->local_address(), bytes);
  REQUIRE(place.run_until([&] { return recorder.has(kLast); }));
  CHECK((recorder.heard == sent));
  CHECK(recorder.from.front() == (*from)->local_address());
  const auto taken = place.udp().bind_for_programs((*to)->local_address(), recorder, load);
  REQUIRE(!taken.ok());
  CHECK_THAT(taken.error(), Catch::Matchers::Contains("in use"));
}

TEMPLATE_TEST_CASE("a socket for one flow holds no more than any of the system", "", SystemUdp,
                   PlainUdp) {
  TestType place;
  Recorder recorder;
  const auto of_all = place.udp().bind_for_programs(kLoopback, recorder, net::UdpLoad::kAll);
  const auto of_flow = place.udp().bind_for_programs(kLoopback, recorder, net::UdpLoad::kOneFlow);
  REQUIRE(of_all.ok());
  REQUIRE(of_flow.ok());
  const UniqueFd any(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK(receive_buffer(descriptor_at((*of_flow)->local_address())) == receive_buffer(any.get()));
  // Where the system lets a program have more.
  CHECK(receive_buffer(descriptor_at((*of_all)->local_address())) >= receive_buffer(any.get()));
}

// Whether anybody is there is not this seam's business: one that is not yet may come.
TEMPLATE_TEST_CASE("a socket for programs lives on when nobody takes what it sends", "",
                   UDP_IMPLEMENTATIONS) {
  TestType place;
  Recorder recorder;
  auto from = place.udp().bind_for_programs(kLoopback, recorder, net::UdpLoad::kAll);
  REQUIRE(from.ok());
  auto to = place.udp().bind_for_programs(kLoopback, recorder, net::UdpLoad::kAll);
  REQUIRE(to.ok());
  const net::Address at = (*to)->local_address();
  to->reset();
  for (int i = 0; i < 5; ++i) (*from)->send_one(at, numbered(10, 1));
  auto again = place.udp().bind_for_programs(at, recorder, net::UdpLoad::kAll);
  REQUIRE(again.ok());
  (*from)->send_one(at, kLast);
  CHECK(place.run_until([&] { return recorder.has(kLast); }));
}

TEMPLATE_TEST_CASE("the parts of a datagram are sent back to back, whichever are empty", "",
                   UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  const Bytes one{1, 2};
  const Bytes two{3};
  const Bytes three{4, 5, 6};
  const net::Address to = sockets.receiver->local_address();
  const std::vector<net::OutboundDatagram> batch{{.to = to, .parts = {one, two, three}},
                                                 {.to = to, .parts = {one, kNothing, three}},
                                                 {.to = to, .parts = {kNothing, kNothing, three}},
                                                 {.to = to},
                                                 {.to = to, .parts = {kNothing, kLast, kNothing}}};
  REQUIRE(sockets.sender->send(batch) == batch.size());
  REQUIRE(sockets.run_until_last());
  CHECK((sockets.recorder.heard ==
         std::vector<Bytes>{{1, 2, 3, 4, 5, 6}, {1, 2, 4, 5, 6}, {4, 5, 6}, {}, kLast}));
}

TEMPLATE_TEST_CASE("each socket gets its own datagrams, and sees who has sent them", "",
                   UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  Recorder other_recorder;
  const auto other = bound(sockets.udp(), other_recorder);
  std::vector<net::OutboundDatagram> batch;
  const Bytes mine = numbered(10, 1);
  const Bytes others = numbered(10, 2);
  for (int i = 0; i < 50; ++i) {
    batch.push_back({.to = sockets.receiver->local_address(), .parts = {mine, {}, {}}});
    batch.push_back({.to = other->local_address(), .parts = {others, {}, {}}});
  }
  REQUIRE(sockets.sender->send(batch) == batch.size());
  REQUIRE(sockets.run_until(
      [&] { return sockets.recorder.heard.size() == 50 && other_recorder.heard.size() == 50; }));
  CHECK((sockets.recorder.heard == std::vector<Bytes>(50, mine)));
  CHECK((other_recorder.heard == std::vector<Bytes>(50, others)));
  const std::vector<net::Address> from(50, sockets.sender->local_address());
  CHECK((sockets.recorder.from == from));
  CHECK((other_recorder.from == from));
}

TEMPLATE_TEST_CASE("who is bound to all addresses is seen under the one that the way begins at", "",
                   UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  const auto anywhere = bound(sockets.udp(), sockets.recorder, {net::Ipv4::any(), 0});
  CHECK(anywhere->local_address().host.is_any());
  REQUIRE(anywhere->send_one(sockets.receiver->local_address(), kLast) == 1);
  REQUIRE(sockets.run_until_last());
  CHECK(sockets.recorder.from.front() ==
        net::Address{net::Ipv4::loopback(), anywhere->local_address().port});
  // And is reached there.
  sockets.recorder.heard.clear();
  REQUIRE(sockets.sender->send_one({net::Ipv4::loopback(), anywhere->local_address().port},
                                   kLast) == 1);
  CHECK(sockets.run_until_last());
}

TEMPLATE_TEST_CASE("who is bound to one address is reached at no other", "", UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  const std::uint16_t port = sockets.receiver->local_address().port;
  REQUIRE(sockets.sender->send_one({net::Ipv4::of(127, 0, 0, 2), port}, numbered(5, 1)) == 1);
  sockets.send({kLast});
  REQUIRE(sockets.run_until_last());
  CHECK((sockets.recorder.heard == std::vector<Bytes>{kLast}));
}

TEMPLATE_TEST_CASE("a port is one socket's, picked or asked for, as long as the socket lives", "",
                   UDP_IMPLEMENTATIONS) {
  TestType place;
  Recorder recorder;
  auto first = bound(place.udp(), recorder);
  const auto second = bound(place.udp(), recorder);
  const net::Address at = first->local_address();
  CHECK(at.host == net::Ipv4::loopback());
  CHECK(at.port != 0);
  CHECK(at.port != second->local_address().port);
  CHECK_FALSE(can_bind(place.udp(), at));
  CHECK_FALSE(can_bind(place.udp(), {net::Ipv4::any(), at.port}));
  first.reset();
  place.run_until([] { return true; });
  CHECK(can_bind(place.udp(), at));
  // Another machine's.
  CHECK_FALSE(can_bind(place.udp(), {net::Ipv4::of(192, 0, 2, 1), 0}));
}

TEMPLATE_TEST_CASE("a socket that is given up inside a callback tells nothing more", "",
                   UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  Recorder told;
  auto given_up = bound(sockets.udp(), told);
  told.then = [&](net::UdpSocket& socket) {
    CHECK(&socket == given_up.get());
    sockets.scheduler().retire(std::move(given_up));
  };
  REQUIRE(send_all(*sockets.sender, given_up->local_address(), many()) == many().size());
  REQUIRE(sockets.run_until([&] { return told.calls > 0; }));
  sockets.send({kLast});
  REQUIRE(sockets.run_until_last());
  CHECK(told.calls == 1);
}

TEMPLATE_TEST_CASE("a socket that is cancelled tells nothing more though it is still there", "",
                   UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  Recorder told;
  const auto cancelled = bound(sockets.udp(), told);
  REQUIRE(send_all(*sockets.sender, cancelled->local_address(), many()) == many().size());
  cancelled->cancel();
  sockets.send({kLast});
  REQUIRE(sockets.run_until_last());
  CHECK(told.calls == 0);
}

TEMPLATE_TEST_CASE("a socket that another one's callback gives up tells nothing more", "",
                   UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  Recorder told;
  auto given_up = bound(sockets.udp(), told);
  std::optional<int> told_before;
  sockets.recorder.then = [&](net::UdpSocket&) {
    if (!told_before) told_before = told.calls;
    sockets.scheduler().retire(std::move(given_up));
  };
  const net::Address at = given_up->local_address();
  sockets.send({numbered(5, 1)});
  REQUIRE(send_all(*sockets.sender, at, many()) == many().size());
  REQUIRE(sockets.run_until([&] { return told_before.has_value(); }));
  sockets.send({kLast});
  REQUIRE(sockets.run_until_last());
  CHECK(told.calls == *told_before);
}

TEMPLATE_TEST_CASE("what is sent inside a callback goes out, and is answered", "",
                   UDP_IMPLEMENTATIONS) {
  TestType place;
  constexpr std::size_t kRounds = 50;
  Recorder one;
  Recorder two;
  const auto first = bound(place.udp(), one);
  const auto second = bound(place.udp(), two);
  one.then = [&](net::UdpSocket& socket) { socket.send_one(one.from.back(), one.heard.back()); };
  two.then = [&](net::UdpSocket& socket) {
    const Bytes more = numbered(two.heard.back().size() + 1, 1);
    socket.send_one(two.from.back(), more);
  };
  REQUIRE(first->send_one(second->local_address(), numbered(1, 1)) == 1);
  REQUIRE(place.run_until([&] { return one.heard.size() >= kRounds; }));
  CHECK(one.heard[kRounds - 1].size() == kRounds + 1);
}

TEMPLATE_TEST_CASE("what cannot be sent is lost alone", "", UDP_IMPLEMENTATIONS) {
  Sockets<TestType> sockets;
  auto gone = bound(sockets.udp(), sockets.recorder);
  const net::Address nobody = gone->local_address();
  gone.reset();
  const net::Address to = sockets.receiver->local_address();
  const Bytes small = numbered(5, 1);
  const Bytes too_large = numbered(70'000, 2);
  const std::vector<net::OutboundDatagram> batch{
      {.to = to, .parts = {small, {}, {}}},
      {.to = to, .parts = {too_large, {}, {}}},
      {.to = {to.host, 0}, .parts = {small, {}, {}}},
      {.to = nobody, .parts = {small, {}, {}}},
      {.to = {net::Ipv4::of(240, 0, 0, 1), 5}, .parts = {small, {}, {}}},
      {.to = to, .parts = {small, {}, {}}},
      {.to = to, .parts = {too_large, {}, {}}, .may_fragment = true},
      {.to = to, .parts = {kLast, {}, {}}}};
  CHECK(sockets.sender->send(batch) == batch.size());
  REQUIRE(sockets.run_until_last());
  CHECK((sockets.recorder.heard == std::vector<Bytes>{small, small, kLast}));
}

TEMPLATE_TEST_CASE("a datagram's own time to live is of that datagram alone", "",
                   UDP_IMPLEMENTATIONS) {
  check_ttl<TestType>();
}

TEST_CASE("a way that is gone for a while does not end segmentation") {
  expect_success(segmentation_survives_no_route);
}

TEMPLATE_TEST_CASE("a datagram without a time to live has the machine's", "", SystemUdp, PlainUdp) {
  expect_success(check_unusual_ttl<TestType>);
}

// The simulator's sockets take everything: what is too much for a link waits or is dropped there.
TEMPLATE_TEST_CASE("a socket that is full tells when there is room again", "", SystemUdp,
                   PlainUdp) {
  expect_success(check_room<TestType>);
}
