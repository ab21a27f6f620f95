// The memorization pass (after FineZip, Mittu et al. 2024): all ranks train one low-rank adapter on the very corpus
// that is about to be compressed, each on chunks of its own, with gradients summed after each step. Then as much of
// the adapter as pays is made of integers, and kept only if the coder says that it saves more bytes than it takes.
// Called by every rank's worker thread, in step.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "shard/plan.h"
#include "shard/text_codec.h"
#include "worker/training_pass.h"

namespace fz::worker {

enum class Memorize : std::uint8_t { kOff, kAuto, kOn };

struct MemorizeSettings {
  Memorize mode = Memorize::kOff;
  PassSettings pass;  ///< Without a budget: as long as the corpus seems to deserve.
  model::TrainerSettings trainer;
};

/// What was decided, on rank 0.
struct MemorizeReport {
  bool trained = false;
  bool kept = false;
  bool has_failed = false;  ///< Though it could have been trained: whoever reads the reason may want to do something.
  std::string reason;       ///< Why not trained or not kept.
  PassProgress end;
  double held_out_bits_before = 0;
  std::uint64_t adapter_bytes = 0;
  std::uint32_t adapter_rank = 0;  ///< At most the rank that was trained.
  std::uint64_t sample_raw_bytes = 0;
  std::uint64_t sample_bytes_without = 0;
  std::uint64_t sample_bytes_with = 0;
  double expected_saving_bytes = 0;  ///< Over the whole corpus, the adapter's own size not counted.
};

struct MemorizeHooks {
  std::function<void(const PassProgress&)> progress;  ///< After each step, on rank 0.
  std::function<void(const MemorizeReport&)> report;
  std::function<std::unique_ptr<model::Trainer>(const model::Model&, const model::TrainerSettings&)> make_trainer;
};

/// Whether there is enough text for an adapter to pay; of the plan alone, so that all ranks agree.
bool is_worth_memorizing(const shard::Plan& plan);

/// The adapter of the job: the one that is there, or else one that the ranks train now and rank 0 makes durable.
Bytes make_job_adapter(const std::filesystem::path& job_directory, const shard::Plan& plan, shard::TextCodec& codec,
                       comm::Collective& collective, const MemorizeSettings& settings, const MemorizeHooks& hooks);

/// The adapter of the job for ranks that cannot train, as nothing but its directory connects them: the one that is
/// there, or else none, which is made durable by the rank that decides; the others wait for it. Throws Error(kLaunch)
/// when that takes longer than the timeout.
Bytes job_adapter_without_training(const std::filesystem::path& job_directory, const shard::Plan& plan, bool decides,
                                   double timeout_seconds);

/// The adapter as it is stored, the same on all ranks; empty: none. `codec` is left without an adapter. Throws
/// Error(kLaunch) when a rank is lost. What else goes wrong on any rank, such as no memory or a training that diverges,
/// is thrown on all with kOn; with kAuto it is reported, and there is no adapter.
Bytes memorize(const shard::Plan& plan, shard::TextCodec& codec, comm::Collective& collective,
               const MemorizeSettings& settings, const MemorizeHooks& hooks);

}  // namespace fz::worker
