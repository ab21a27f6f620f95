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
constexpr const char* kOptionsName = "options";
constexpr const char* kCheckpointName = "checkpoint";
constexpr std::uint64_t kMaxOptionsBytes = 1 << 20;
constexpr std::uint64_t kMaxCheckpointBytes = std::uint64_t{1} << 36;

}  // namespace

TrainingJob::TrainingJob(const std::filesystem::path& output, std::string options, bool writes)
    : output_(plain_directory_path(output)), path_(output_.native() + ".training"), options_(std::move(options)) {
  if (!writes) return;
  require_free_directory(output_);
  std::error_code error;
  std::filesystem::create_directories(path_ / "start", error);
  if (error) fail(ErrorCode::kOutput, "{}: {}", path_.string(), error.message());
  lock_ = File::open_for_appending(path_ / "lock");
  if (!lock_.try_lock()) fail(ErrorCode::kLaunch, "{}: another process trains here", display_text(path_.native()));
}

void TrainingJob::begin(const std::string& begin, const std::string& tokenizer, const model::Architecture& shape,
                        std::uint64_t seed) {
  const std::filesystem::path options_path = path_ / kOptionsName;
  if (is_present(options_path)) {  // written last: the start is complete
    if (as_string_view(read_file(options_path, kMaxOptionsBytes)) == options_) return;
    fail(ErrorCode::kInput,
         "{}: an unfinished training cannot be resumed: it was begun with other options; remove this directory to "
         "start afresh",
         display_text(path_.native()));
  }
  const std::filesystem::path start = path_ / "start";
  if (begin.empty()) {
    model::write_untrained_model(start, shape, tokenizer, seed);
  } else {
    model::copy_model(start, begin, shape.context);
    if (!tokenizer.empty()) model::change_tokenizer(start, tokenizer);
  }
  replace_file(options_path, as_byte_span(options_));
}

model::Model TrainingJob::import_start(std::uint32_t context) const {
  model::Model model = model::import_model((path_ / "start").string(), context);
  model.name = output_.filename().string();
  return model;
}

Bytes TrainingJob::read_checkpoint() const {
  const std::filesystem::path path = path_ / kCheckpointName;
  return is_present(path) ? read_file(path, kMaxCheckpointBytes) : Bytes();
}

worker::PassProgress TrainingJob::restore(ByteSpan checkpoint, model::Trainer& trainer) const {
  worker::PassProgress progress;
  if (checkpoint.empty()) return progress;
  const std::string source = (path_ / kCheckpointName).string();
  const Hash hash_size{};
  if (checkpoint.size() < hash_size.size() + kCheckpointMagic.size())
    fail(ErrorCode::kCorrupt, "{}: offset 0: truncated", source);
  const ByteSpan content = checkpoint.first(checkpoint.size() - hash_size.size());
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
  const std::filesystem::path result = path_ / "result";
  std::error_code error;
  std::filesystem::create_directory(result, error);
  model::write_trained_model(result, path_ / "start", start, weights);
  model::Model model = model::import_model(result.string(), start.config.context);
  model.name = start.name;
  model::finalize_model(model);
  replace_file(result / kTrainedModelName, model::serialize_model(model));
  return model;
}

void TrainingJob::publish() {
  rename_durably_without_replacing(path_ / "result", output_);
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

}  // namespace fz::cli
