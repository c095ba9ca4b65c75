#include "tests/support/http.h"

#include <cctype>
#include <cstdlib>

namespace support {
namespace {

std::string LowerCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string Trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

void ParseHead(const std::string& head, HttpResponse& response) {
  const std::size_t space = head.find(' ');
  if (head.rfind("HTTP/1.", 0) != 0 || space == std::string::npos) {
    throw TestFailure("not an HTTP answer: " + head.substr(0, 200));
  }
  response.status = std::atoi(head.c_str() + space + 1);
  std::size_t line = head.find("\r\n");
  while (line != std::string::npos && line + 2 < head.size()) {
    const std::size_t begin = line + 2;
    line = head.find("\r\n", begin);
    const std::string text = head.substr(begin, line == std::string::npos ? line : line - begin);
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) continue;
    response.headers[LowerCase(text.substr(0, colon))] = Trim(text.substr(colon + 1));
  }
}

bool HasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

std::string HttpResponse::Header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? "" : found->second;
}

HttpResponse ReadHttpResponse(TcpConnection& connection, std::string& rest, Duration wait) {
  const Deadline deadline = After(wait);
  const auto left = [&] { return Duration(MillisecondsLeft(deadline)); };
  HttpResponse response;
  std::string bytes;
  std::size_t head_end = 0;
  while ((head_end = bytes.find("\r\n\r\n")) == std::string::npos) {
    if (!connection.Receive(bytes, left())) return response;
  }
  ParseHead(bytes.substr(0, head_end), response);
  rest = bytes.substr(head_end + 4);
  if (HasNoBody(response.status)) return response;

  const std::string length = response.Header("content-length");
  if (length.empty()) {
    while (connection.Receive(rest, left())) {
    }
    response.body = std::move(rest);
    rest.clear();
    return response;
  }
  const std::size_t size = std::strtoull(length.c_str(), nullptr, 10);
  while (rest.size() < size) {
    if (!connection.Receive(rest, left())) throw TestFailure("the HTTP body ends too early");
  }
  response.body = rest.substr(0, size);
  rest.erase(0, size);
  return response;
}

HttpResponse HttpExchange(std::uint16_t port, std::string_view request, Duration wait) {
  TcpConnection connection(port, {}, wait);
  connection.Send(request, wait);
  std::string rest;
  return ReadHttpResponse(connection, rest, wait);
}

HttpResponse HttpGet(std::uint16_t port, const std::string& path, Duration wait) {
  return HttpExchange(
      port, "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", wait);
}

}  // namespace support
