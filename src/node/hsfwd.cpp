// SPDX-License-Identifier: Apache-2.0
#include "node/hsfwd.hpp"

#include <algorithm>

namespace hsfwd {

namespace {
// Bytes kept for a peer that does not take them before write() asks to wait.
constexpr std::size_t kBacklogMark = 64 * 1024;
}  // namespace

std::vector<BootstrapNode> public_bootstrap() {
  return hyperdht::public_bootstrap();
}

class PeerSocket::Impl final : public net::ByteStreamObserver {
 public:
  explicit Impl(std::unique_ptr<hyperdht::PeerSocket> s) : socket(std::move(s)) {
    socket->set_observer(this);
  }
  ~Impl() override {
    if (socket) socket->set_observer(nullptr);
  }

  /// Nothing more is told. The callbacks stay, since one of them may be running.
  void cancel() {
    gone = over = paused = true;
    socket->silence();
    socket->reset();
  }

  void on_readable() override {
    while (!paused && socket) {
      const ByteView next = socket->peek();
      if (next.empty()) break;
      // The callback may destroy this object, and with it what is being read.
      {
        const Telling guard(telling);
        if (on_data) on_data(next);
      }
      socket->consume(next.size());
    }
    if (gone || paused || ended || socket->read_state() != net::ReadState::kEnd) return;
    ended = true;
    if (!gone && on_end) on_end();
    check_over();
  }

  void on_writable() override {
    const bool waited = !backlog.empty();
    flush();
    if (!gone && waited && backlog.empty() && on_drain) on_drain();
    check_over();
  }

  void on_reset(const std::string& reason) override {
    if (!std::exchange(over, true) && on_close) on_close(reason);
  }

  void flush() {
    const std::size_t taken = socket->write(backlog);
    backlog.erase(backlog.begin(), backlog.begin() + static_cast<std::ptrdiff_t>(taken));
    if (backlog.empty() && ending) socket->end();
  }

  void check_over() {
    if (over || !ended || !ending || !socket->flushed()) return;
    over = true;
    if (on_close) on_close("");
  }

  struct Telling {
    explicit Telling(bool& f) : flag(f) { flag = true; }
    ~Telling() { flag = false; }
    bool& flag;
  };

  std::unique_ptr<hyperdht::PeerSocket> socket;
  std::function<void(ByteView)> on_data;
  std::function<void()> on_end;
  std::function<void(const std::string&)> on_close;
  std::function<void()> on_drain;
  Bytes backlog;
  bool paused = false;
  bool ending = false;
  bool ended = false;
  bool over = false;
  bool gone = false;
  bool telling = false;  // on_data
};

PeerSocket::PeerSocket(std::unique_ptr<hyperdht::PeerSocket> socket)
    : impl_(std::make_unique<Impl>(std::move(socket))) {}

PeerSocket::PeerSocket(PeerSocket&&) noexcept = default;

PeerSocket& PeerSocket::operator=(PeerSocket&& other) noexcept {
  PeerSocket old(std::move(*this));
  impl_ = std::move(other.impl_);
  return *this;
}

PeerSocket::~PeerSocket() {
  if (!impl_) return;
  // Maybe from inside one of its callbacks: what runs there must still find its object, and its
  // own captures. All of it goes at the end of the dispatch.
  Scheduler& scheduler = impl_->socket->scheduler();
  scheduler.retire(std::move(impl_));
}

void PeerSocket::on_open(std::function<void()> callback) {
  impl_->socket->set_on_open(std::move(callback));
}
void PeerSocket::on_path_changed(std::function<void()> callback) {
  impl_->socket->set_on_path_changed(std::move(callback));
}
void PeerSocket::on_data(std::function<void(ByteView)> callback) {
  impl_->on_data = std::move(callback);
}
void PeerSocket::on_end(std::function<void()> callback) {
  impl_->on_end = std::move(callback);
}
void PeerSocket::on_close(std::function<void(const std::string&)> callback) {
  impl_->on_close = std::move(callback);
}
void PeerSocket::on_drain(std::function<void()> callback) {
  impl_->on_drain = std::move(callback);
}

bool PeerSocket::write(ByteView bytes) {
  append(impl_->backlog, bytes);
  impl_->flush();
  return impl_->backlog.size() < kBacklogMark;
}

void PeerSocket::end() {
  impl_->ending = true;
  impl_->flush();
}

void PeerSocket::reset() {
  impl_->over = true;
  impl_->socket->reset();
}

void PeerSocket::send(ByteView message) {
  if (message.size() <= max_message()) impl_->socket->send_unordered(message);
}

std::size_t PeerSocket::max_message() const {
  return impl_->socket->max_unordered();
}

void PeerSocket::on_message(std::function<void(ByteView)> callback) {
  impl_->socket->set_on_message(std::move(callback));
}

void PeerSocket::pause() {
  impl_->paused = true;
}

void PeerSocket::resume() {
  impl_->paused = false;
  impl_->socket->set_observer(impl_.get());  // reports again what there is to read
}

const PublicKey& PeerSocket::remote_key() const {
  return impl_->socket->remote_key();
}
bool PeerSocket::is_open() const {
  return impl_->socket->is_open();
}
ConnectError PeerSocket::error() const {
  return impl_->socket->error();
}
PathKind PeerSocket::path() const {
  return impl_->socket->path();
}
const hyperdht::PeerSocket& PeerSocket::details() const {
  return *impl_->socket;
}

std::unique_ptr<hyperdht::PeerSocket> PeerSocket::release() {
  HSFWD_CHECK(!impl_->telling);
  impl_->gone = impl_->over = impl_->paused = true;
  auto socket = std::move(impl_->socket);
  socket->set_observer(nullptr);
  socket->set_on_message(nullptr);
  // Maybe from inside another of its callbacks.
  socket->scheduler().delete_later(std::move(impl_));
  return socket;
}

Server::Server(std::unique_ptr<hyperdht::Server> server)
    : server_(std::move(server)),
      on_announced_(std::make_shared<std::function<void(std::size_t)>>()) {}
Server::Server(Server&&) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  Server old(std::move(*this));
  server_ = std::move(other.server_);
  on_announced_ = std::move(other.on_announced_);
  return *this;
}

Server::~Server() {
  if (!server_) return;
  // May be called from inside one of its callbacks.
  Scheduler& scheduler = server_->scheduler();
  scheduler.retire(std::move(server_));
}

void Server::on_announced(std::function<void(std::size_t)> callback) {
  *on_announced_ = std::move(callback);
}

Result<void> Server::listen(const KeyPair& keys) {
  return server_->listen(keys, [told = on_announced_](std::size_t relays) {
    if (*told) (*told)(relays);
  });
}

void Server::close(std::function<void()> done) {
  server_->close(std::move(done));
}

const PublicKey& Server::public_key() const {
  return server_->public_key();
}

Node::Node(const net::Env& env, Options options)
    : relay_through_(std::move(options.relay_through)) {
  hyperdht::DhtOptions dht;
  dht.node.bootstrap = std::move(options.bootstrap);
  dht.node.nodes = std::move(options.known_nodes);
  dht.node.ephemeral = options.ephemeral;
  dht.node.firewalled = options.firewalled;
  dht.node.own_address = options.own_address;
  dht.bind = {.host = options.host, .port = options.port, .any_port = options.any_port};
  dht.key_pair = options.key_pair ? *options.key_pair : KeyPair::generate(env.random);
  dht.connection_keepalive = options.keepalive;
  dht.stream.receive_window = options.receive_window;
  dht.max_buffered = std::max(options.max_buffered, hyperdht::DhtOptions::kLeastBuffered);
  dht_ = std::make_unique<hyperdht::Dht>(env, std::move(dht));
}

Node::~Node() = default;

Result<void> Node::start() {
  return dht_->start();
}

void Node::when_ready(std::function<void()> then) {
  dht_->when_bootstrapped(std::move(then));
}

bool Node::online() const {
  return dht_->heard_of_network();
}

bool Node::answered() const {
  return online() || dht_->node().call_stats().stray_responses > 0;
}

Server Node::create_server(std::function<void(PeerSocket)> on_connection, ServerOptions options) {
  hyperdht::ServerOptions out;
  out.allow = std::move(options.allow);
  out.share_local_addresses = options.share_local_addresses;
  out.extension = std::move(options.extension);
  out.client_relays = std::move(options.client_relays);
  out.holepunch = options.holepunch;
  out.relay_through =
      options.relay_through.empty() ? relay_through_ : std::move(options.relay_through);
  out.on_reachability = std::move(options.on_reachability);
  return Server(dht_->create_server(
      std::move(out),
      [on_connection = std::move(on_connection)](std::unique_ptr<hyperdht::PeerSocket> socket) {
        on_connection(PeerSocket(std::move(socket)));
      }));
}

PeerSocket Node::connect(const PublicKey& key, hyperdht::ConnectOptions options) {
  if (options.relay_through.empty()) options.relay_through = relay_through_;
  return PeerSocket(dht_->connect(key, std::move(options)));
}

std::unique_ptr<hyperdht::RelayNode> Node::create_relay(RelayOptions options) {
  return std::make_unique<hyperdht::RelayNode>(*dht_, std::move(options));
}

void Node::on_network_change() {
  dht_->on_interfaces_changed();
}

const KeyPair& Node::key_pair() const {
  return dht_->options().key_pair;
}

}  // namespace hsfwd
