// The codecs of a task: the text codec, made when it is first needed, and how many blocks to take at a time. Owned by
// one task; its worker's thread only.
#pragma once

#include <memory>

#include "comm/message.h"
#include "shard/block_codec.h"
#include "worker/tasks.h"

namespace fz::worker {

class CodecStore {
 public:
  /// `prepare` is given the text codec when it is made: it throws when that has the wrong model, and has it use the
  /// adapter that the blocks want.
  CodecStore(Resources resources, std::function<void(shard::TextCodec&)> prepare)
      : resources_(std::move(resources)), prepare_(std::move(prepare)) {}

  shard::TextCodec& text() {
    if (!text_) {
      std::unique_ptr<shard::TextCodec> made = resources_.make_text_codec();
      prepare_(*made);
      text_ = std::move(made);
    }
    return *text_;
  }
  ThreadPool& pool() { return *resources_.pool; }

  /// Blocks to take at a time. Makes the text codec when `needs_model`.
  comm::Ready ready(shard::Direction direction, std::uint32_t block_bytes, bool needs_model) {
    const std::uint64_t limit_bytes = resources_.memory_limit_bytes;
    comm::Ready ready;
    ready.cheap_blocks =
        shard::cheap_footprint(direction, block_bytes, resources_.pool->threads()).blocks_within(limit_bytes);
    if (needs_model) ready.model_blocks = text().footprint(direction, block_bytes).blocks_within(limit_bytes);
    return ready;
  }

 private:
  Resources resources_;
  std::function<void(shard::TextCodec&)> prepare_;
  std::unique_ptr<shard::TextCodec> text_;
};

}  // namespace fz::worker
