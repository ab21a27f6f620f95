#include "cli/keep_going_task.h"

#include "base/error.h"

namespace fz::cli {
namespace {

class KeepGoingTask final : public worker::Task {
 public:
  explicit KeepGoingTask(std::unique_ptr<worker::Task> check) : check_(std::move(check)) {}

  void begin(const comm::Begin& begin, Rank rank) override { check_->begin(begin, rank); }
  comm::Ready ready() override { return check_->ready(); }
  void abandon() override { check_->abandon(); }
  void finish() override { check_->finish(); }

  void process(std::span<const BlockId> blocks, const Report& report) override {
    if (is_good(blocks)) {
      for (const BlockId block : blocks) report({block, 0, 0});
      return;
    }
    // One of them is damaged; which one, shows when they come alone.
    for (const BlockId block : blocks) {
      const bool good = blocks.size() > 1 && is_good(std::span(&block, 1));
      report({block, good ? 0 : kDamagedMark, 0});
    }
  }

 private:
  bool is_good(std::span<const BlockId> blocks) {
    try {
      check_->process(blocks, [](const comm::BlockDone&) {});
      return true;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCorrupt) throw;
      return false;
    }
  }

  std::unique_ptr<worker::Task> check_;
};

}  // namespace

std::unique_ptr<worker::Task> make_keep_going_task(std::unique_ptr<worker::Task> check) {
  return std::make_unique<KeepGoingTask>(std::move(check));
}

}  // namespace fz::cli
