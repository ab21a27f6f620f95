// What others write as text: tokenizer.json, the header of a safetensors file, job files. The first byte chooses.
#include <nlohmann/json.hpp>

#include "jobs/job_reader.h"
#include "model/import.h"
#include "model/safetensors.h"
#include "model/tokenizer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/unit/model/checkpoint_writer.h"

namespace fz::fuzz {
namespace {

enum class Kind : std::uint8_t { kTokenizer, kSafetensors, kJob, kCount };

/// The 256 bytes by the letters of byte-level BPE, and a merge.
std::string tokenizer_json() {
  nlohmann::json vocabulary;
  int id = 0;
  for (char letter = 'a'; letter <= 'z'; ++letter) vocabulary[std::string(1, letter)] = id++;
  vocabulary["ab"] = id;
  const nlohmann::json json = {
      {"version", "1.0"},
      {"added_tokens", {{{"id", 27}, {"content", "<|end|>"}, {"special", true}}}},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"a b"}}}}};
  return json.dump();
}

}  // namespace

std::vector<Bytes> seeds() {
  return {with_kind(Kind::kTokenizer, as_byte_span(tokenizer_json())),
          with_kind(Kind::kSafetensors, model::safetensors_bytes({{"a.weight", {{2, 3}, {1, 2, 3, 4, 5, 6}}}})),
          with_kind(Kind::kJob,
                    as_byte_span("command: compress # one\ninputs: [a/, 'b']\nblock-size: 4MiB\nforce: true\n"))};
}

void use(ByteSpan input) {
  if (input.empty() || input[0] >= static_cast<std::uint8_t>(Kind::kCount)) return;
  const auto kind = static_cast<Kind>(input[0]);
  const ByteSpan content = input.subspan(1);
  if (kind == Kind::kJob) {
    jobs::parse_job(as_string_view(content), "job.yaml");
    return;
  }
  const MemoryFile file(content);
  if (kind == Kind::kTokenizer) {
    const model::Tokenizer tokenizer(model::import_tokenizer(file.path()), "tokenizer.json");
    tokenizer.encode(content.first(std::min<std::size_t>(content.size(), 200)));
    return;
  }
  const model::SafetensorsFile tensors(file.path());
  for (const auto& tensor : tensors.tensors()) try_use([&] { tensors.read_floats(tensor.first); });
}

}  // namespace fz::fuzz
