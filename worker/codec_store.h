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
  using MakeText = std::function<std::unique_ptr<shard::TextCodec>(const shard::TextCodecFactory&)>;

  /// `make_text` makes the text codec when it is needed: with the adapter that the blocks want. It throws when the
  /// model is the wrong one.
  CodecStore(Resources resources, MakeText make_text)
      : resources_(std::move(resources)), make_text_(std::move(make_text)) {}

  shard::TextCodec& text() {
    if (!text_) text_ = make_text_(resources_.make_text_codec);
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
  MakeText make_text_;
  std::unique_ptr<shard::TextCodec> text_;
};

}  // namespace fz::worker
