#include "coordinator/recover_job.h"

#include <unistd.h>

#include <algorithm>

#include "base/display.h"
#include "base/interruption.h"
#include "coordinator/output_file.h"
#include "shard/archive_reader.h"
#include "shard/archive_writer.h"
#include "shard/block_codec.h"

namespace fz::coordinator {
namespace {

using shard::FoundBlock;

/// The new archive before it has its name: gone unless it is renamed.
class TemporaryOutput {
 public:
  explicit TemporaryOutput(const std::filesystem::path& output)
      : path_(output.native() + fmt::format(".tmp-{}", ::getpid())), file_(File::create(path_)) {}
  ~TemporaryOutput() { ::unlink(path_.c_str()); }
  TemporaryOutput(const TemporaryOutput&) = delete;
  TemporaryOutput& operator=(const TemporaryOutput&) = delete;

  File& file() { return file_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  File file_;
};

}  // namespace

RecoverJob::RecoverJob(const RecoverRequest& request)
    : request_(request),
      archive_(File::open_for_reading(request.archive)),
      name_(display_text(request.archive.native())) {
  if (std::error_code error; !std::filesystem::is_regular_file(request_.archive, error)) {
    fail(ErrorCode::kInput, "{}: not a regular file; copy the archive to one first", name_);
  }
  check_output();
  const std::uint64_t total = archive_.size_bytes();
  const shard::RecoveryScan scan = shard::scan_for_recovery(archive_, [&](std::uint64_t done) {
    throw_if_interrupted();
    if (request_.progress) request_.progress(done, total);
  });
  shard::RecoveryTail tail = shard::find_recovery_tail(archive_, scan);
  shard::RecoveryOrder order = shard::order_recovered_blocks(scan, tail);
  find_model(order);
  plan_ = shard::plan_recovery(scan, std::move(tail), order, usable(order.unplaced));
  if (model_) plan_.header.model = *model_;
}

void RecoverJob::check_output() const {
  if (request_.output.empty()) return;
  const std::string output = display_text(request_.output.native());
  std::error_code error;
  if (std::filesystem::equivalent(request_.output, request_.archive, error)) {
    fail(ErrorCode::kUsage, "recover: {}: is the damaged archive itself, which is never changed; name another file",
         output);
  }
  require_free_output(request_.output, request_.force);
}

/// Nothing in a block names its model; but a model that gives bytes with the block's hash is the right one.
void RecoverJob::find_model(shard::RecoveryOrder& order) {
  const auto wants_model = [](const FoundBlock& block) {
    return block.intact && shard::needs_model(block.header.codec);
  };
  if (order.header) return;
  const FoundBlock* smallest = nullptr;  // the quickest to decode
  for (const FoundBlock& block : order.placed) {
    if (!wants_model(block)) continue;
    if (smallest == nullptr || block.header.raw_bytes < smallest->header.raw_bytes) smallest = &block;
  }
  if (smallest == nullptr) return;
  model_ = request_.find_model({smallest->header, read_payload(*smallest)}, read_adapter(order.adapter));
  if (model_) return;
  for (FoundBlock& block : order.placed) {
    if (wants_model(block)) block.intact = false;
  }
}

/// What was set aside may be anything: it is kept only if it needs no model, which might be another one, and decodes,
/// so that the new archive decodes as a whole.
std::vector<FoundBlock> RecoverJob::usable(const std::vector<FoundBlock>& unplaced) const {
  std::vector<FoundBlock> result;
  for (const FoundBlock& block : unplaced) {
    throw_if_interrupted();
    if (shard::needs_model(block.header.codec)) continue;
    try {
      shard::decode_block({block.header, read_payload(block)}, nullptr, name_);
      result.push_back(block);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCorrupt) throw;
    }
  }
  return result;
}

Bytes RecoverJob::read_payload(const FoundBlock& block) const {
  Bytes payload = archive_.read_at(block.file_offset + shard::kBlockHeaderBytes, block.header.payload_bytes);
  if (shard::check8(payload) != block.header.payload_check) {
    fail(ErrorCode::kInput, "{}: offset {}: the file changed while it was read", name_, block.file_offset);
  }
  return payload;
}

Bytes RecoverJob::read_adapter(const std::optional<shard::FoundAdapter>& found) const {
  if (!found) return {};
  Bytes adapter = archive_.read_at(found->file_offset, found->summary.stored_bytes);
  if (shard::read_adapter_summary(adapter, name_) != found->summary) {
    fail(ErrorCode::kInput, "{}: offset {}: the file changed while it was read", name_, found->file_offset);
  }
  return adapter;
}

std::uint64_t RecoverJob::write() {
  FZ_CHECK(!request_.output.empty() && found_anything());
  TemporaryOutput output(request_.output);
  const Bytes adapter = plan_.header.adapter_bytes > 0 ? read_adapter(plan_.adapter) : Bytes();
  shard::ArchiveWriter writer(output.file(), plan_.header, adapter);
  std::uint64_t done = 0;
  for (const shard::RecoveredBlock& block : plan_.blocks) {
    throw_if_interrupted();
    Bytes stored = shard::serialize_block_header(block.header);
    const Bytes payload = read_payload(block.source);
    stored.insert(stored.end(), payload.begin(), payload.end());
    writer.append_block(block.header, stored);
    done += block.header.raw_bytes;
    if (request_.progress) request_.progress(done, plan_.kept_raw_bytes());
  }
  writer.finish(plan_.entries);
  output.file().sync();
  output.file().close();
  // Whoever lost data once wants to know that the new archive can be read before the old one goes.
  const std::uint64_t size_bytes = shard::ArchiveReader(output.path()).archive_bytes();
  publish_output(output.path(), request_.output, request_.force);
  return size_bytes;
}

}  // namespace fz::coordinator
