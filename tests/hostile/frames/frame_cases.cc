#include "tests/hostile/frames/frame_cases.h"

#include <utility>

#include "tests/support/web_socket_client.h"

namespace frames {

using support::EncodeFrame;
using support::Frame;
using support::Opcode;

std::string Raw(int opcode, std::string_view payload, bool fin, int reserved) {
  return EncodeFrame(Frame{fin, static_cast<std::uint8_t>(reserved),
                           static_cast<std::uint8_t>(opcode), true, std::string(payload)});
}

std::string Raw(Opcode opcode, std::string_view payload, bool fin, int reserved) {
  return Raw(static_cast<int>(opcode), payload, fin, reserved);
}

std::string Bytes(std::initializer_list<int> header, std::string_view key,
                  std::string_view payload) {
  std::string bytes;
  for (const int byte : header) bytes.push_back(static_cast<char>(byte));
  bytes += key;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    bytes.push_back(static_cast<char>(payload[i] ^ key[i % key.size()]));
  }
  return bytes;
}

std::string Unmasked(Opcode opcode, std::string_view payload) {
  return EncodeFrame(
      Frame{true, 0, static_cast<std::uint8_t>(opcode), false, std::string(payload)});
}

std::string ClosePayload(int code, std::string_view reason) {
  return Bytes({code >> 8, code & 0xff}) + std::string(reason);
}

std::string Send(std::string_view body, std::size_t bytes) {
  std::string command = R"({"cmd":"send_to_group","group_id":")" + std::string(kGroup) +
                        R"(","message":")" + std::string(body) + "\"";
  if (command.size() + 1 < bytes) command.append(bytes - command.size() - 1, ' ');
  return command + "}";
}

std::string Join(std::string_view group) {
  return R"({"cmd":"add_group","group_id":)" + support::Quoted(group) + "}";
}

std::string Fragments(std::string_view text, const std::vector<std::size_t>& ends,
                      std::string_view between) {
  std::string bytes;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    bytes += Raw(begin == 0 && bytes.empty() ? Opcode::kText : Opcode::kContinuation,
                 text.substr(begin, end - begin), false);
    bytes += between;
    begin = end;
  }
  return bytes + Raw(Opcode::kContinuation, text.substr(begin));
}

Case Kept(std::string name, std::string bytes) { return {std::move(name), std::move(bytes), {}}; }

Case Echo(std::string name, std::string bytes, std::string body) {
  return {std::move(name), std::move(bytes), {{Answer::Kind::kMessage, std::move(body), {}}}};
}

Case Pongs(std::string name, std::string bytes, const std::vector<std::string>& payloads) {
  Case pongs = Kept(std::move(name), std::move(bytes));
  for (const std::string& payload : payloads) {
    pongs.answers.push_back({Answer::Kind::kPong, payload, {}});
  }
  return pongs;
}

Case Error(std::string name, std::string bytes, std::string code) {
  return {std::move(name), std::move(bytes), {{Answer::Kind::kError, std::move(code), {}}}};
}

Case Closed(std::string name, std::string bytes, std::vector<int> codes, std::string reason_has) {
  return {std::move(name),
          std::move(bytes),
          {{Answer::Kind::kClose, std::move(reason_has), std::move(codes)}}};
}

}  // namespace frames
