// A client of the simulation: sends commands over its end of a socket pair, and checks everything
// that comes back against the log of the service. Enveloped clients know their positions and resume
// from them; of plain ones only order and continuity can be checked.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "channel_service/model/publication.h"
#include "tests/fuzz/enveloped_view.h"
#include "tests/fuzz/plain_view.h"
#include "tests/fuzz/sim_edge.h"
#include "tests/support/web_socket_frame.h"

namespace fuzz {

class SimClient {
 public:
  // `rings_hold_all`: see EnvelopedView. With `trace` all that it is given is printed.
  SimClient(std::string name, bool enveloped, const SimService& service, bool rings_hold_all,
            bool trace)
      : name_(std::move(name)),
        enveloped_(enveloped),
        trace_(trace),
        view_(name_, service, rings_hold_all),
        plain_(name_, service) {}
  ~SimClient() { Vanish(); }
  SimClient(const SimClient&) = delete;
  SimClient& operator=(const SimClient&) = delete;

  const std::string& name() const { return name_; }
  bool connected() const { return fd_ >= 0; }
  bool enveloped() const { return enveloped_; }
  EnvelopedView& view() { return view_; }

  void Connect(SimEdge* edge, int send_buffer_bytes);
  // Gone without a word.
  void Vanish();
  // A paused client does not read, so that the edge's queue grows.
  void SetPaused(bool paused) { paused_ = paused; }
  bool paused() const { return paused_; }
  // Its commands are not carried out at once.
  bool held() const { return edge_->held(session_id_); }
  bool waits_for_answers() const { return connected() && view_.waits_for_answers(); }
  // Frames that it was given.
  size_t frames() const { return frames_; }

  // Sends one text frame.
  void Say(const std::string& text);
  // Plain clients have no answers: what they ask for is noted here.
  void JoinPlain(const std::string& group);
  void LeavePlain(const std::string& group);

  // Reads what has come and checks it; false if nothing has.
  bool Read();
  // All is at rest, every client reads, the service is up and each group has a last publication.
  void CheckComplete();

 private:
  void Take(std::string_view bytes);
  void OnFrame(const support::Frame& frame);

  const std::string name_;
  const bool enveloped_;
  const bool trace_;
  EnvelopedView view_;
  PlainView plain_;
  SimEdge* edge_ = nullptr;
  uint64_t session_id_ = 0;  // on this edge
  int fd_ = -1;
  bool upgraded_ = false;
  bool paused_ = false;
  std::string buffer_;
  size_t frames_ = 0;
};

}  // namespace fuzz
