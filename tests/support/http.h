#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "tests/support/tcp_connection.h"

namespace support {

struct HttpResponse {
  int status = 0;                              // 0 = the peer closed without an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  // Empty if there is none.
  std::string Header(const std::string& lower_case_name) const;
};

// Reads one answer: its head, then the body by Content-Length, or to the end of the connection if
// there is none (no body after 101, 204 and 304). `rest` gets what came behind it.
HttpResponse ReadHttpResponse(TcpConnection& connection, std::string& rest,
                              Duration wait = kPatience);

// Sends `request` as it is on a new connection, and reads one answer.
HttpResponse HttpExchange(std::uint16_t port, std::string_view request, Duration wait = kPatience);

HttpResponse HttpGet(std::uint16_t port, const std::string& path, Duration wait = kPatience);

}  // namespace support
