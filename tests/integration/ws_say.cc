// A WebSocket client for shell tests. Joins a group, prints "joined EDGE" and then each message on
// a line, until standard input ends; each line of standard input is sent to the group.
//   ws_say PORT GROUP [EDGE]

#include <poll.h>
#include <unistd.h>

#include <array>
#include <iostream>

#include "tests/support/web_socket_client.h"

namespace {

using support::WebSocketClient;

// False at the end of standard input.
bool SendLines(WebSocketClient& client, const std::string& group, std::string& pending) {
  std::array<char, 4'096> buffer;
  const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (got <= 0) return false;
  pending.append(buffer.data(), static_cast<std::size_t>(got));
  std::size_t end = 0;
  while ((end = pending.find('\n')) != std::string::npos) {
    client.Publish(group, pending.substr(0, end));
    pending.erase(0, end + 1);
  }
  return true;
}

void Run(std::uint16_t port, const std::string& group, const std::string& edge) {
  constexpr support::Duration kNow{0};
  WebSocketClient client =
      edge.empty() ? WebSocketClient(port) : WebSocketClient::OnEdge(port, edge);
  client.JoinAndWait(group);
  std::cout << "joined " << client.edge() << std::endl;
  std::string pending;
  while (true) {
    while (const std::optional<support::Frame> frame = client.ReadFrame(kNow)) {
      std::cout << frame->payload << std::endl;
    }
    std::array<pollfd, 2> sources{
        {{STDIN_FILENO, POLLIN, 0}, {client.connection().descriptor(), POLLIN, 0}}};
    ::poll(sources.data(), sources.size(), -1);
    if (sources[0].revents != 0 && !SendLines(client, group, pending)) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::cerr << "usage: ws_say PORT GROUP [EDGE]\n";
    return 64;
  }
  try {
    Run(static_cast<std::uint16_t>(std::stoi(argv[1])), argv[2], argc == 4 ? argv[3] : "");
  } catch (const std::exception& failure) {
    std::cerr << "ws_say: " << failure.what() << "\n";
    return 1;
  }
  return 0;
}
