// SPDX-License-Identifier: Apache-2.0
#include <uv.h>

#include <memory>
#include <string>

#include "platform/loop.hpp"

namespace hsfwd::platform {

namespace {

/// One getaddrinfo on libuv's thread pool. It cannot always be cancelled, so the request outlives
/// the look-up and then finds nobody to tell.
struct Request {
  uv_getaddrinfo_t uv{};
  Loop* loop = nullptr;
  class UvLookup* owner = nullptr;
  net::Resolver::Done done;
};

class UvLookup final : public net::Lookup {
 public:
  explicit UvLookup(Request* request) : request_(request) { request_->owner = this; }
  ~UvLookup() override { cancel(); }
  void cancel() override {
    if (request_ == nullptr) return;
    Request* const request = std::exchange(request_, nullptr);
    request->owner = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&request->uv));
  }
  Request* request_;
};

void on_resolved(uv_getaddrinfo_t* uv, int status, addrinfo* found) {
  std::unique_ptr<Request> request(static_cast<Request*>(uv->data));
  Result<net::Ipv4> answer = Err(Errc::kUnavailable);
  if (status == 0 && found != nullptr) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(found->ai_addr);
    answer = net::Ipv4{ntohl(address->sin_addr.s_addr)};
  }
  uv_freeaddrinfo(found);
  if (request->owner == nullptr) return;
  request->owner->request_ = nullptr;
  request->loop->dispatch([&] { request->done(answer); });
}

class UvResolver final : public net::Resolver {
 public:
  explicit UvResolver(Loop& loop) : loop_(loop) {}

  std::unique_ptr<net::Lookup> resolve(const std::string& host, Done done) override {
    auto* request = new Request;
    request->uv.data = request;
    request->loop = &loop_;
    request->done = std::move(done);
    auto lookup = std::make_unique<UvLookup>(request);
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_DGRAM;
    // Fails only for names no resolver would take; the answer still comes later.
    if (uv_getaddrinfo(loop_.uv(), &request->uv, on_resolved, host.c_str(), nullptr, &hints) != 0) {
      lookup->request_ = nullptr;
      const Done failed = std::move(request->done);
      delete request;
      return std::make_unique<FailedLookup>(loop_.scheduler(), failed);
    }
    return lookup;
  }

 private:
  class FailedLookup final : public net::Lookup {
   public:
    FailedLookup(Scheduler& scheduler, Done done)
        : task_(scheduler, [done = std::move(done)] { done(Err(Errc::kUnavailable)); }) {
      task_.post();
    }
    void cancel() override { task_.cancel(); }

   private:
    Task task_;
  };

  Loop& loop_;
};

}  // namespace

std::unique_ptr<net::Resolver> make_resolver(Loop& loop) {
  return std::make_unique<UvResolver>(loop);
}

}  // namespace hsfwd::platform
