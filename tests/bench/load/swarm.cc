#include "tests/bench/load/swarm.h"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tests/bench/load/clocks.h"

namespace channel::bench {
namespace {

constexpr size_t kEventsMax = 64;
constexpr uint32_t kCommandInput = ~uint32_t{0};  // in epoll_event.data, instead of a session
constexpr uint32_t kOpeningMax = 64;              // at a time: well below any listen backlog
constexpr uint64_t kChecksMax = 32 << 20;         // receivers × senders: 512 MiB
constexpr uint32_t kPortsPerSource = 8192;        // of about 28,000 ephemeral ones
constexpr uint32_t kSources = 16;                 // 127.0.0.1 …
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kConnectNs = 60 * kSecond;       // for all sessions
constexpr int64_t kJoinNs = 20 * kSecond;          // for all sessions
constexpr int64_t kProbeIntervalNs = kSecond / 5;  // between probes of a join
constexpr int64_t kDrainNs = 5 * kSecond;          // what has not come then is lost
constexpr int64_t kStrayNs = kSecond / 200;        // after that: duplicates

}  // namespace

void Die(const std::string& why) {
  std::fprintf(stderr, "bench_swarm: %s\n", why.c_str());
  std::exit(1);
}

Swarm::Swarm(Dialect dialect, std::vector<uint16_t> ports)
    : ports_(std::move(ports)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      shared_(dialect),
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
  const auto source =
      static_cast<uint32_t>(INADDR_LOOPBACK + started_++ / kPortsPerSource % kSources);
  const int fd =
      sessions_.emplace_back(index).Start(shared_, source, ports_[index % ports_.size()]);
  if (fd < 0) Die(std::string("connect: ") + std::strerror(errno));
  // Edge-triggered, as a session takes all that there is: saves the kernel a look at each socket.
  Watch(fd, index, EPOLLIN | EPOLLET);
}

void Swarm::Connect(uint32_t count) {
  const int64_t deadline = Now() + kConnectNs;
  const uint32_t& done = join_when_open_ ? answered_ : opened_;
  while (done < count) {
    if (Now() > deadline) Die("connecting took too long");
    if (!healthy()) Die("while connecting: " + why_broken());
    const bool more = sessions() < count && sessions() - done < kOpeningMax;
    if (more) StartSession();
    Poll(more ? 0 : kSecond / 10);
  }
}

void Swarm::ConnectAndJoin(uint32_t count, uint32_t groups, const std::string& prefix) {
  NameGroups(groups, prefix);
  join_when_open_ = true;
  Connect(count);
  join_when_open_ = false;
}

void Swarm::NameGroups(uint32_t groups, const std::string& prefix) {
  names_.clear();
  for (uint32_t i = 0; i < groups; ++i) names_.push_back(prefix + std::to_string(i));
}

void Swarm::Join(uint32_t groups, const std::string& prefix) {
  const auto ports = static_cast<uint32_t>(ports_.size());
  if (groups == 0 || sessions() < groups || ports > 16 || joined() ||
      uint64_t{sessions()} * (sessions() / groups + ports) > kChecksMax) {
    Die("too few sessions for so many groups, too many in one, or joined before");
  }
  NameGroups(groups, prefix);
  ledger_ = std::make_unique<Ledger>(sessions(), ports, groups);
  shared_.ledger = ledger_.get();
  for (uint32_t i = 0; i < sessions(); ++i) SendJoin(i, names_[ledger_->group(i)]);
  // Joins are not acknowledged in every dialect: probes are sent again and again until all see the
  // newest one. As messages of one sender come in order, nothing is on its way after that.
  const int64_t deadline = Now() + kJoinNs;
  while (!ledger_->probed()) {
    if (Now() > deadline) Die("not every member hears its group");
    ledger_->StartProbe();
    SendProbes();
    // While members keep hearing them, the next probes would only make it slower.
    uint32_t seen = 0;
    int64_t patience = Now() + kProbeIntervalNs;
    while (!ledger_->probed() && Now() < patience && healthy()) {
      Poll(kSecond / 50);
      if (ledger_->probed_count() != seen) patience = Now() + kProbeIntervalNs;
      seen = ledger_->probed_count();
    }
    if (!healthy()) Die("while joining: " + why_broken());
  }
  ledger_->faults = {};
}

void Swarm::SendJoin(uint32_t session, const std::string& group) {
  if (shared_.dialect == Dialect::kRaw) return;
  AppendJoin(shared_.dialect, group, shared_.frame);
  sessions_[session].Send(shared_, DataFrame(shared_.dialect));
}

void Swarm::SendProbes() {
  for (uint32_t group = 0; group < ledger_->groups(); ++group) {
    for (const uint32_t session : ledger_->Probers(group)) {
      ClientFrame& frame = shared_.frame;
      AppendPublishHead(shared_.dialect, names_[group], SwarmMessage::kHeaderBytes, frame);
      ledger_->WriteProbe(session, frame.payload_end());
      frame.Grow(SwarmMessage::kHeaderBytes);
      AppendPublishTail(shared_.dialect, frame);
      sessions_[session].Send(shared_, DataFrame(shared_.dialect));
    }
  }
}

void Swarm::CloseAll() {
  for (SwarmSession& session : sessions_) session.Close();
  sessions_.clear();
  ledger_.reset();
  shared_.ledger = nullptr;
  opened_ = answered_ = 0;
}

void Swarm::Publish(uint32_t session, uint32_t bytes, int64_t due) {
  ClientFrame& frame = shared_.frame;
  AppendPublishHead(shared_.dialect, names_[ledger_->group(session)], bytes, frame);
  ledger_->WriteNext(session, bytes, due, frame.payload_end());
  frame.Grow(bytes);
  AppendPublishTail(shared_.dialect, frame);
  sessions_[session].Send(shared_, DataFrame(shared_.dialect));
}

void Swarm::Poll(int64_t ns) {
  const timespec timeout{ns / kSecond, ns % kSecond};
  const int count = epoll_pwait2(epoll_, ready_.data(), static_cast<int>(ready_.size()),
                                 ns < 0 ? nullptr : &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const uint32_t session = ready_[static_cast<size_t>(i)].data.u32;
    if (session != kCommandInput) {
      OnEvents(session, sessions_[session].OnReadable(shared_));
      continue;
    }
    char text[4096];
    const ssize_t got = read(STDIN_FILENO, text, sizeof text);
    if (got <= 0) std::exit(0);
    input_.append(text, static_cast<size_t>(got));
  }
}

void Swarm::OnEvents(uint32_t session, unsigned events) {
  if ((events & SwarmSession::kOwn) != 0 && echo_bytes_ > 0) Publish(session, echo_bytes_, Now());
  if ((events & SwarmSession::kOpened) != 0) {
    ++opened_;
    if (join_when_open_) {
      SendJoin(session, names_[session % names_.size()]);
      sessions_[session].SendAsk(shared_);
    }
  }
  if ((events & SwarmSession::kAnswered) != 0) ++answered_;
}

bool Swarm::Drain() {
  const int64_t deadline = Now() + kDrainNs;
  while (!ledger_->complete() && healthy() && Now() < deadline) Poll(kSecond / 10);
  const bool complete = ledger_->complete() && healthy();
  if (!complete) ledger_->CountMissing();
  return complete;
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
