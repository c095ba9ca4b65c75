#include "tests/bench/load/swarm.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace channel::bench {
namespace {

constexpr size_t kEventsMax = 512;
constexpr uint32_t kCommandInput = ~uint32_t{0};  // in epoll_event.data, instead of a session
constexpr uint32_t kOpeningMax = 64;              // at a time: well below any listen backlog
constexpr uint32_t kPortsPerSource = 8192;        // of about 28,000 ephemeral ones
constexpr uint32_t kSources = 16;                 // 127.0.0.1 …
constexpr int64_t kConnectNs = 60 * kSecond;      // for all sessions
constexpr int64_t kQuietNs = kSecond / 50;        // the servers are quiet if they use at most …
constexpr int64_t kQuietCpuNs = kQuietNs / 20;    // … of it, all together
constexpr int64_t kQuietWaitNs = 3 * kSecond;
constexpr int64_t kStrayNs = 5 * kMillisecond;

}  // namespace

Swarm::Swarm(const Words& words, std::vector<uint16_t> ports)
    : ports_(std::move(ports)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      context_(words),
      ready_(kEventsMax) {
  prctl(PR_SET_TIMERSLACK, 1);  // ns, instead of 50 µs: an open loop is paced by timeouts
  Watch(STDIN_FILENO, kCommandInput, EPOLLIN);
}

void Swarm::Watch(int fd, uint32_t data, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u32 = data;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
}

void Swarm::StartSession() {
  const uint32_t index = sessions();
  const std::string source =
      "127.0.0." + std::to_string(1 + started_++ / kPortsPerSource % kSources);
  const int fd = sessions_.emplace_back(context_, index).Start(source, ports_[index % ports()]);
  // Edge-triggered, as a session takes all that there is: saves the kernel a look at each socket.
  Watch(fd, index, EPOLLIN | EPOLLET);
}

void Swarm::Connect(uint32_t count) { ConnectUntil(count, context_.opened); }

void Swarm::ConnectUntil(uint32_t count, const uint32_t& done) {
  const int64_t deadline = Now() + kConnectNs;
  while (done < count) {
    if (Now() > deadline) Die("connecting took too long");
    if (!healthy()) Die("a session broke while connecting");
    const bool more = sessions() < count && sessions() - done < kOpeningMax;
    if (more) StartSession();
    Poll(more ? 0 : kSecond / 10);
  }
}

void Swarm::CloseAll(const CpuClocks& servers) {
  sessions_.clear();
  context_.opened = context_.answered = 0;
  AwaitQuiet(servers);
}

void Swarm::AwaitQuiet(const CpuClocks& servers) {
  const int64_t deadline = Now() + kQuietWaitNs;
  int64_t before = servers.Sum();
  while (Now() < deadline) {
    for (const int64_t end = Now() + kQuietNs; Now() < end;) Poll(kQuietNs);
    const int64_t now = servers.Sum();
    if (now - before <= kQuietCpuNs) return;
    before = now;
  }
}

boost::json::object Swarm::MeasureConnects(const CpuClocks& servers, uint32_t count,
                                           uint32_t groups) {
  if (sessions() > 0 || groups == 0) Die("there are sessions, or no groups");
  for (uint32_t i = 0; i < groups; ++i) join_when_open_.push_back("g" + std::to_string(i));
  CostMeter meter(servers);
  ConnectUntil(count, context_.answered);
  meter.Stop();
  join_when_open_.clear();
  CloseAll(servers);
  boost::json::object result{{"connections", count}};
  meter.AddTo(result);
  return result;
}

void Swarm::Join(uint32_t session, const std::string& group) {
  if (context_.words.dialect == Dialect::kRaw) return;
  AppendJoin(context_.words, group, context_.frame);
  sessions_[session].Send(context_.words.data_frame);
}

void Swarm::Publish(uint32_t session, const std::string& group, const Message& message,
                    uint32_t bytes) {
  ClientFrame& frame = context_.frame;
  AppendPublishHead(context_.words, group, bytes, frame);
  WriteMessage(message, bytes, frame.payload_end());
  frame.Grow(bytes);
  frame.Append(context_.words.publish[2]);
  sessions_[session].Send(context_.words.data_frame);
}

int Swarm::Poll(int64_t ns) {
  const timespec timeout{ns / kSecond, ns % kSecond};
  const int count = epoll_pwait2(epoll_, ready_.data(), static_cast<int>(ready_.size()),
                                 ns < 0 ? nullptr : &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const uint32_t session = ready_[static_cast<size_t>(i)].data.u32;
    if (session == kCommandInput) {
      char text[4096];
      const ssize_t got = read(STDIN_FILENO, text, sizeof text);
      if (got <= 0) std::_Exit(0);
      input_.append(text, static_cast<size_t>(got));
    } else if (sessions_[session].OnReadable() && !join_when_open_.empty()) {
      Join(session, join_when_open_[session % join_when_open_.size()]);
      sessions_[session].SendAsk();
    }
  }
  return count;
}

void Swarm::AwaitStrays() {
  for (const int64_t end = Now() + kStrayNs; Now() < end;) Poll(kStrayNs);
}

std::string Swarm::NextCommand() {
  size_t end = 0;
  while ((end = input_.find('\n')) == std::string::npos) Poll(-1);
  std::string command = input_.substr(0, end);
  input_.erase(0, end + 1);
  return command;
}

}  // namespace channel::bench
