#include <array>
#include <boost/json.hpp>

#include "tests/support/web_socket_client.h"

namespace support {
namespace {

constexpr std::uint8_t kFinBit = 0x80;
constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::array<std::uint8_t, 4> kMask{0x37, 0xfa, 0x21, 0x3d};  // RFC 6455, section 5.7

void AppendBigEndian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

}  // namespace

std::string EncodeFrame(const Frame& frame, std::optional<std::uint64_t> declared_length) {
  const std::uint64_t length = declared_length.value_or(frame.payload.size());
  const std::uint8_t mask_bit = frame.masked ? kMaskBit : 0;
  std::string out;
  out.reserve(frame.payload.size() + 14);
  out.push_back(
      static_cast<char>((frame.fin ? kFinBit : 0) | (frame.reserved << 4) | frame.opcode));
  if (length < kLength16) {
    out.push_back(static_cast<char>(mask_bit | length));
  } else if (length <= 0xffff) {
    out.push_back(static_cast<char>(mask_bit | kLength16));
    AppendBigEndian(out, length, 2);
  } else {
    out.push_back(static_cast<char>(mask_bit | kLength64));
    AppendBigEndian(out, length, 8);
  }
  if (!frame.masked) return out + frame.payload;
  for (const std::uint8_t byte : kMask) out.push_back(static_cast<char>(byte));
  for (std::size_t i = 0; i < frame.payload.size(); ++i) {
    out.push_back(static_cast<char>(frame.payload[i] ^ kMask[i % kMask.size()]));
  }
  return out;
}

std::string EncodeText(std::string_view text) {
  Frame frame;
  frame.payload = text;
  return EncodeFrame(frame);
}

int Frame::CloseCode() const {
  constexpr int kNoCode = 1005;  // RFC 6455, section 7.4.1
  if (payload.size() < 2) return kNoCode;
  return static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]);
}

std::string Frame::CloseReason() const { return payload.size() < 2 ? "" : payload.substr(2); }

std::string UpgradeRequestHead(const std::string& path, const std::string& host) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
}

std::string ErrorCode(std::string_view text) {
  boost::json::error_code error;
  const boost::json::value value =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return "";
  const boost::json::object& object = value.as_object();
  const boost::json::value* event = object.if_contains("event");
  const boost::json::value* code = object.if_contains("code");
  const boost::json::value* message = object.if_contains("message");
  if (object.size() != 3 || event == nullptr || code == nullptr || message == nullptr) return "";
  if (!event->is_string() || event->as_string() != "error") return "";
  if (!code->is_string() || !message->is_string() || message->as_string().empty()) return "";
  return std::string(code->as_string());
}

ErrorEvent ParseErrorEvent(std::string_view text) {
  const TestFailure not_one("not an error event: " + std::string(text.substr(0, 300)));
  boost::json::error_code error;
  const boost::json::value value =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) throw not_one;
  const boost::json::object& object = value.as_object();
  ErrorEvent event;
  std::size_t known = 0;
  const auto take = [&](const char* name) {
    const boost::json::value* member = object.if_contains(name);
    if (member != nullptr) ++known;
    return member;
  };
  const auto text_of = [&](const char* name) {
    const boost::json::value* member = take(name);
    if (member == nullptr || !member->is_string()) throw not_one;
    return std::string(member->get_string());
  };
  if (text_of("event") != "error") throw not_one;
  event.code = text_of("code");
  event.message = text_of("message");
  const boost::json::value* retryable = take("retryable");
  if (retryable == nullptr || !retryable->is_bool()) throw not_one;
  event.retryable = retryable->get_bool();
  const boost::json::value* retry_ms = take("retry_ms");
  if (event.retryable != (retry_ms != nullptr && retry_ms->is_int64())) throw not_one;
  if (const boost::json::value* id = take("id")) event.id = boost::json::serialize(*id);
  if (object.contains("group_id")) event.group_id = text_of("group_id");
  if (event.message.empty() || known != object.size()) throw not_one;
  return event;
}

std::string Quoted(std::string_view text) {
  return boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

}  // namespace support
