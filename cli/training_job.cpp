#include "cli/training_job.h"

#include "base/display.h"
#include "base/hash.h"
#include "base/new_directory.h"
#include "model/import.h"
#include "model/model_file.h"
#include "model/train/tokenizer_change.h"

namespace fz::cli {
namespace {

constexpr std::string_view kCheckpointMagic("FZtrai\x00\x01", 8);
constexpr const char* kLockName = "lock";
constexpr const char* kStartName = "start";
constexpr const char* kOptionsName = "options";
constexpr const char* kCheckpointName = "checkpoint";
constexpr const char* kResultName = "result";
constexpr std::uint64_t kMaxOptionsBytes = 1 << 20;
constexpr std::uint64_t kMaxCheckpointBytes = std::uint64_t{1} << 36;

/// A file that training made, whole or half-written ("checkpoint.tmp-123").
bool is_job_file(const std::string& name) {
  for (const std::string ours : {kOptionsName, kCheckpointName}) {
    if (name == ours || name.starts_with(ours + ".tmp-")) return true;
  }
  return name == kLockName;
}

bool is_of_job(const std::filesystem::directory_entry& item) {
  const std::string name = item.path().filename().string();
  std::error_code error;
  const auto type = item.symlink_status(error).type();
  if (type == std::filesystem::file_type::directory) return name == kStartName || name == kResultName;
  return type == std::filesystem::file_type::regular && is_job_file(name);
}

std::vector<std::filesystem::directory_entry> items_of(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::directory_iterator begin(directory, error);
  return {begin, {}};
}

/// Somebody's directory may have our name by chance: it is never emptied. The lock is made before all else, so without
/// one nothing is ours.
void refuse_foreign_files(const std::filesystem::path& directory) {
  const bool has_lock = is_plain_file(directory / kLockName);
  for (const auto& item : items_of(directory)) {
    // What is gone by now was another run's; that one has the lock, or ends.
    if ((has_lock && is_of_job(item)) || !is_present(item.path())) continue;
    fail(ErrorCode::kOutput, "{}: is not the directory of an unfinished training; rename it, or name another output",
         display_text(directory.native()));
  }
}

/// What a killed run left in it must not be mixed with what comes.
void make_empty(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (!error) std::filesystem::create_directory(directory, error);
  if (error) fail(ErrorCode::kOutput, "{}: {}", directory.string(), error.message());
}

/// Every rank reads the checkpoint by itself, as a broadcast has a limit; they must have read the same.
void require_same_on_all_ranks(ByteSpan checkpoint, const std::string& source, comm::Collective& collective) {
  const Hash hash = hash_bytes(checkpoint);
  Bytes hash_of_rank_0(hash.begin(), hash.end());
  collective.broadcast(hash_of_rank_0);
  if (std::equal(hash.begin(), hash.end(), hash_of_rank_0.begin(), hash_of_rank_0.end())) return;
  fail(ErrorCode::kLaunch,
       "{}: rank {} does not read there what rank 0 does; the directory must be on a filesystem that all ranks share",
       source, collective.rank());
}

}  // namespace

TrainingJob::TrainingJob(const std::filesystem::path& output, std::string options, bool writes)
    : output_(plain_directory_path(output)), path_(output_.native() + ".training"), options_(std::move(options)) {
  if (!writes) return;
  require_free_directory(output_);
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) fail(ErrorCode::kOutput, "{}: {}", path_.string(), error.message());
  refuse_foreign_files(path_);
  lock_ = File::open_for_appending(path_ / kLockName);
  if (!lock_.try_lock()) fail(ErrorCode::kLaunch, "{}: another process trains here", display_text(path_.native()));
}

void TrainingJob::begin(const std::string& begin, const std::string& tokenizer, const model::Architecture& shape,
                        std::uint64_t seed) {
  const std::filesystem::path options_path = path_ / kOptionsName;
  if (is_present(path_ / kCheckpointName)) {
    if (as_string_view(read_file(options_path, kMaxOptionsBytes)) == options_) return;
    fail(ErrorCode::kInput,
         "{}: an unfinished training cannot be resumed: it was begun with other options; remove this directory to "
         "start afresh",
         display_text(path_.native()));
  }
  try {
    make_start(begin, tokenizer, shape, seed);
  } catch (...) {
    remove();
    throw;
  }
  replace_file(options_path, as_byte_span(options_));
}

void TrainingJob::make_start(const std::string& begin, const std::string& tokenizer, const model::Architecture& shape,
                             std::uint64_t seed) const {
  const std::filesystem::path start = path_ / kStartName;
  make_empty(start);
  if (begin.empty()) {
    model::write_untrained_model(start, shape, tokenizer, seed);
  } else {
    model::copy_model(start, begin, shape.context);
    if (!tokenizer.empty()) model::change_tokenizer(start, tokenizer);
  }
}

model::Model TrainingJob::import_start(std::uint32_t context) const {
  model::Model model = model::import_model((path_ / kStartName).string(), context);
  model.name = output_.filename().string();
  return model;
}

worker::PassProgress TrainingJob::restore(model::Trainer& trainer, comm::Collective& collective) const {
  const std::string source = (path_ / kCheckpointName).string();
  const Bytes checkpoint = is_present(source) ? read_file(source, kMaxCheckpointBytes) : Bytes();
  require_same_on_all_ranks(checkpoint, source, collective);
  worker::PassProgress progress;
  if (checkpoint.empty()) return progress;
  const Hash hash_size{};
  if (checkpoint.size() < hash_size.size() + kCheckpointMagic.size())
    fail(ErrorCode::kCorrupt, "{}: offset 0: truncated", source);
  const ByteSpan content = ByteSpan(checkpoint).first(checkpoint.size() - hash_size.size());
  const Hash hash = hash_bytes(content);
  if (!std::equal(hash.begin(), hash.end(), checkpoint.end() - static_cast<std::ptrdiff_t>(hash.size())))
    fail(ErrorCode::kCorrupt, "{}: the checkpoint is damaged; remove it to start afresh", source);
  ByteReader reader(content, source);
  if (as_string_view(reader.take(kCheckpointMagic.size())) != kCheckpointMagic)
    reader.corrupt("not a checkpoint of this version");
  progress.fraction = reader.read<double>();
  progress.seconds = reader.read<double>();
  progress.tokens = reader.read<double>();
  trainer.restore_state(reader.take(reader.remaining()), source);
  return progress;
}

void TrainingJob::write_checkpoint(const worker::PassProgress& progress, model::Trainer& trainer) const {
  ByteWriter writer;
  writer.write_bytes(as_byte_span(kCheckpointMagic));
  writer.write(progress.fraction);
  writer.write(progress.seconds);
  writer.write(progress.tokens);
  writer.write_bytes(trainer.save_state());
  writer.write_bytes(hash_bytes(writer.bytes()));
  replace_file(path_ / kCheckpointName, writer.bytes());
}

model::Model TrainingJob::write_result(const model::Model& start,
                                       const std::vector<model::NamedTensor>& weights) const {
  const std::filesystem::path result = path_ / kResultName;
  make_empty(result);
  model::write_trained_model(result, path_ / kStartName, start, weights);
  model::Model model = model::import_model(result.string(), start.config.context);
  model.name = start.name;
  model::finalize_model(model);
  replace_file(result / kTrainedModelName, model::serialize_model(model));
  return model;
}

void TrainingJob::publish() {
  rename_durably_without_replacing(path_ / kResultName, output_);
  remove();
}

void TrainingJob::remove() const {
  std::error_code error;
  std::filesystem::remove(path_ / kCheckpointName, error);
  for (const auto& item : items_of(path_)) {
    if (is_of_job(item) && item.path().filename() != kLockName) std::filesystem::remove_all(item.path(), error);
  }
  std::filesystem::remove(path_ / kLockName, error);
  std::filesystem::remove(path_, error);
}

}  // namespace fz::cli
