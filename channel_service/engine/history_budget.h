// The memory of many histories together, and which of them is to give when it is too much: one of
// those that hold most, so that a flood in some groups takes nothing from small, quiet ones.
//
// An engine owns it; loop thread only. Histories are in classes by powers of two of their bytes; in
// the highest class that has some, the one that was used longest ago gives first. All in O(1).
#pragma once

#include <array>
#include <bit>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace channel {

class HistoryBudget {
  struct Tag;
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>>;

 public:
  // A history's part; whoever has the history derives from it. It is empty, or the budget is gone,
  // when it is destroyed.
  class Share : public Hook {
   private:
    friend class HistoryBudget;
    size_t bytes_ = 0;
  };

  // The history takes `bytes` now; 0 if it is empty.
  void Set(Share& share, size_t bytes) {
    bytes_ = bytes_ - share.bytes_ + bytes;
    const int before = ClassOf(share.bytes_);
    const int now = ClassOf(bytes);
    share.bytes_ = bytes;
    if (before == now) return;
    if (before != 0) Remove(share, before);
    if (now != 0) Add(share, now);
  }

  // The history, which is not empty, was used last.
  void Use(Share& share) {
    List& its_class = classes_[static_cast<size_t>(ClassOf(share.bytes_))];
    its_class.splice(its_class.end(), its_class, its_class.iterator_to(share));
  }

  // Null if all are empty.
  Share* Largest() {
    if (held_classes_ == 0) return nullptr;
    return &classes_[static_cast<size_t>(std::bit_width(held_classes_))].front();
  }

  size_t bytes() const { return bytes_; }

 private:
  using List = boost::intrusive::list<Share, boost::intrusive::base_hook<Hook>,
                                      boost::intrusive::constant_time_size<false>>;

  // 0: empty; otherwise class n has 2^(n-1) to 2^n - 1 bytes.
  static int ClassOf(size_t bytes) { return static_cast<int>(std::bit_width(bytes)); }

  void Add(Share& share, int to) {
    classes_[static_cast<size_t>(to)].push_back(share);
    held_classes_ |= uint64_t{1} << (to - 1);
  }
  void Remove(Share& share, int from) {
    List& its_class = classes_[static_cast<size_t>(from)];
    its_class.erase(its_class.iterator_to(share));
    if (its_class.empty()) held_classes_ &= ~(uint64_t{1} << (from - 1));
  }

  std::array<List, std::numeric_limits<size_t>::digits + 1> classes_;
  uint64_t held_classes_ = 0;  // bit n - 1: class n is not empty
  size_t bytes_ = 0;
};

}  // namespace channel
