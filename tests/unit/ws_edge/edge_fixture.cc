#include "tests/unit/ws_edge/edge_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <utility>

namespace edge {
namespace {

namespace http = boost::beast::http;
namespace json = boost::json;

HttpRequest UpgradeRequest(bool enveloped) {
  HttpRequest request{http::verb::get, "/", 11};
  request.set(http::field::host, "127.0.0.1");
  request.set(http::field::upgrade, "websocket");
  request.set(http::field::connection, "Upgrade");
  request.set(http::field::sec_websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
  request.set(http::field::sec_websocket_version, "13");
  if (enveloped) {
    request.set(http::field::sec_websocket_protocol,
                {kEnvelopedSubprotocol.data(), kEnvelopedSubprotocol.size()});
  }
  return request;
}

// The values that tests look at, in a fixed order: "ok 1 g offset=5 recovered=true".
std::string Short(const std::string& text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return text;
  const json::object& event = value.get_object();
  std::string result(event.at("event").as_string());
  const auto add = [&](const char* name, bool with_name) {
    const json::value* field = event.if_contains(name);
    if (field == nullptr) return;
    result += ' ';
    if (with_name) result += std::string(name) + "=";
    result += field->is_string() ? std::string(field->as_string()) : json::serialize(*field);
  };
  const bool is_error = result == "error";
  add("id", false);
  add(is_error ? "code" : "message", false);
  for (const char* name : {"offset", "after", "before", "reason", "recovered"}) add(name, true);
  if (const json::value* list = event.if_contains("publications")) {
    result += " publications=" + std::to_string(list->as_array().size());
  }
  return result;
}

}  // namespace

EdgeFixture::Client::Client(EdgeFixture& edge, bool enveloped) : edge_(edge) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  Socket socket(edge.loop_.get_executor());
  socket.assign(boost::asio::ip::tcp::v4(), ends[0]);
  fd_ = ends[1];
  edge.sessions_.push_back(
      std::make_shared<Session>(edge.context_, edge.sessions_.size() + 1, std::move(socket)));
  edge.sessions_.back()->Start(UpgradeRequest(enveloped));
  edge.Settle();
  const size_t welcomes = enveloped ? 1 : 0;
  EXPECT_EQ(Told().size(), welcomes);
}

void EdgeFixture::Client::Say(std::string_view text) {
  std::string frame(1, static_cast<char>(0x81));
  if (text.size() < 126) {
    frame.push_back(static_cast<char>(0x80 | text.size()));
  } else {
    frame.push_back(static_cast<char>(0x80 | 126));
    frame.push_back(static_cast<char>(text.size() >> 8));
    frame.push_back(static_cast<char>(text.size() & 0xff));
  }
  frame.append(4, '\0');  // a mask that changes nothing
  frame.append(text);
  EXPECT_EQ(::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(frame.size()));
  edge_.Settle();
}

void EdgeFixture::Client::Vanish() {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  edge_.Settle();
}

void EdgeFixture::Client::Take() {
  std::array<char, 16384> bytes{};
  ssize_t count = 0;
  while ((count = ::recv(fd_, bytes.data(), bytes.size(), 0)) > 0) {
    buffer_.append(bytes.data(), static_cast<size_t>(count));
  }
}

std::vector<std::string> EdgeFixture::Client::Told() {
  edge_.Settle();
  Take();
  if (!std::exchange(upgraded_, true)) buffer_.erase(0, buffer_.find("\r\n\r\n") + 4);
  std::vector<std::string> told;
  while (buffer_.size() >= 2) {
    size_t length = static_cast<uint8_t>(buffer_[1]);
    size_t head = 2;
    if (length == 126) {
      head = 4;
      length = static_cast<size_t>(static_cast<uint8_t>(buffer_[2])) << 8 |
               static_cast<uint8_t>(buffer_[3]);
    }
    const bool is_text = static_cast<uint8_t>(buffer_[0]) == 0x81;
    told.push_back(is_text ? Short(buffer_.substr(head, length)) : "not a text frame");
    buffer_.erase(0, head + length);
  }
  return told;
}

EdgeFixture::~EdgeFixture() {
  for (auto& session : sessions_) {
    if (session == nullptr) continue;
    router_.LeaveAll(session.get());
    session->Abort();
  }
  Settle();
}

void EdgeFixture::OnSessionOver(Session* session, const CloseReason& reason) {
  router_.LeaveAll(session);
  close_code_ = reason.code;
  sessions_[session->id() - 1] = nullptr;
}

void EdgeFixture::Settle() {
  loop_.restart();
  while (loop_.poll() > 0) loop_.restart();
}

void EdgeFixture::Confirm(const std::string& group_id, uint64_t head, bool recovered,
                          uint32_t due) {
  upstream_.Confirm(group_id, head, recovered, due);
  Settle();
}

void EdgeFixture::ConfirmWithGap(const std::string& group_id, uint64_t head, uint64_t after,
                                 uint64_t before, uint32_t due) {
  upstream_.Confirm(group_id, head, /*recovered=*/false, due);
  upstream_.GiveGap(group_id, after, before);
  Settle();
}

void EdgeFixture::Publish(const std::string& group_id, uint64_t offset, uint64_t previous_offset) {
  upstream_.Publish(group_id, offset, previous_offset);
  Settle();
}

void EdgeFixture::AnswerSend(uint64_t offset) {
  upstream_.Answer(offset);
  Settle();
}

void EdgeFixture::Tick(std::chrono::milliseconds time) {
  clock_.Step(time);
  router_.OnTick();
  upstream_.link().OnTurnEnd();
  Settle();
}

}  // namespace edge
