// Runs the tool in this process, with the fake model, and keeps what it said.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "cli/run.h"
#include "support/fake_text_codec.h"

namespace fz::test {

struct ToolResult {
  int exit_code = 0;
  std::string out;
  std::string err;
};

/// `weights` chooses the fake model inside the program; 0: loading it fails, so a command that needs none must not try.
/// Those below it were inside earlier programs and still are.
inline ToolResult run_tool(const std::vector<std::string>& arguments, std::uint8_t weights = 1) {
  cli::Parts parts;
  parts.models_inside = [weights] { return std::vector{FakeTextCodec(weights).identity()}; };
  parts.make_text_codec = [weights](const std::string& model_path, const shard::ModelIdentity& wanted,
                                    std::shared_ptr<ThreadPool>) -> std::unique_ptr<shard::TextCodec> {
    if (weights == 0) fail(ErrorCode::kModel, "test: no model here");
    if (model_path == "other.fzm") return std::make_unique<FakeTextCodec>(static_cast<std::uint8_t>(99));
    if (!model_path.empty()) fail(ErrorCode::kInput, "{}: cannot open", model_path);
    std::uint8_t former = weights;
    while (former > 1 && FakeTextCodec(former).identity() != wanted) --former;
    const bool is_inside = FakeTextCodec(former).identity() == wanted;
    return std::make_unique<FakeTextCodec>(is_inside ? former : weights);
  };
  std::ostringstream out;
  std::ostringstream err;
  const int exit_code = cli::run(arguments, out, err, parts);
  return {exit_code, out.str(), err.str()};
}

}  // namespace fz::test
