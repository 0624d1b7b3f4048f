#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "cleave/runtime/session.h"

namespace cleave::runtime {

/// Samples on their way from one thread to another, a bounded number of them. Thread-safe.
class SampleQueue {
 public:
  using Sample = std::vector<Tensor>;

  explicit SampleQueue(std::size_t room) : room_(room) {}

  /// Waits for room. False: the queue is closed, and the sample dropped.
  bool push(Sample sample) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || samples_.size() < room_; });
    if (closed_) return false;
    samples_.push_back(std::move(sample));
    changed_.notify_all();
    return true;
  }

  /// Waits for a sample. Nothing: the queue is closed.
  std::optional<Sample> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !samples_.empty(); });
    return take();
  }

  /// A sample, if there is one now.
  std::optional<Sample> try_pop() {
    const std::lock_guard lock(mutex_);
    return take();
  }

  [[nodiscard]] bool has_room() const {
    const std::lock_guard lock(mutex_);
    return samples_.size() < room_;
  }

  /// Ends all waiting, now and from now on.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::optional<Sample> take() {
    if (closed_ || samples_.empty()) return std::nullopt;
    Sample sample = std::move(samples_.front());
    samples_.pop_front();
    changed_.notify_all();
    return sample;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Sample> samples_;
  std::size_t room_;
  bool closed_ = false;
};

}  // namespace cleave::runtime
