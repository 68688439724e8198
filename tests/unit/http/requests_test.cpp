// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>

#include "http/message.hpp"
#include "http/request_parser.hpp"
#include "http/same_site.hpp"

using namespace hsfwd;
using namespace hsfwd::http;

TEST_CASE("a request is read as far as anybody here asks") {
  const auto request = parse_request(
      "GET /state.json?since=3&x HTTP/1.1\r\nHost: localhost:80\r\nOrigin: http://a\r\nAccept: "
      "text/*\r\n"
      "Authorization: Basic eA==\r\nX-Other: 1\r\n\r\n");
  REQUIRE(request);
  CHECK(request->method == "GET");
  CHECK(request->path == "/state.json");
  CHECK(request->query == "since=3&x");
  CHECK(request->keep_alive);
  CHECK(request->host == "localhost:80");
  CHECK(request->origin == "http://a");
  CHECK(request->accept == "text/*");
  CHECK(request->authorization == "Basic eA==");

  const auto old = parse_request("HEAD / HTTP/1.0\r\n\r\n");
  REQUIRE(old);
  CHECK(old->method == "HEAD");
  CHECK_FALSE(old->keep_alive);
  CHECK_FALSE(old->host);
  CHECK_FALSE(parse_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")->keep_alive);
}

TEST_CASE("what is no request, or means two things, is refused") {
  const auto status = [](const std::string& head) {
    const auto request = parse_request(head);
    return request ? 0 : request.error();
  };
  const std::string host = "Host: localhost\r\n";
  CHECK(status("GET / HTTP/1.1\r\n" + host + "\r\n") == 0);
  CHECK(status("") == 400);
  CHECK(status("\r\n\r\n") == 400);
  CHECK(status("GET /\r\n\r\n") == 400);
  CHECK(status("GET / HTTP/1.1\r\n\r\n") == 400);  // no host
  CHECK(status("GET / HTTP/1.1\r\n" + host + host + "\r\n") == 400);
  CHECK(status("GET / HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\n") == 400);
  CHECK(status("GET / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n") ==
        400);
  CHECK(status("GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n") == 400);
  CHECK(status("GET http://localhost/ HTTP/1.1\r\n" + host + "\r\n") == 400);
  CHECK(status("CONNECT localhost:80 HTTP/1.1\r\n" + host + "\r\n") == 400);
  CHECK(status("OPTIONS * HTTP/1.1\r\n" + host + "\r\n") == 400);
  CHECK(status("GET /\x01 HTTP/1.1\r\n" + host + "\r\n") == 400);
  CHECK(status("GET /\xff HTTP/1.1\r\n" + host + "\r\n") == 400);
  CHECK(status("GET / HTTP/1.1\n" + host + "\r\n") == 505);  // "1.1\n" is no version
  CHECK(status("GET / HTTP/1.1\r\n" + host + " folded: x\r\n\r\n") ==
        0);  // one field, of two lines
  CHECK(status("GET / HTTP/1.1\r\nHost : x\r\n\r\n") == 400);
  CHECK(status("GET / HTTP/1.1\r\n" + host + "\r\nGET") == 400);
  CHECK(status("GET / HTTP/2.0\r\n" + host + "\r\n") == 505);
  CHECK(status("GET /" + std::string(kMaxHead, 'x') + " HTTP/1.1\r\n" + host + "\r\n") == 431);
}

TEST_CASE("where a head ends") {
  CHECK(end_of_head("GET / HTTP/1.1\r\n\r\nmore") == 18);
  CHECK(end_of_head("GET / HTTP/1.1\r\n\r") == std::string::npos);
}

TEST_CASE("whose request it is: a name that leads here by somebody else's doing is foreign") {
  const auto same = [](std::optional<std::string> host, std::optional<std::string> origin = {}) {
    Request request;
    request.host = std::move(host);
    request.origin = std::move(origin);
    return is_same_site(request);
  };
  CHECK(same("localhost"));
  CHECK(same("localhost:8080"));
  CHECK(same("127.0.0.1:8080"));
  CHECK(same("192.168.1.2"));
  CHECK(same("[::1]:8080"));
  CHECK(same("[fd00::2]"));
  CHECK(same(std::nullopt));
  CHECK(same("localhost:8080", "http://localhost:8080"));

  CHECK_FALSE(same("evil.example"));
  CHECK_FALSE(same("evil.example:8080"));
  CHECK_FALSE(same("localhost.evil.example"));
  CHECK_FALSE(same("127.0.0.1.evil.example"));
  CHECK_FALSE(same("127.0.0.1:80:80"));
  CHECK_FALSE(same("127.0.0.1:"));
  CHECK_FALSE(same("127.0.0.1:123456"));
  CHECK_FALSE(same("user@localhost"));
  CHECK_FALSE(same("[evil.example]"));
  CHECK_FALSE(same("[]:80"));
  CHECK_FALSE(same(""));
  CHECK_FALSE(same("localhost:8080", "http://localhost:8081"));
  CHECK_FALSE(same("localhost:8080", "https://localhost:8080"));
  CHECK_FALSE(same("localhost:8080", "http://evil.example"));
  CHECK_FALSE(same("localhost:8080", "null"));
  CHECK_FALSE(same(std::nullopt, "http://localhost"));
}

TEST_CASE("an answer says how long it is, and nothing that is to be kept") {
  Response response;
  response.body = "hello";
  response.headers = {{"X-More", "1"}};
  const std::string whole = response.encode(true, true);
  CHECK(whole.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(whole.find("Content-Length: 5\r\n") != std::string::npos);
  CHECK(whole.find("Cache-Control: no-store\r\n") != std::string::npos);
  CHECK(whole.find("X-More: 1\r\n") != std::string::npos);
  CHECK(whole.find("Connection") == std::string::npos);
  CHECK(whole.ends_with("\r\n\r\nhello"));
  const std::string head = response.encode(false, false);
  CHECK(head.find("Content-Length: 5\r\n") != std::string::npos);
  CHECK(head.find("Connection: close\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(Response::of(405).encode(true, true).find("Allow: GET, HEAD\r\n") != std::string::npos);
}
